"""Layers of an encoder, whatever its architecture calls their list."""

from __future__ import annotations

from typing import Any

from torch import Tensor, nn

from trainables.model.architectures import ARCHITECTURES


class Unchanged(nn.Module):
    """Stands for no layers at all, in an encoder that cannot do without one."""

    def forward(self, hidden_BLH: Tensor, *_: Any, **__: Any) -> tuple[Tensor, None]:
        """What was given, in the place where layers have it."""
        return hidden_BLH, None


def layers_of(encoder: nn.Module) -> nn.ModuleList:
    """The layers of an encoder, the first one first; raises ValueError for one without a list of them."""
    stack = encoder.get_submodule(_name(encoder))
    assert isinstance(stack, nn.ModuleList)
    return stack


def set_layers(encoder: nn.Module, layers: nn.ModuleList) -> None:
    """Have the encoder compute these layers in place of its own."""
    if not len(layers) and _kind(encoder) == "deberta-v2":
        layers = nn.ModuleList([Unchanged()])
    encoder.set_submodule(_name(encoder), layers)


def _kind(encoder: nn.Module) -> str:
    return encoder.config.model_type  # type: ignore[union-attr, return-value]


def _name(encoder: nn.Module) -> str:
    name = ARCHITECTURES[_kind(encoder)].layers
    if not name:
        raise ValueError(f"an encoder of the kind {_kind(encoder)} has no list of layers")
    return name
