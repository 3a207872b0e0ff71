"""Batches: rows of token ids -> the tensors an encoder takes.

Shapes: B sequences (rows x choices), L longest sequence, T sub-words and P labelled positions of all together.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, fields, replace

import numpy as np
import torch
from torch import Tensor

from trainables.tasks.formats.base import Encoded


@dataclass(frozen=True, kw_only=True)
class Batch:
    """Tensors of some rows.

    Attributes:
        ids_BL: int64 token ids, padded.
        mask_BL: int64, 1 for tokens and 0 for padding.
        places_T: int64, where each sub-word is in the flattened `ids_BL`.
        offsets_T: int64, where each sub-word is in its sequence.
        starts: int32[B + 1], where each sequence begins among the T sub-words.
        labels_R: int64 class or choice index a row.
        sequence_P, position_P: which sequence and where in it each labelled position is (tagging, MLM).
        targets_P: int64 tag or vocabulary index.
        spans_R2: int64 start and end position.
        lengths: sub-words of each sequence.
        positions: labelled positions of each sequence.
        group: sequences a row.
    """

    ids_BL: Tensor
    mask_BL: Tensor
    places_T: Tensor
    offsets_T: Tensor
    starts: Tensor
    labels_R: Tensor
    sequence_P: Tensor
    position_P: Tensor
    targets_P: Tensor
    spans_R2: Tensor
    lengths: tuple[int, ...]
    positions: tuple[int, ...]
    group: int

    def to(self, device: torch.device) -> Batch:
        """The same batch on a device. From pinned memory, so that the host goes on while the GPU still computes."""
        if self.ids_BL.device == device:
            return self
        tensors = {field.name: getattr(self, field.name) for field in fields(self)[:-3]}
        if device.type == "cuda":
            tensors = {name: tensor.pin_memory() for name, tensor in tensors.items()}
        return replace(self, **{name: tensor.to(device, non_blocking=True) for name, tensor in tensors.items()})


def loss_units(encoded: Encoded, rows: np.ndarray) -> int:
    """Terms of the loss over some rows: labelled positions where a format has them, rows elsewhere."""
    if len(encoded.word_positions):
        return int(encoded.word_positions.lengths[rows].sum())
    return len(rows)


def collate(encoded: Encoded, rows: np.ndarray, pad_id: int) -> Batch:
    """Pad the sequences of `rows` to the longest of them."""
    group = encoded.group
    sequences = encoded.sequences.take((np.asarray(rows)[:, None] * group + np.arange(group)).ravel())
    lengths = sequences.lengths
    ids = np.full((len(lengths), lengths.max()), pad_id, np.int64)
    filled = np.arange(lengths.max()) < lengths[:, None]
    ids[filled] = sequences.values
    positions = encoded.word_positions.take(rows) if len(encoded.word_positions) else encoded.word_positions
    return Batch(
        ids_BL=torch.from_numpy(ids),
        mask_BL=torch.from_numpy(filled.astype(np.int64)),
        places_T=torch.from_numpy(np.flatnonzero(filled)),
        offsets_T=torch.from_numpy(np.arange(sequences.offsets[-1]) - np.repeat(sequences.offsets[:-1], lengths)),
        starts=torch.from_numpy(sequences.offsets.astype(np.int32)),
        labels_R=torch.from_numpy(encoded.labels[rows] if len(encoded.labels) else np.zeros(0, np.int64)),
        sequence_P=torch.from_numpy(np.repeat(np.arange(len(positions)), positions.lengths)),
        position_P=torch.from_numpy(positions.values.astype(np.int64)),
        targets_P=torch.from_numpy(
            (encoded.tags.take(rows) if len(encoded.tags) else encoded.tags).values.astype(np.int64)
        ),
        spans_R2=torch.from_numpy(encoded.spans[rows] if len(encoded.spans) else np.zeros((0, 2), np.int64)),
        lengths=tuple(lengths.tolist()),
        positions=tuple(positions.lengths.tolist()),
        group=group,
    )


def micro_batches(
    encoded: Encoded, rows: np.ndarray, max_rows: int, max_tokens: int, *, padded: bool = True
) -> list[np.ndarray]:
    """Split the rows of one effective batch into forward passes of rows of similar length.

    A pass has at most `max_rows` rows. Padded to its longest, it has at most `max_tokens` sub-words, one row at least;
    unpadded, the passes are about equal and have about `max_tokens` or fewer. 0 is no limit. Without limits the batch
    stays as it is.
    """
    if not max_rows and not max_tokens:
        return [rows]
    lengths = row_lengths(encoded)[rows] * encoded.group
    order = np.argsort(-lengths, kind="stable")
    passes: list[np.ndarray] = []
    if padded:
        start = 0
        while start < len(order):
            end = start + (max(1, max_tokens // int(lengths[order[start]])) if max_tokens else len(order))
            passes.append(rows[order[start:end]])
            start = end
    else:
        tokens = encoded.sequences.lengths.reshape(-1, encoded.group).sum(axis=1)[rows[order]]
        num_passes = math.ceil(tokens.sum() / max_tokens) if max_tokens else 1
        number = (np.cumsum(tokens) - tokens / 2) * num_passes // tokens.sum()
        passes = np.split(rows[order], np.flatnonzero(np.diff(number)) + 1)
    size = max_rows or len(rows)
    return [own[start : start + size] for own in passes for start in range(0, len(own), size)]


def row_lengths(encoded: Encoded) -> np.ndarray:
    """Longest sequence of each row, int64[R]."""
    lengths = encoded.sequences.lengths
    return lengths.reshape(-1, encoded.group).max(axis=1) if len(lengths) else lengths
