"""Adapters that change something."""

from __future__ import annotations

import torch
from torch import nn

from trainables.ledger.recipe import Method
from trainables.model.adapters import Adapters, new_adapters


def shaken(encoder: nn.Module, method: Method, seed: int = 3) -> Adapters:
    """An encoder's new adapters, with no zeros in them."""
    made = new_adapters(encoder, method)
    generator = torch.Generator().manual_seed(seed)
    made.load({name: 0.2 * torch.randn(held.shape, generator=generator) for name, held in made.weights().items()})
    return made
