"""AdamW with linear warm-up and decay (protocol.md 2.3)."""

from __future__ import annotations

import math

import torch
from torch import nn

from trainables.ledger.spec import Optimisation

BETAS = (0.9, 0.999)
EPSILON = 1e-8


def learning_rate(step: int, total: int, peak: float, warmup_fraction: float) -> float:
    """Learning rate of update `step` (counted from 0): linear rise over the warm-up steps, linear fall to 0."""
    warmup = int(warmup_fraction * total)
    if step < warmup:
        return peak * step / warmup
    return peak * (total - step) / max(1, total - warmup)


def decay_factor(steps: int, total: int, settings: Optimisation) -> float:
    """What AdamW's weight decay alone does to a parameter in the first `steps` updates."""
    logs = (
        math.log1p(
            -learning_rate(step, total, settings.learning_rate, settings.warmup_fraction) * settings.weight_decay
        )
        for step in range(steps)
    )
    return math.exp(math.fsum(logs))


def new_optimiser(module: nn.Module, weight_decay: float) -> torch.optim.AdamW:
    """AdamW over all parameters that are trained; none of the biases and norms' weights decay.

    Norms are PyTorch's layer norms, and the RMS norms of transformers, which are a class of each architecture.
    """
    decayed: list[nn.Parameter] = []
    plain: list[nn.Parameter] = []
    for owner in module.modules():
        for name, parameter in owner.named_parameters(recurse=False):
            if not parameter.requires_grad:
                continue
            exempt = isinstance(owner, nn.LayerNorm) or type(owner).__name__.endswith("RMSNorm") or name == "bias"
            (plain if exempt else decayed).append(parameter)
    groups = [{"params": decayed, "weight_decay": weight_decay}, {"params": plain, "weight_decay": 0.0}]
    return torch.optim.AdamW(groups, lr=0.0, betas=BETAS, eps=EPSILON, fused=True)


def set_learning_rate(optimiser: torch.optim.Optimizer, value: float) -> None:
    """Use `value` for the next update."""
    for group in optimiser.param_groups:
        group["lr"] = value
