"""Attention of an unpadded batch on a CPU: sequences of similar length go through one product together.

Only queries, keys and values are padded, and only to the longest of their group; everything else in the encoder sees
the sub-words alone.

Shapes: T sub-words of all sequences, N slots of all groups (padding included), G sequences of a group, L its longest,
A attention heads, D size of a head, H = A x D.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional

SIMILAR = 0.75
"""The shortest sequence of a group has at least this share of the longest."""


@dataclass(frozen=True, kw_only=True)
class Group:
    """G sequences of at most L sub-words; `mask` is 0 on sub-words and minus infinity on padding, [G, 1, L] or None."""

    size: int
    longest: int
    mask: Tensor | None


@dataclass(frozen=True, kw_only=True)
class Groups:
    """Where the sub-words of a batch go.

    Attributes:
        groups: in the order of their slots.
        source_N: int64, the sub-word in each slot; in padding, the first of the sequence, which nobody looks at.
        slot_T: int64, the slot of each sub-word.
    """

    groups: tuple[Group, ...]
    source_N: Tensor
    slot_T: Tensor

    @property
    def sizes(self) -> list[int]:
        """Slots of each group."""
        return [group.size * group.longest for group in self.groups]


def group(lengths: Sequence[int]) -> Groups:
    """Group the sequences of a batch, of one sub-word or more each."""
    of = np.asarray(lengths)
    starts = np.cumsum(of) - of
    order = np.argsort(-of, kind="stable")
    groups, sources, slot_T, num_slots = [], [], np.empty(of.sum(), np.int64), 0
    first = 0
    while first < len(order):
        longest = of[order[first]]
        members = order[first : first + int((of[order[first:]] >= SIMILAR * longest).sum())]
        offsets = np.arange(longest)
        inside = offsets < of[members, None]
        source = starts[members, None] + np.where(inside, offsets, 0)
        slot_T[source[inside]] = num_slots + np.flatnonzero(inside)
        mask = None if inside.all() else torch.from_numpy(np.where(inside, 0.0, -np.inf)[:, None])
        groups.append(Group(size=len(members), longest=int(longest), mask=mask))
        sources.append(source.ravel())
        num_slots += source.size
        first += len(members)
    return Groups(
        groups=tuple(groups), source_N=torch.from_numpy(np.concatenate(sources)), slot_T=torch.from_numpy(slot_T)
    )


def attention(
    parts: Sequence[Tensor],
    groups: Groups,
    *,
    dropout: float,
    scaling: float,
    drop: Callable[[Tensor, float], Tensor],
    window: int | None = None,
) -> Tensor:
    """Attention within each sequence, [T, A, D], of queries, keys and values [T, A, D]; `drop` draws the dropout.

    With a `window` every sub-word sees as many to its left and to its right, and no more.
    """
    heads, width = parts[0].shape[1:]
    slots = [_Spread.apply(part.flatten(1), groups).split(groups.sizes) for part in parts]
    found = []
    for own, *group_parts in zip(groups.groups, *slots, strict=True):
        query, key, value = (
            part.view(own.size, own.longest, heads, width).transpose(1, 2).reshape(-1, own.longest, width)
            for part in group_parts
        )
        seen_by = own.mask if window is None or own.longest <= window + 1 else _windowed(own, window)
        if seen_by is None:
            scores = torch.baddbmm(query.new_zeros(1, 1, 1), query, key.transpose(1, 2), beta=0, alpha=scaling)
        else:
            mask = seen_by.to(query.dtype).repeat_interleave(heads, 0)
            scores = torch.baddbmm(mask, query, key.transpose(1, 2), alpha=scaling)
        weights = functional.softmax(scores, dim=-1)
        if dropout:
            weights = drop(weights, dropout)
        seen = torch.bmm(weights, value).view(own.size, heads, own.longest, width)
        found.append(seen.transpose(1, 2).reshape(-1, heads * width))
    gathered: Tensor = _Gather.apply(torch.cat(found), groups)
    return gathered.view(-1, heads, width)


def _windowed(own: Group, window: int) -> Tensor:
    """[size, longest, longest], 0 where a sub-word sees another one of its sequence, and -inf elsewhere.

    Padding sees everything: it is thrown away, and without anything to see it would be no number.
    """
    places = torch.arange(own.longest)
    near = (places[:, None] - places).abs() <= window
    if own.mask is None:
        seen = near.expand(own.size, -1, -1)
    else:
        held = own.mask == 0
        seen = (near & held) | ~held.transpose(1, 2)
    return torch.zeros(seen.shape).masked_fill(~seen, float("-inf"))


class _Spread(torch.autograd.Function):
    """[T, H] -> [N, H]. Padding has no gradient: its keys weigh nothing and its queries are thrown away."""

    @staticmethod
    def forward(ctx: Any, hidden_TH: Tensor, groups: Groups) -> Tensor:
        ctx.groups = groups
        return hidden_TH.index_select(0, groups.source_N)

    @staticmethod
    def backward(ctx: Any, gradient_NH: Tensor) -> tuple[Tensor, None]:
        return gradient_NH.index_select(0, ctx.groups.slot_T), None


class _Gather(torch.autograd.Function):
    """[N, H] -> [T, H], the padding thrown away."""

    @staticmethod
    def forward(ctx: Any, hidden_NH: Tensor, groups: Groups) -> Tensor:
        ctx.groups = groups
        return hidden_NH.index_select(0, groups.slot_T)

    @staticmethod
    def backward(ctx: Any, gradient_TH: Tensor) -> tuple[Tensor, None]:
        groups = ctx.groups
        slots = gradient_TH.new_zeros(len(groups.source_N), gradient_TH.shape[1])
        return slots.index_copy_(0, groups.slot_T, gradient_TH), None
