"""Word tagging: universal parts of speech (udpos) and named entities (PAN-X), read off the tokens of sentences."""

from collections.abc import Callable
from random import Random

from trainables.data.demo.lexicon import Lexicon, load_lexicon
from trainables.data.demo.meanings import (
    distinct,
    draw_activity,
    draw_event,
    draw_journey,
    draw_name,
    draw_opening,
    draw_state,
)
from trainables.data.demo.nli import Statement
from trainables.data.demo.schemas import NER_NAMES, UPOS_NAMES
from trainables.data.demo.sentences import Sentence, Token, realise

_SPOKEN = {
    "event": ("", "alt", "who", "what", "where", "when"),
    "activity": ("", "alt", "not", "who", "where"),
    "state": ("", "not"),
    "journey": ("", "alt"),
    "opening": ("", "alt"),
}
_BY_CHARACTER = ("zh", "ja")


def statements(seed: str, *counts: int) -> list[list[Statement]]:
    """Splits of statements and questions of all kinds, without a common one."""
    rng = Random(f"statements {seed}")
    draws = (draw_event, draw_event, draw_activity, draw_state, draw_journey, draw_opening)

    def draw() -> Statement:
        event = rng.choice(draws)(rng)
        return event, rng.choice(_SPOKEN[event.kind])

    return _splits(draw, counts)


def entity_statements(seed: str, *counts: int) -> list[list[Statement]]:
    """Splits of statements that name a person, an organisation or a city, without a common one."""
    rng = Random(f"entities {seed}")

    def draw() -> Statement:
        event = rng.choice((draw_journey, draw_journey, draw_opening, draw_opening, draw_event, draw_activity))(rng)
        if event.kind in ("event", "activity"):
            event = event.but(subject=draw_name(rng))
        return event, rng.choice(("", "alt"))

    return _splits(draw, counts)


def udpos_rows(items: list[Statement], language: str) -> list[dict]:
    """Rows of `google/xtreme` udpos; contractions such as "im" stay one word, as in the released XTREME files."""
    return [
        {
            "tokens": [token.text for token in sentence.tokens],
            "pos_tags": [UPOS_NAMES.index(token.tag) for token in sentence.tokens],
        }
        for sentence in _said(items, load_lexicon(language))
    ]


def panx_rows(items: list[Statement], language: str) -> list[dict]:
    """Rows of `google/xtreme` PAN-X: IOB2 tags; Chinese and Japanese are cut into characters as in WikiAnn."""
    rows = []
    for sentence in _said(items, load_lexicon(language)):
        tokens, tags = [], []
        previous = ""
        for token in sentence.tokens:
            kind = f"{token.slot} {token.entity}" if token.entity else ""
            for unit in _units(token, language):
                tokens.append(unit)
                inside = "I" if kind == previous else "B"
                tags.append(NER_NAMES.index(f"{inside}-{token.entity}" if kind else "O"))
                previous = kind
        rows.append({"tokens": tokens, "ner_tags": tags, "langs": [language] * len(tokens)})
    return rows


def _units(token: Token, language: str) -> list[str]:
    return list(token.text) if language in _BY_CHARACTER and not token.text.isascii() else [token.text]


def _said(items: list[Statement], lexicon: Lexicon) -> list[Sentence]:
    return [realise(lexicon, *item) for item in items]


def _splits(draw: Callable[[], Statement], counts: tuple[int, ...]) -> list[list[Statement]]:
    """Statements that differ in English: a question does not say all that its event holds."""
    lexicon = load_lexicon("en")
    seen: set = set()
    return [distinct(draw, count, seen, lambda item: realise(lexicon, *item).text) for count in counts]
