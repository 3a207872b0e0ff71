"""Hidden states of a batch as unit vectors, one a sequence: the mean over all positions (protocol.md 5.4).

Shapes: B sequences, L positions, H hidden size, K hidden states.
"""

from __future__ import annotations

from collections.abc import Callable
from contextlib import ExitStack

import torch
from torch import Tensor, nn

from trainables.model.architectures import ARCHITECTURES
from trainables.model.batches import Batch


def pooled(hidden_BLH: Tensor, mask_BL: Tensor) -> Tensor:
    """L2-normalised mean of the positions that are no padding, float32[B, H]."""
    hidden_BLH = hidden_BLH.float()
    mask_BL1 = mask_BL[..., None].to(hidden_BLH.dtype)
    mean_BH = (hidden_BLH * mask_BL1).sum(1) / mask_BL1.sum(1)
    return nn.functional.normalize(mean_BH, dim=-1)


def pooled_layers(encoder: nn.Module, layers: nn.ModuleList, batch: Batch) -> Tensor:
    """`pooled` of every hidden state, float32[K, B, H]: the input of each layer, then what the encoder gives.

    Each is what the encoder would give if the layers above were not there, with the norm that follows the last layer
    of some architectures; for others these are `hidden_states` of transformers. They are pooled as they appear, so
    that those of no two layers are held at once.
    """
    norm = _last_norm(encoder)
    found: list[Tensor] = []

    def take(hidden_BLH: Tensor) -> None:
        found.append(pooled(norm(hidden_BLH), batch.mask_BL))

    with ExitStack() as hooks:
        for layer in layers:
            hooks.callback(layer.register_forward_pre_hook(lambda _, given: take(given[0])).remove)
        given = encoder(input_ids=batch.ids_BL, attention_mask=batch.mask_BL)
    found.append(pooled(given.last_hidden_state, batch.mask_BL))
    assert len(found) == len(layers) + 1
    return torch.stack(found)


def _last_norm(encoder: nn.Module) -> Callable[[Tensor], Tensor]:
    name = ARCHITECTURES[encoder.config.model_type].last_norm  # type: ignore[union-attr, index]
    return encoder.get_submodule(name) if name else lambda hidden_BLH: hidden_BLH
