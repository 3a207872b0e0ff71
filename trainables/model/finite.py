"""Weights and embeddings are numbers: NaN and infinity are said to be in the encoder, where they come from."""

from __future__ import annotations

import torch
from torch import Tensor, nn


class NotFiniteError(ValueError):
    """An encoder with weights, or embeddings from it, that are not finite numbers."""


def check_finite(module: nn.Module, name: str) -> None:
    """Raise NotFiniteError, naming the encoder and its first weight that is not finite."""
    for weight, tensor in module.named_parameters():
        if not is_finite(tensor.detach()):
            count = int((~tensor.detach().isfinite()).sum())
            raise NotFiniteError(
                f"{name} has {count:,} of {tensor.numel():,} numbers in {weight!r} that are not finite (NaN or "
                "infinity): the encoder is damaged, or its training diverged. Take another, or download it again"
            )


def is_finite(tensor: Tensor) -> bool:
    """Whether all numbers are finite; one pass without a copy where they are."""
    return bool(torch.isfinite(tensor.sum())) or bool(tensor.isfinite().all())
