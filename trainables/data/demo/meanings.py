"""Seeded draws of events: who did what, where and when."""

from collections.abc import Callable, Hashable
from random import Random
from typing import TypeVar

from trainables.data.demo.lexicon import load_lexicon
from trainables.data.demo.sentences import Event

T = TypeVar("T")

OPPOSITES = {
    "buy": "sell",
    "find": "lose",
    "work": "sleep",
    "laugh": "cry",
    "big": "small",
    "old": "new",
    "clean": "dirty",
    "expensive": "cheap",
    "white": "black",
}
OPPOSITES |= {right: left for left, right in OPPOSITES.items()}

_MOST_DRAWS_PER_ROW = 500


def _itself(item: T) -> T:
    return item


def concepts(section: str) -> list[str]:
    """All concepts of a category, in the order of the English table."""
    return list(load_lexicon("en").concepts[section])


def pick(rng: Random, section: str, *unwanted: str) -> str:
    """One concept of a category that is not among `unwanted`."""
    return rng.choice([concept for concept in concepts(section) if concept not in unwanted])


def draw_name(rng: Random, *unwanted: str) -> str:
    """A person's name; a surname in half of the cases. First names in `unwanted` are left out."""
    first = pick(rng, "names", *(name.split()[0] for name in unwanted))
    return f"{first} {pick(rng, 'surnames')}" if rng.random() < 0.5 else first


def draw_time(rng: Random) -> str:
    """A time of day, a season, a day or (three in ten) a year."""
    return str(rng.randrange(1950, 2020)) if rng.random() < 0.3 else pick(rng, "times")


def draw_subject(rng: Random) -> str:
    """A profession or relation, or (four in ten) a name."""
    return draw_name(rng) if rng.random() < 0.4 else pick(rng, "people")


def draw_event(rng: Random) -> Event:
    """Somebody did something to an object, at a place and a time."""
    return Event(
        kind="event",
        subject=draw_subject(rng),
        verb=pick(rng, "transitive"),
        object=pick(rng, "objects") + (".three" if rng.random() < 0.3 else ""),
        place=pick(rng, "places"),
        time=draw_time(rng),
    )


def draw_activity(rng: Random) -> Event:
    """Somebody did something at a place and a time."""
    return Event(
        kind="activity",
        subject=draw_subject(rng),
        verb=pick(rng, "intransitive"),
        place=pick(rng, "places"),
        time=draw_time(rng),
    )


def draw_state(rng: Random) -> Event:
    """A thing has a property."""
    return Event(kind="state", thing=pick(rng, "things"), adjective=pick(rng, "adjectives"))


def draw_journey(rng: Random) -> Event:
    """Somebody with a name travelled between two cities."""
    origin = pick(rng, "cities")
    destination = pick(rng, "cities", origin)
    return Event(
        kind="journey",
        subject=draw_name(rng),
        verb="travel",
        origin=origin,
        destination=destination,
        time=draw_time(rng),
    )


def draw_opening(rng: Random) -> Event:
    """An organisation opened a building in a city, in a given year."""
    return Event(
        kind="opening",
        org=pick(rng, "orgs"),
        building=pick(rng, "buildings"),
        city=pick(rng, "cities"),
        time=str(rng.randrange(1950, 2020)),
    )


def draw_gift(rng: Random) -> Event:
    """One person gave another an object; said only in the languages of PAWS-X."""
    giver = draw_name(rng)
    return Event(
        kind="gift",
        subject=giver,
        recipient=draw_name(rng, giver),
        object=pick(rng, "objects"),
        place=pick(rng, "places"),
        time=draw_time(rng),
    )


def distinct(draw: Callable[[], T], count: int, seen: set[Hashable], key: Callable[[T], Hashable] = _itself) -> list[T]:
    """Draw `count` items whose keys (by default the items) are new to `seen`, and add the keys to it.

    A `seen` shared between splits keeps evaluation rows out of the training rows.
    """
    items: list[T] = []
    for _ in range(count * _MOST_DRAWS_PER_ROW):
        if len(items) == count:
            return items
        item = draw()
        if key(item) not in seen:
            seen.add(key(item))
            items.append(item)
    raise AssertionError(f"the lexicon is too small for {count} distinct items: {len(items)} found")
