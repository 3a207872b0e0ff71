"""Precision of the arithmetic. Weights, gradients, optimiser and losses are fp32 in any case.

BF16 is autocast, on a GPU and on processors with bf16 instructions; other processors compute in fp32, since they would
only pretend. The products with the whole vocabulary that MLM needs on a CPU stay outside autocast, which would make a
bf16 copy of the table in every pass: there the operands are rounded inside the product.
"""

from __future__ import annotations

from contextlib import AbstractContextManager

import torch

from trainables.ledger.spec import Precision


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
    able = device.type == "cuda" or torch.cpu._is_avx512_bf16_supported()
    return torch.autocast(device.type, torch.bfloat16, enabled=able and precision is Precision.BF16)
