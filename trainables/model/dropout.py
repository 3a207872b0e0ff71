"""Dropout on a CPU: sixteen random bits an element in place of a draw from a Bernoulli distribution each.

PyTorch's own draws are a good part of a training step in bf16. The rate is rounded to whole 65,536ths and kept elements
are scaled by exactly its inverse, so nothing but the mask's random numbers differs.
"""

from __future__ import annotations

import torch
from torch import Tensor, nn

_STEPS = 65_536


def dropped_out(hidden: Tensor, rate: float) -> Tensor:
    """Elements zeroed with the rate, independently, and the others scaled so that the mean stays."""
    dropped = round(rate * _STEPS)
    if not dropped:
        return hidden
    if dropped >= _STEPS:
        return hidden * 0.0
    words = torch.empty((hidden.numel() + 3) // 4, dtype=torch.int64).random_(-(2**63), None)
    bits = words.view(torch.int16)[: hidden.numel()].view(hidden.shape)
    kept = (bits >= dropped - _STEPS // 2).to(hidden.dtype)
    return hidden * kept.mul_(_STEPS / (_STEPS - dropped))


class FastDropout(nn.Module):
    """A dropout layer."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.p = rate

    def forward(self, hidden: Tensor) -> Tensor:
        """Drop in training, pass on in evaluation."""
        return dropped_out(hidden, self.p) if self.training else hidden


def replace_dropout(module: nn.Module) -> None:
    """Replace every dropout layer inside a module."""
    for parent in list(module.modules()):
        for name, child in list(parent.named_children()):
            if isinstance(child, nn.Dropout):
                setattr(parent, name, FastDropout(child.p))
