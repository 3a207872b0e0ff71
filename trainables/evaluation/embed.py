"""Sentence embeddings for retrieval (protocol.md 5.4): mean over all positions, `<s>` and `</s>` included.

Shapes: N sentences, B sequences of a batch, L positions, H hidden size, K hidden states.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from pathlib import Path

import numpy as np
import torch
from torch import Tensor, nn

from trainables.evaluation.hidden_states import pooled, pooled_layers
from trainables.evaluation.predict import in_batches, to_the_end
from trainables.evaluation.room import room
from trainables.model.batches import Batch, collate
from trainables.model.layers import layers_of, set_layers
from trainables.tasks.formats.base import Encoded


def cut_to_layer(encoder: nn.Module, layer: int) -> None:
    """Drop the layers above hidden state `layer` (0 is the embedding output), whose values do not depend on them."""
    stack = layers_of(encoder)
    if layer > len(stack):
        raise ValueError(f"retrieval layer {layer} does not exist: the encoder has {len(stack)} layers")
    set_layers(encoder, stack[:layer])


def embed(encoder: nn.Module, encoded: Encoded, *, pad_id: int, max_tokens: int) -> Tensor:
    """What `embedding` returns."""
    return to_the_end(embedding(encoder, encoded, pad_id=pad_id, max_tokens=max_tokens))


def embedding(encoder: nn.Module, encoded: Encoded, *, pad_id: int, max_tokens: int) -> Generator[None, None, Tensor]:
    """L2-normalised embeddings, float32[N, H] on the CPU, of an encoder cut to the wanted layer.

    N counts sequences; those of one row follow one another. Yields between batches.
    """

    def of_last(batch: Batch) -> Tensor:
        given = encoder(input_ids=batch.ids_BL, attention_mask=batch.mask_BL)
        return pooled(given.last_hidden_state, batch.mask_BL)[None]

    [found_NH] = yield from _embedding(encoder, encoded, of_last, torch.empty, pad_id, max_tokens)
    return found_NH


def embedding_layers(
    encoder: nn.Module, encoded: Encoded, *, pad_id: int, max_tokens: int, folder: Path
) -> Generator[None, None, Tensor]:
    """L2-normalised embeddings by every hidden state, float32[K, N, H], of a whole encoder, in one pass.

    Entry k is bit for bit what `embedding` gives for the encoder cut to hidden state k. All of it takes 4 K N H bytes:
    of XLM-R Large (25 states, 1,024 wide) 205 MB for the 2,000 sentences of a Tatoeba pair, 4.1 GB for a corpus of
    40,000. More than `room.RESIDENT_BYTES` lies in a file without a name in `folder`, in the memory of which the
    operating system keeps what it has space for; raises OSError where the disk has no room. Yields between batches.
    """

    def of_every(batch: Batch) -> Tensor:
        return pooled_layers(encoder, layers_of(encoder), batch)

    return (yield from _embedding(encoder, encoded, of_every, lambda *shape: room(shape, folder), pad_id, max_tokens))


@torch.inference_mode()
def _embedding(
    encoder: nn.Module,
    encoded: Encoded,
    states: Callable[[Batch], Tensor],
    made: Callable[..., Tensor],
    pad_id: int,
    max_tokens: int,
) -> Generator[None, None, Tensor]:
    """float32[K, N, H], made by `made` of four numbers, from what `states` gives for a batch, [K, B, H]."""
    encoder.eval()
    device = next(encoder.parameters()).device
    found: Tensor | None = None

    def of(rows: np.ndarray) -> Tensor:
        return states(collate(encoded, rows, pad_id).to(device)).cpu()

    for rows, unit_KBH in in_batches(encoded, max_tokens, of):
        num_states, _, width = unit_KBH.shape
        if found is None:
            found = made(num_states, encoded.num_rows, encoded.group, width)
        found[:, torch.from_numpy(rows)] = unit_KBH.view(num_states, len(rows), encoded.group, width)
        yield
    if found is None:
        raise ValueError("no sentences to embed")
    return found.flatten(1, 2)
