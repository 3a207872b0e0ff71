"""Shared rows: which rows of an evaluated split were in what a run trained or stopped on, by their id or their text.

XQuAD's English questions are of SQuAD's development set, which stops the training of both.
"""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass

from trainables.tasks.examples import Example


@dataclass(frozen=True, kw_only=True)
class Shared:
    """Evaluated rows that are among others.

    Attributes:
        rows: evaluated rows in all.
        by_id: those whose id is there. Ids that are the number of a row in its file are never shared.
        by_text: those whose texts are there, whatever case and spaces.
        either: those with the one or the other.
    """

    rows: int
    by_id: int
    by_text: int
    either: int


class SeenRows:
    """Rows among which others are looked for; labels are not looked at."""

    def __init__(self, examples: Iterable[Example]) -> None:
        self._ids, self._texts = set(), set()
        for example in examples:
            self._ids.add(example.id)
            self._texts.add(_text(example))

    def has_id(self, example: Example) -> bool:
        """Whether a row has the id; one that is the number of a row in its file is never the same."""
        return not example.id.isdigit() and example.id in self._ids

    def has_text(self, example: Example) -> bool:
        """Whether a row has the texts, whatever case and spaces."""
        return _text(example) in self._texts


def shared_rows(seen: Iterable[Example], evaluated: Iterable[Example]) -> Shared:
    """The evaluated rows that were seen, counted."""
    rows = SeenRows(seen)
    found = [(rows.has_id(example), rows.has_text(example)) for example in evaluated]
    return Shared(
        rows=len(found),
        by_id=sum(by_id for by_id, _ in found),
        by_text=sum(by_text for _, by_text in found),
        either=sum(by_id or by_text for by_id, by_text in found),
    )


def _text(example: Example) -> int:
    """Of the texts, without case and spaces; a hash, for there are half a million of them."""
    return hash(tuple(" ".join(text.casefold().split()) for text in example.texts))
