"""Ragged: arrays of different lengths, end to end in one array, as Arrow keeps its lists."""

from __future__ import annotations

import itertools
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, eq=False, slots=True)
class Ragged:
    """N arrays; array n is `values[offsets[n] : offsets[n + 1]]`. Both may lie in a memory-mapped file.

    Attributes:
        values: all elements.
        offsets: int64[N + 1], rising; the first need not be 0.
    """

    values: NDArray[Any]
    offsets: NDArray[np.int64]

    @classmethod
    def of(cls, arrays: Iterable[NDArray[Any]], dtype: type[np.generic] = np.int32) -> Ragged:
        """Copies of the arrays, joined."""
        known = list(arrays)
        offsets = np.zeros(len(known) + 1, np.int64)
        np.cumsum([len(array) for array in known], out=offsets[1:])
        return cls(np.concatenate(known).astype(dtype, copy=False) if known else np.zeros(0, dtype), offsets)

    @classmethod
    def empty(cls, dtype: type[np.generic] = np.int32) -> Ragged:
        """No arrays."""
        return cls.of((), dtype)

    @classmethod
    def joined(cls, parts: Sequence[Ragged]) -> Ragged:
        """Copies of all arrays of all parts."""
        offsets = np.zeros(sum(map(len, parts)) + 1, np.int64)
        np.cumsum(np.concatenate([part.lengths for part in parts]), out=offsets[1:])
        return cls(np.concatenate([part.used for part in parts]), offsets)

    @property
    def lengths(self) -> NDArray[np.int64]:
        """int64[N]."""
        return np.diff(self.offsets)

    @property
    def used(self) -> NDArray[Any]:
        """All elements of all arrays, and no others."""
        return self.values[self.offsets[0] : self.offsets[-1]]

    def take(self, places: NDArray[np.integer[Any]]) -> Ragged:
        """Copies of some of the arrays, in the order given."""
        lengths = self.lengths[places]
        offsets = np.zeros(len(places) + 1, np.int64)
        np.cumsum(lengths, out=offsets[1:])
        shifts = np.repeat(self.offsets[:-1][places] - offsets[:-1], lengths)
        return Ragged(self.values[shifts + np.arange(offsets[-1])], offsets)

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, place: int) -> NDArray[Any]:
        """A view of array `place`; raises IndexError when there is none."""
        if not 0 <= place < len(self):
            raise IndexError(f"array {place} of {len(self)}")
        return self.values[self.offsets[place] : self.offsets[place + 1]]

    def __iter__(self) -> Iterator[NDArray[Any]]:
        bounds = self.offsets.tolist()
        return (self.values[first:last] for first, last in itertools.pairwise(bounds))
