"""What torch computes on: the GPUs of this machine, whether each computes, and which precisions it has.

`python -m trainables.model.devices` says it as JSON, in a process of its own: a broken driver ends no other.
"""

from __future__ import annotations

import dataclasses
import json
import sys
from dataclasses import dataclass

import torch

_SIDE = 64


@dataclass(frozen=True, kw_only=True)
class Gpu:
    """One GPU; `problem` says why it does not compute."""

    name: str
    num_bytes: int
    free_bytes: int
    has_bf16: bool
    problem: str = ""


@dataclass(frozen=True, kw_only=True)
class Devices:
    """What torch sees.

    Attributes:
        cuda: version that torch is built for; empty for a build without.
        gpus: in the order of torch.
        problem: why there are none.
        cpu_has_bf16: whether the processor has instructions for bf16.
    """

    cuda: str
    gpus: tuple[Gpu, ...]
    problem: str
    cpu_has_bf16: bool


def look() -> Devices:
    """Ask torch, and compute on each GPU."""
    gpus: tuple[Gpu, ...] = ()
    problem = ""
    try:
        torch.cuda.init()
        gpus = tuple(_gpu(number) for number in range(torch.cuda.device_count()))
    except (RuntimeError, AssertionError) as error:
        problem = str(error).strip().splitlines()[0]
    return Devices(
        cuda=torch.version.cuda or "",
        gpus=gpus,
        problem=problem or ("" if gpus else "torch sees no GPU"),
        cpu_has_bf16=torch.cpu._is_avx512_bf16_supported(),
    )


def _gpu(number: int) -> Gpu:
    facts = torch.cuda.get_device_properties(number)
    problem, free = "", 0
    has_bf16 = facts.major >= 8  # earlier ones only pretend
    try:
        free = torch.cuda.mem_get_info(number)[0]
        ones = torch.ones(_SIDE, _SIDE, device=f"cuda:{number}", dtype=torch.bfloat16 if has_bf16 else torch.float32)
        if float((ones @ ones)[0, 0]) != _SIDE:
            problem = "a product of matrices is wrong"
    except RuntimeError as error:
        problem = str(error).strip().splitlines()[0]
    return Gpu(name=facts.name, num_bytes=facts.total_memory, free_bytes=free, has_bf16=has_bf16, problem=problem)


if __name__ == "__main__":
    sys.stdout.write(json.dumps(dataclasses.asdict(look())))
