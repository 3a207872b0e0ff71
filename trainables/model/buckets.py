"""Token buckets: a row of sub-words filled up to one of few sizes, so that recorded launches can be played again.

CUDA graphs hold for the shapes they were recorded with. An unpadded batch has another number of sub-words nearly every
time; filled up to the next bucket, a task has a handful. What fills is one more sequence of padding, which no other
sequence sees and no head reads, so results stay as they are.

Shapes: T sub-words of a row, P read ones.
"""

from __future__ import annotations

import torch
from torch import Tensor
from torch.nn import functional

FINEST = 16
"""Fewest sub-words between two buckets."""
COARSEST = 256
"""Most sub-words between two buckets, and so in the sequence that fills."""


def bucket(size: int) -> int:
    """The smallest bucket that holds `size`; up to an eighth larger, beyond `FINEST`."""
    step = min(max(FINEST, 2 ** (size.bit_length() - 4)), COARSEST)
    return -(-size // step) * step


def fill(ids_T: Tensor, positions_T: Tensor, starts: Tensor, pad_id: int) -> tuple[Tensor, Tensor, Tensor]:
    """The row with one more sequence, of one sub-word or more, that ends at a bucket; all at the first position."""
    size = len(ids_T)
    filling = bucket(size + 1) - size
    return (
        functional.pad(ids_T, (0, filling), value=pad_id),
        torch.cat([positions_T, positions_T[:1].expand(filling)]),
        functional.pad(starts, (0, 1), value=size + filling),
    )


def fill_reads(reads_P: Tensor) -> Tensor:
    """The read sub-words, filled up to a bucket by reading the first once more."""
    return functional.pad(reads_P, (0, bucket(len(reads_P)) - len(reads_P)))
