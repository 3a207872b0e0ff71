"""Dropout on a CPU: sixteen random bits an element in place of a draw from a Bernoulli distribution each.

PyTorch's own draws are a good part of a training step in bf16. The rate is rounded to whole 65,536ths and kept elements
are scaled by exactly its inverse, so nothing but the mask's random numbers differs.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional
from transformers import AttentionInterface
from transformers.masking_utils import ALL_MASK_ATTENTION_FUNCTIONS, AttentionMaskInterface

NAME = "fast_dropout"
"""Name of the attention among transformers' implementations."""
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


def register() -> None:
    """Make the attention known to transformers under its name; as often as one likes."""
    AttentionInterface.register(NAME, attention)
    AttentionMaskInterface.register(NAME, ALL_MASK_ATTENTION_FUNCTIONS["sdpa"])


def attention(
    module: nn.Module,
    query_BALD: Tensor,
    key_BALD: Tensor,
    value_BALD: Tensor,
    attention_mask: Tensor | None,
    *,
    dropout: float = 0.0,
    scaling: float,
    **_: Any,
) -> tuple[Tensor, None]:
    """Plain attention, [B, L, A, D]; `attention_mask` is true where one may look, None for everywhere."""
    scores_BALL = torch.matmul(query_BALD * scaling, key_BALD.transpose(2, 3))
    if attention_mask is not None:
        scores_BALL = scores_BALL.masked_fill(~attention_mask, float("-inf"))
    weights_BALL = functional.softmax(scores_BALL, dim=-1).to(query_BALD.dtype)
    if dropout:
        weights_BALL = dropped_out(weights_BALL, dropout)
    return torch.matmul(weights_BALL, value_BALD).transpose(1, 2), None
