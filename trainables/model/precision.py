"""Precision of the arithmetic. Weights, gradients, optimiser and losses are fp32 in any case.

BF16 on a GPU is autocast. On a CPU it rounds the operands of matrix products to bf16 inside the product and sums in
fp32, which processors with bf16 matrix units do several times faster; others compute in fp32.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from trainables.spec import Precision


def use(precision: Precision) -> None:
    """Set how this process multiplies fp32 matrices on the CPU until the next call."""
    torch.backends.mkldnn.matmul.fp32_precision = (  # type: ignore[attr-defined]
        "bf16" if precision is Precision.BF16 else "ieee"
    )


def attention(device: torch.device, precision: Precision) -> str:
    """Name of the fastest attention over padded batches: on a CPU in bf16, plain products beat torch's fused one."""
    return "eager" if device.type == "cpu" and precision is Precision.BF16 else "sdpa"


def autocast(device: torch.device, precision: Precision) -> AbstractContextManager[object]:
    """The context of a forward pass."""
    return torch.autocast(device.type, torch.bfloat16, enabled=device.type == "cuda" and precision is Precision.BF16)
