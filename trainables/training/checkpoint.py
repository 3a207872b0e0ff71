"""Checkpoint of a training run: one safetensors file, replaced atomically, that continues it bit for bit on CPU.

It holds the parameters, AdamW's moments, the best parameters so far, and in its header the step, the dev curve and the
count of sub-words. Random numbers need no state: every step draws from a generator seeded by (run seed, step).
"""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import safetensors
import torch
from safetensors.torch import save_file
from torch import Tensor, nn

from trainables.ledger import files
from trainables.ledger.record import DevPoint

MODEL, BEST = "model.", "best."
MOMENTS = ("exp_avg", "exp_avg_sq", "step")


@dataclasses.dataclass(kw_only=True)
class TrainingState:
    """What a training run carries from step to step besides its tensors."""

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    curve: list[DevPoint] = dataclasses.field(default_factory=list)
    best: dict[str, Tensor] = dataclasses.field(default_factory=dict)


def snapshot(module: nn.Module, into: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Copies of all parameters, on the CPU; in the memory of an earlier snapshot, which is then this one."""
    if not into:
        return {name: parameter.detach().to("cpu", copy=True) for name, parameter in module.named_parameters()}
    for name, parameter in module.named_parameters():
        into[name].copy_(parameter.detach())
    return into


def load_snapshot(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Write a snapshot back into the parameters."""
    with torch.no_grad():
        for name, parameter in module.named_parameters():
            parameter.copy_(tensors[name])


def save(path: Path, module: nn.Module, optimiser: torch.optim.Optimizer, state: TrainingState) -> None:
    """Write a checkpoint in place of the one before. The caller holds the lock of the run."""
    tensors = {MODEL + name: parameter.detach().contiguous() for name, parameter in module.named_parameters()}
    tensors |= {BEST + name: tensor for name, tensor in state.best.items()}
    for name, parameter in module.named_parameters():
        moments = optimiser.state.get(parameter, {})
        tensors |= {f"{key}.{name}": moments[key].contiguous() for key in MOMENTS if key in moments}
    header = {
        "step": state.step,
        "tokens": state.tokens,
        "seconds": state.seconds,
        "curve": [dataclasses.asdict(point) for point in state.curve],
    }
    with files.replacing(path, sole=True) as temporary:
        save_file(tensors, temporary, metadata={"state": json.dumps(header)})


def load(path: Path, module: nn.Module, optimiser: torch.optim.Optimizer) -> TrainingState:
    """Restore a checkpoint; a new state when there is none. Raises when the file belongs to another model."""
    if not path.exists():
        return TrainingState()
    with safetensors.safe_open(path, framework="pt") as file:
        header = json.loads(file.metadata()["state"])
        names = set(file.keys())
        with torch.no_grad():
            for name, parameter in module.named_parameters():
                parameter.copy_(file.get_tensor(MODEL + name))
                if f"exp_avg.{name}" in names:
                    optimiser.state[parameter] = {
                        key: _moment(file.get_tensor(f"{key}.{name}"), key, parameter) for key in MOMENTS
                    }
        best = {name.removeprefix(BEST): file.get_tensor(name).clone() for name in names if name.startswith(BEST)}
    return TrainingState(
        step=header["step"],
        tokens=header["tokens"],
        seconds=header["seconds"],
        curve=[DevPoint(**point) for point in header["curve"]],
        best=best,
    )


def _moment(tensor: Tensor, key: str, parameter: Tensor) -> Tensor:
    return tensor.to(parameter.device).clone() if key != "step" else tensor.to(parameter.device, torch.float32).clone()
