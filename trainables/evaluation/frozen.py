"""Vectors of an encoder that is not trained, where `readings` ask for them, in one pass over the rows.

Shapes: B sequences of a batch, S sequences, N readings, H hidden size.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn

from trainables.evaluation.hidden_states import pooled
from trainables.evaluation.predict import in_batches
from trainables.model.batches import collate
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.readings import POOLED, Readings

Vectors = NDArray[np.float32]


@torch.inference_mode()
def read_vectors(
    encoder: nn.Module, encoded: Encoded, asked: Readings, *, pad_id: int, max_tokens: int
) -> tuple[Vectors, Vectors]:
    """The vectors of the readings, float32[N, H], and those of all sequences as a whole, float32[S, H].

    A whole sequence is the mean over its positions, of length 1; one position is what the last hidden state has there.
    """
    encoder.eval()
    device = next(encoder.parameters()).device
    found: dict[int, NDArray[np.float32]] = {}
    of_sequence: dict[int, list[int]] = {}
    for number, sequence in enumerate(asked.sequences.tolist()):
        of_sequence.setdefault(sequence, []).append(number)
    whole: list[NDArray[np.float32] | None] = [None] * len(encoded.sequences)

    def of(rows: NDArray[np.intp]) -> None:
        batch = collate(encoded, rows, pad_id).to(device)
        hidden_BLH = encoder(input_ids=batch.ids_BL, attention_mask=batch.mask_BL).last_hidden_state
        pooled_BH = pooled(hidden_BLH, batch.mask_BL).cpu().numpy()
        sequences = (np.asarray(rows)[:, None] * encoded.group + np.arange(encoded.group)).ravel().tolist()
        for place, sequence in enumerate(sequences):
            whole[sequence] = pooled_BH[place]
            numbers = of_sequence.get(sequence, [])
            positions = asked.positions[numbers]
            if len(positions) and (positions != POOLED).any():
                found.update(zip(numbers, hidden_BLH[place, positions].float().cpu().numpy(), strict=True))

    for _ in in_batches(encoded, max_tokens, of):
        pass
    whole_SH = np.stack([vector for vector in whole if vector is not None])
    if (asked.positions == POOLED).all():
        return whole_SH[asked.sequences], whole_SH
    return np.stack([found[number] for number in range(len(asked.sequences))]), whole_SH
