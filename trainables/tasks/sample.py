"""Sample: some rows of a task as the vectors of an encoder that nobody has trained on them.

Shapes: N readings, H hidden size.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from trainables.tasks.formats.base import Head


@dataclass(frozen=True, kw_only=True, eq=False)
class Sample:
    """Rows of one task in some languages.

    Attributes:
        task: its name.
        languages: of the rows.
        head: how the task is read.
        vectors: float[N, H]; alternatives of one question without what they have in common.
        labels: int64[N]; empty where the task has none.
        text: float[H], the mean of all sequences as wholes.
        rows: that were read.
    """

    task: str
    languages: tuple[str, ...]
    head: Head
    vectors: NDArray[np.floating]
    labels: NDArray[np.int64]
    text: NDArray[np.floating]
    rows: int

    @property
    def is_labelled(self) -> bool:
        """Whether there are two labels to tell apart at least."""
        return len(np.unique(self.labels)) > 1
