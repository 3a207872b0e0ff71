"""Windows of a context that is longer than one input (protocol.md 4.5 and 8.6).

Shapes: N sub-words of the context, V windows of one question.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.tasks.formats.ragged import Ragged

DOCUMENT_STEP = 128
"""Sub-words between the starts of two windows; their overlap is what is left of a window."""

LONGEST_ANSWER = 30
"""Sub-words of the longest answer that is looked for."""


@dataclass(frozen=True, slots=True)
class Window:
    """A stretch of a context inside one sequence.

    Attributes:
        position: where the stretch begins in the sequence.
        begins, ends: int32[n], characters of each of its sub-words in the context; ends are those after trimming.
        best_context: bool[n], whether this window shows the sub-word with more context than the others do.
    """

    position: int
    begins: NDArray[np.int32]
    ends: NDArray[np.int32]
    best_context: NDArray[np.bool_]


@dataclass(frozen=True, eq=False, slots=True)
class Windows:
    """Many windows, attribute by attribute."""

    positions: NDArray[np.int32]
    begins: Ragged
    ends: Ragged
    best_contexts: Ragged

    @classmethod
    def of(cls, windows: Sequence[Window]) -> Windows:
        """Copies of the windows, joined."""
        return cls(
            np.array([window.position for window in windows], np.int32),
            Ragged.of(window.begins for window in windows),
            Ragged.of(window.ends for window in windows),
            Ragged.of((window.best_context for window in windows), np.bool_),
        )

    @classmethod
    def joined(cls, parts: Sequence[Windows]) -> Windows:
        """Copies of all windows of all parts."""
        return cls(
            np.concatenate([part.positions for part in parts]),
            Ragged.joined([part.begins for part in parts]),
            Ragged.joined([part.ends for part in parts]),
            Ragged.joined([part.best_contexts for part in parts]),
        )

    @classmethod
    def empty(cls) -> Windows:
        """No windows."""
        return cls.of(())

    def __len__(self) -> int:
        return len(self.positions)

    def __getitem__(self, place: int) -> Window:
        """Window `place`; raises IndexError when there is none."""
        return Window(int(self.positions[place]), self.begins[place], self.ends[place], self.best_contexts[place])


def window_ranges(num_tokens: int, room: int) -> list[tuple[int, int]]:
    """First and last (exclusive) sub-word of every window, until one reaches the end; one empty window for no tokens.

    The step is 128. Where so little fits that a step of 128 would lose answers between windows, neighbours overlap by
    the longest answer or by half, whichever is less.
    """
    step = min(DOCUMENT_STEP, max(room - LONGEST_ANSWER, (room + 1) // 2))
    ranges = [(0, min(room, num_tokens))]
    while ranges[-1][1] < num_tokens:
        start = ranges[-1][0] + step
        ranges.append((start, min(start + room, num_tokens)))
    return ranges


def best_contexts(ranges: Sequence[tuple[int, int]]) -> list[NDArray[np.bool_]]:
    """For every window bool[n]: whether it gives the sub-word the most context; the earlier window on a tie.

    Context is the smaller of what is left and right of the sub-word, plus a hundredth of the window's length.
    """
    if len(ranges) == 1:
        return [np.ones(ranges[0][1] - ranges[0][0], dtype=bool)]
    num_tokens = ranges[-1][1]
    tokens = np.arange(num_tokens)
    context_VN = np.full((len(ranges), num_tokens), -1.0)
    for row, (first, last) in zip(context_VN, ranges, strict=True):
        inside = tokens[first:last]
        row[first:last] = np.minimum(inside - first, last - 1 - inside) + 0.01 * (last - first)
    best_N = context_VN.argmax(axis=0)
    return [best_N[first:last] == number for number, (first, last) in enumerate(ranges)]
