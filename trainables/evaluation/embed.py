"""Sentence embeddings for retrieval (protocol.md 5.4): mean over all positions, `<s>` and `</s>` included.

Shapes: N sentences, B sequences of a batch, L positions, H hidden size.
"""

from __future__ import annotations

from collections.abc import Generator

import torch
from torch import Tensor, nn

from trainables.evaluation.predict import to_the_end, token_budget_batches
from trainables.model.batches import collate
from trainables.tasks.formats.base import Encoded


def cut_to_layer(encoder: nn.Module, layer: int) -> None:
    """Drop the layers above hidden state `layer` (0 is the embedding output), whose values do not depend on them."""
    stack = encoder.encoder.layer  # type: ignore[union-attr]
    assert isinstance(stack, nn.ModuleList)
    if layer > len(stack):
        raise ValueError(f"retrieval layer {layer} does not exist: the encoder has {len(stack)} layers")
    encoder.encoder.layer = stack[:layer]  # type: ignore[union-attr]


def embed(encoder: nn.Module, encoded: Encoded, *, pad_id: int, max_tokens: int) -> Tensor:
    """What `embedding` returns."""
    return to_the_end(embedding(encoder, encoded, pad_id=pad_id, max_tokens=max_tokens))


@torch.inference_mode()
def embedding(encoder: nn.Module, encoded: Encoded, *, pad_id: int, max_tokens: int) -> Generator[None, None, Tensor]:
    """L2-normalised embeddings, float32[N, H] on the CPU, of an encoder cut to the wanted layer.

    N counts sequences; those of one row follow one another. Yields between batches.
    """
    encoder.eval()
    device = next(encoder.parameters()).device
    found: Tensor | None = None
    for rows in token_budget_batches(encoded, max_tokens):
        batch = collate(encoded, rows, pad_id).to(device)
        hidden_BLH = encoder(input_ids=batch.ids_BL, attention_mask=batch.mask_BL).last_hidden_state.float()
        mask_BL1 = batch.mask_BL[..., None].to(hidden_BLH.dtype)
        mean_BH = (hidden_BLH * mask_BL1).sum(1) / mask_BL1.sum(1)
        unit_BH = nn.functional.normalize(mean_BH, dim=-1).cpu()
        if found is None:
            found = torch.empty(encoded.num_rows, encoded.group, unit_BH.shape[1])
        found[torch.from_numpy(rows)] = unit_BH.view(len(rows), encoded.group, -1)
        yield
    if found is None:
        raise ValueError("no sentences to embed")
    return found.flatten(0, 1)
