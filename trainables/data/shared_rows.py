"""Shared rows: which rows of an evaluated split were in what a run trained or stopped on, by their id or their text.

XQuAD's English questions are of SQuAD's development set, which stops the training of both.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.tasks.examples import Example

RowHashes = NDArray[np.uint64]


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
    """Rows among which others are looked for, as hashes; labels are not looked at."""

    def __init__(self, hashes: RowHashes) -> None:
        """`hashes` is uint64[2, R]: of the ids and of the texts of R rows."""
        self._ids, self._texts = (frozenset(part.tolist()) for part in hashes)

    def has_id(self, example: Example) -> bool:
        """Whether a row has the id; one that is the number of a row in its file is never the same."""
        return not example.id.isdigit() and _hash(example.id) in self._ids

    def has_text(self, example: Example) -> bool:
        """Whether a row has the texts, whatever case and spaces."""
        return _text(example) in self._texts

    def shared(self, evaluated: Iterable[Example]) -> Shared:
        """The evaluated rows that are among these, counted."""
        found = [(self.has_id(example), self.has_text(example)) for example in evaluated]
        return Shared(
            rows=len(found),
            by_id=sum(by_id for by_id, _ in found),
            by_text=sum(by_text for _, by_text in found),
            either=sum(by_id or by_text for by_id, by_text in found),
        )


def row_hashes(examples: Iterable[Example]) -> RowHashes:
    """uint64[2, R] of the ids and the texts of R rows, the same on every machine."""
    pairs = [(_hash(example.id), _text(example)) for example in examples]
    return np.array(pairs, dtype=np.uint64).reshape(-1, 2).T


def shared_rows(seen: Iterable[Example], evaluated: Iterable[Example]) -> Shared:
    """The evaluated rows that were seen, counted."""
    return SeenRows(row_hashes(seen)).shared(evaluated)


def _text(example: Example) -> int:
    """Of the texts, without case and spaces."""
    return _hash("\0".join(" ".join(text.casefold().split()) for text in example.texts))


def _hash(text: str) -> int:
    return int.from_bytes(hashlib.blake2b(text.encode(errors="surrogatepass"), digest_size=8).digest(), "big")
