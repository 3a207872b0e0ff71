"""Numbers of a plan in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from trainables.ledger.standing import Standing
from trainables.ledger.states import State

_CELL_STATES = (State.DONE, State.FAILED, State.BLOCKED, State.NO_DATA, State.DROPPED, State.PENDING)

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


_UNITS = ((_DAY, "days"), (_HOUR, "h"), (_MINUTE, "min"))


def duration(seconds: float) -> str:
    """About so long, for example `3.0 min` or `1.5 days`."""
    for unit, name in _UNITS:
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"


def how_many(number: int, thing: str) -> str:
    """So many of a thing, for example `1 cell` or `2 cells`."""
    return f"{number:,} {thing}" if number == 1 else f"{number:,} {thing}s"


def durations(low: float, high: float) -> str:
    """From so long to so long, for example `1.5 to 3.0 days` or `50.0 min to 1.2 h`."""
    first, last = duration(low), duration(high)
    value, _, unit = first.partition(" ")
    return f"{value if last.endswith(f' {unit}') else first} to {last}"


def in_states(standings: Iterable[Standing]) -> str:
    """How many cells are in which state when nothing is running, for example `3 done, 1 no data`."""
    counts = Counter(found.state for found in standings)
    return ", ".join(f"{counts[state]} {state}" for state in _CELL_STATES if counts[state])
