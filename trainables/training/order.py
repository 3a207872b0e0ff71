"""Row order: which rows the n-th batch of a task holds.

A new shuffle every epoch, the last batch of an epoch may be short. The answer depends on (seed, task, n) alone, so
nothing has to be saved for a resumed run to continue in the same place.
"""

from __future__ import annotations

import zlib

import numpy as np


class RowOrder:
    """Batches of one task's row indices."""

    def __init__(self, num_rows: int, batch_size: int, seed: int, task: str) -> None:
        if num_rows < 1:
            raise ValueError(f"task {task} has no training rows")
        self._num_rows = num_rows
        self._batch_size = batch_size
        self._key = (seed, 2, zlib.crc32(task.encode()))
        self._epoch = -1
        self._shuffled = np.zeros(0, np.int64)

    def batch(self, index: int) -> np.ndarray:
        """Row indices of batch `index`, counted from 0 over all epochs."""
        epoch, place = divmod(index, -(-self._num_rows // self._batch_size))
        if epoch != self._epoch:
            self._shuffled = np.random.default_rng((*self._key, epoch)).permutation(self._num_rows)
            self._epoch = epoch
        return self._shuffled[place * self._batch_size : (place + 1) * self._batch_size]
