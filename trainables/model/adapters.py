"""Adapters: small parts beside the matrices of an encoder's layers, trained while everything else stays as it is.

LoRA adds a product of two thin matrices to every matrix of a layer, so it can be merged into it. A bottleneck follows
the last matrix of a layer, before the residual connection (Houlsby et al., 2019): down, ReLU, up, added to what came
in. Both begin as nothing: what is added last is zero. Where a matrix has both, low ranks come before bottlenecks.

A linear layer with adapters keeps the place, the weights and their names that it had without them.

Shapes: I inputs, O outputs of a matrix, R rank, W width of a bottleneck.
"""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional

from trainables.ledger.recipe import Method, MethodKind
from trainables.model.layers import layers_of

BOTTLENECK_RANGE = 0.02
"""Standard deviation of a new bottleneck's first matrix."""


class LowRank(nn.Module):
    """What LoRA adds to a matrix: `lora_B` (O, R) times `lora_A` (R, I)."""

    def __init__(self, linear: nn.Linear, rank: int) -> None:
        super().__init__()
        self.lora_A = _empty(linear.in_features, rank, linear, bias=False)
        self.lora_B = _empty(rank, linear.out_features, linear, bias=False)

    def draw(self) -> None:
        """Begin: the first matrix as that of a new linear layer, the second zero."""
        nn.init.kaiming_uniform_(self.lora_A.weight, a=math.sqrt(5))
        nn.init.zeros_(self.lora_B.weight)

    def forward(self, given: Tensor) -> Tensor:
        """The low-rank product."""
        found: Tensor = self.lora_B(self.lora_A(given))
        return found

    def product(self) -> Tensor:
        """The matrix that it amounts to, (O, I)."""
        return self.lora_B.weight.detach() @ self.lora_A.weight.detach()


class Bottleneck(nn.Module):
    """`down` to W numbers, ReLU, `up` again."""

    def __init__(self, linear: nn.Linear, width: int) -> None:
        super().__init__()
        self.down = _empty(linear.out_features, width, linear, bias=True)
        self.up = _empty(width, linear.out_features, linear, bias=True)

    def draw(self) -> None:
        """Begin: small random numbers, then zero."""
        nn.init.normal_(self.down.weight, std=BOTTLENECK_RANGE)
        for zero in (self.down.bias, self.up.weight, self.up.bias):
            nn.init.zeros_(zero)

    def forward(self, given: Tensor) -> Tensor:
        """What is added to what was given."""
        found: Tensor = self.up(functional.relu(self.down(given)))
        return found


class AdaptedLinear(nn.Linear):
    """A linear layer and its adapters."""

    def __init__(self, linear: nn.Linear) -> None:
        super().__init__(linear.in_features, linear.out_features, bias=linear.bias is not None, device="meta")
        self.weight, self.bias = linear.weight, linear.bias
        self.low_ranks = nn.ModuleList()
        self.bottlenecks = nn.ModuleList()
        self.train(linear.training)

    def forward(self, given: Tensor) -> Tensor:
        """The layer's output with all that its adapters add."""
        found = super().forward(given)
        for low_rank in self.low_ranks:
            found = found + low_rank(given)
        for bottleneck in self.bottlenecks:
            found = found + bottleneck(found)
        return found


@dataclass(frozen=True, kw_only=True)
class Adapters:
    """The adapters that one stage of training has added: by the name of the linear layer that has them."""

    method: Method
    parts: Mapping[str, LowRank | Bottleneck]

    def draw(self) -> None:
        """Begin anew, from PyTorch's generator."""
        for part in self.parts.values():
            part.draw()

    def train_alone(self, encoder: nn.Module) -> None:
        """Have nothing of the encoder trained but these."""
        encoder.requires_grad_(False)
        for part in self.parts.values():
            part.requires_grad_(True)

    def weights(self) -> dict[str, Tensor]:
        """Their weights on the CPU, as `layer.matrix`, `matrix` being lora_A, lora_B, down or up and what it has."""
        return {
            f"{name}.{own}": tensor.detach().cpu().contiguous()
            for name, part in self.parts.items()
            for own, tensor in part.state_dict().items()
        }

    def load(self, weights: Mapping[str, Tensor]) -> None:
        """Take weights, copied; other adapters of this size are so exchanged for these.

        Raises ValueError for weights that do not fit.
        """
        own = {f"{name}.{key}": held for name, part in self.parts.items() for key, held in part.named_parameters()}
        if {key: held.shape for key, held in own.items()} != {key: held.shape for key, held in weights.items()}:
            raise ValueError(f"these are not the weights of {self.method} in this encoder: other layers or other sizes")
        with torch.no_grad():
            for key, held in own.items():
                held.copy_(weights[key])


def add_adapters(encoder: nn.Module, method: Method) -> Adapters:
    """Give the layers of an encoder adapters, after those that they have; their weights are left to chance.

    Raises ValueError for an encoder that has no list of layers.
    """
    is_low_rank = method.kind is MethodKind.LORA
    parts: dict[str, LowRank | Bottleneck] = {}
    for name in _places(encoder, method.kind):
        linear = _adapted(encoder, name)
        part = LowRank(linear, method.size) if is_low_rank else Bottleneck(linear, method.size)
        (linear.low_ranks if is_low_rank else linear.bottlenecks).append(part)
        parts[name] = part
    return Adapters(method=method, parts=parts)


def new_adapters(encoder: nn.Module, method: Method) -> Adapters:
    """As `add_adapters`; they are drawn, and nothing else of the encoder will be trained."""
    made = add_adapters(encoder, method)
    made.draw()
    made.train_alone(encoder)
    return made


def bottlenecks_of(encoder: nn.Module) -> list[Adapters]:
    """The bottlenecks in an encoder, in the order that they are computed; the one of a stage each."""
    found = {name: list(linear.bottlenecks) for name, linear in _adapted_of(encoder) if linear.bottlenecks}
    stages = zip(*found.values(), strict=True)
    return [_bottlenecks(dict(zip(found, stage, strict=True))) for stage in stages]


def merge(encoder: nn.Module, adapters: Adapters) -> None:
    """Add low ranks to the matrices that they belong to, and take them out.

    A matrix becomes a new one, since the one before may belong to others. Bottlenecks cannot be merged.
    """
    assert adapters.method.kind is MethodKind.LORA
    for name, part in adapters.parts.items():
        linear = encoder.get_submodule(name)
        assert isinstance(linear, AdaptedLinear)
        assert isinstance(part, LowRank)
        linear.weight = nn.Parameter(linear.weight.detach() + part.product())
        linear.low_ranks = nn.ModuleList(each for each in linear.low_ranks if each is not part)
        if not len(linear.low_ranks) and not len(linear.bottlenecks):
            encoder.set_submodule(name, _plain(linear))


def _bottlenecks(parts: Mapping[str, nn.Module]) -> Adapters:
    own = {name: part for name, part in parts.items() if isinstance(part, Bottleneck)}
    width = next(iter(own.values())).down.out_features
    return Adapters(method=Method(kind=MethodKind.ADAPTER, size=width), parts=own)


def _adapted_of(encoder: nn.Module) -> Iterator[tuple[str, AdaptedLinear]]:
    for name, module in encoder.named_modules():
        if isinstance(module, AdaptedLinear):
            yield name, module


def _places(encoder: nn.Module, kind: MethodKind) -> list[str]:
    """The linear layers that get adapters: all of every layer for LoRA, the last of every layer for bottlenecks."""
    names = {id(module): name for name, module in encoder.named_modules()}
    found: list[str] = []
    for layer in layers_of(encoder):
        linears = [names[id(each)] for each in layer.modules() if type(each) in (nn.Linear, AdaptedLinear)]
        own = [name for name in linears if not _is_part(name)]
        if not own:
            raise ValueError(f"an encoder of the kind {type(encoder).__name__} has no linear layers to adapt")
        found += own if kind is MethodKind.LORA else own[-1:]
    return found


def _is_part(name: str) -> bool:
    """Whether a linear layer is itself one of an adapter's."""
    return ".low_ranks." in name or ".bottlenecks." in name


def _adapted(encoder: nn.Module, name: str) -> AdaptedLinear:
    linear = encoder.get_submodule(name)
    if not isinstance(linear, AdaptedLinear):
        assert isinstance(linear, nn.Linear)
        linear = AdaptedLinear(linear)
        encoder.set_submodule(name, linear)
    return linear


def _plain(linear: AdaptedLinear) -> nn.Linear:
    made = nn.Linear(linear.in_features, linear.out_features, bias=linear.bias is not None, device="meta")
    made.weight, made.bias = linear.weight, linear.bias
    return made.train(linear.training)


def _empty(inputs: int, outputs: int, like: nn.Linear, *, bias: bool) -> nn.Linear:
    """A linear layer where another one is, of whatever numbers; nothing is drawn."""
    where = {"device": like.weight.device, "dtype": like.weight.dtype}
    made: nn.Linear = nn.utils.skip_init(nn.Linear, inputs, outputs, bias=bias, **where)
    return made
