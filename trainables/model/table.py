"""The whole word embedding in a run with MLM: one gradient buffer for all its uses.

Every text looks rows up in the table, and the MLM head, tied to it, multiplies by all of it. Left to autograd, each use
makes a gradient of the table's size of its own, and they are added up: for XLM-R's 250,002 words that is most of a step
on a CPU. Here each use adds to one buffer in place, and only what was written is cleared.

Shapes: V vocabulary, H hidden size, N ids, P masked positions.
"""

from __future__ import annotations

from typing import Any

import torch
from torch import Tensor, nn


class TableEmbedding(nn.Embedding):
    """An embedding whose gradient lies in a buffer that is kept from step to step."""

    def __init__(self, weight: nn.Parameter, padding_idx: int | None) -> None:
        super().__init__(len(weight), weight.shape[1], padding_idx, _weight=weight.detach())
        self.weight = weight
        self._buffer_VH = torch.zeros_like(weight)
        self._touched: list[Tensor] = []
        self._dense = False

    def forward(self, ids: Tensor) -> Tensor:
        """Rows of the ids; their gradient is added to the buffer."""
        if not torch.is_grad_enabled():
            return super().forward(ids)
        rows: Tensor = _Lookup.apply(self.weight, ids, self)
        return rows

    def project(self, hidden_PH: Tensor, bias_V: Tensor) -> Tensor:
        """[P, V], inner products with all rows; the gradient of the rows is added to the buffer."""
        with torch.autocast(hidden_PH.device.type, enabled=False):
            logits_PV: Tensor = _Project.apply(self.weight, hidden_PH.to(self.weight.dtype), self)
            return logits_PV + bias_V

    def clear(self) -> None:
        """Begin a step: an all-zero gradient, in the same memory."""
        if self._dense:
            self._buffer_VH.zero_()
        else:
            for ids in self._touched:
                self._buffer_VH.index_fill_(0, ids, 0.0)
        self._touched.clear()
        self._dense = False
        self.weight.grad = self._buffer_VH

    def add_rows(self, ids: Tensor, gradient: Tensor) -> None:
        """Add the gradient of looked-up rows; padding has none."""
        ids_N, gradient_NH = ids.flatten(), gradient.reshape(-1, gradient.shape[-1])
        if self.padding_idx is not None:
            kept = ids_N != self.padding_idx
            ids_N, gradient_NH = ids_N[kept], gradient_NH[kept]
        self._buffer_VH.index_add_(0, ids_N, gradient_NH.to(self._buffer_VH.dtype))
        self._touched.append(ids_N)

    def add_product(self, gradient_PV: Tensor, hidden_PH: Tensor) -> None:
        """Add the gradient of a projection."""
        self._buffer_VH.addmm_(gradient_PV.T, hidden_PH)
        self._dense = True


class _Lookup(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, ids: Tensor, table: TableEmbedding) -> Tensor:
        ctx.ids, ctx.table = ids, table
        return nn.functional.embedding(ids, weight)

    @staticmethod
    def backward(ctx: Any, gradient: Tensor) -> tuple[None, None, None]:
        ctx.table.add_rows(ctx.ids, gradient)
        return None, None, None


class _Project(torch.autograd.Function):
    @staticmethod
    def forward(ctx: Any, weight: Tensor, hidden_PH: Tensor, table: TableEmbedding) -> Tensor:
        ctx.save_for_backward(weight, hidden_PH)
        ctx.table = table
        return hidden_PH @ weight.T

    @staticmethod
    def backward(ctx: Any, gradient_PV: Tensor) -> tuple[None, Tensor, None]:
        weight, hidden_PH = ctx.saved_tensors
        ctx.table.add_product(gradient_PV, hidden_PH)
        return None, gradient_PV @ weight, None
