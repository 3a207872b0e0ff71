"""Checkpoint of a training run: one safetensors file, replaced atomically, that continues it bit for bit on CPU.

It holds the trained parameters, AdamW's moments, the best parameters so far, and in its header the step, the dev curve
and the count of sub-words, sealed together with the SHA-256 of every tensor: a byte that has changed is noticed. Random
numbers need no state: every step draws from a generator seeded by (run seed, step). When one is written is the matter
of `keeper.py`.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import safetensors
import torch
from safetensors import SafetensorError
from torch import Tensor, nn

from trainables.ledger import files
from trainables.ledger.digests import put_aside
from trainables.ledger.record import DevPoint
from trainables.ledger.seal import SealError, sealed, unsealed
from trainables.model.tensor_file import content, write_tensors

MODEL, BEST = "model.", "best."
MOMENTS = ("exp_avg", "exp_avg_sq", "step")


class DamagedCheckpointError(ValueError):
    """A checkpoint that training cannot go on from."""


@dataclasses.dataclass(kw_only=True)
class TrainingState:
    """What a training run carries from step to step besides its tensors.

    Attributes:
        seconds: since it began, over all attempts.
        checkpoints: that were written.
        checkpoint_seconds: how long training stood still for them.
    """

    step: int = 0
    tokens: int = 0
    seconds: float = 0.0
    checkpoints: int = 0
    checkpoint_seconds: float = 0.0
    curve: list[DevPoint] = dataclasses.field(default_factory=list)
    best: dict[str, Tensor] = dataclasses.field(default_factory=dict)


def trained(module: nn.Module) -> Iterator[tuple[str, nn.Parameter]]:
    """The parameters that training changes, by their names; what is frozen is loaded anew."""
    return ((name, parameter) for name, parameter in module.named_parameters() if parameter.requires_grad)


def snapshot(module: nn.Module, into: dict[str, Tensor] | None = None) -> dict[str, Tensor]:
    """Copies of the trained parameters, on the CPU; in the memory of an earlier snapshot, which is then this one."""
    if not into:
        return {name: parameter.detach().to("cpu", copy=True) for name, parameter in trained(module)}
    for name, parameter in trained(module):
        into[name].copy_(parameter.detach())
    return into


def load_snapshot(module: nn.Module, tensors: dict[str, Tensor]) -> None:
    """Write a snapshot back into the parameters."""
    with torch.no_grad():
        for name, parameter in trained(module):
            parameter.copy_(tensors[name])


def moving(module: nn.Module, optimiser: torch.optim.Optimizer) -> dict[str, Tensor]:
    """What every step changes: parameters and moments where they are, by their names in a checkpoint."""
    tensors = {MODEL + name: parameter.detach() for name, parameter in trained(module)}
    for name, parameter in trained(module):
        moments = optimiser.state.get(parameter, {})
        tensors |= {f"{key}.{name}": moments[key].detach() for key in MOMENTS if key in moments}
    return tensors


def save(path: Path, module: nn.Module, optimiser: torch.optim.Optimizer, state: TrainingState) -> None:
    """Write a checkpoint of now in place of the one before. The caller holds the lock of the run."""
    write(path, moving(module, optimiser), best(state), header(state))


def best(state: TrainingState) -> dict[str, Tensor]:
    """The best parameters so far, by their names in a checkpoint."""
    return {BEST + name: tensor for name, tensor in state.best.items()}


def header(state: TrainingState) -> dict[str, Any]:
    """What a checkpoint says besides its tensors, as it is now."""
    return {
        "format": 1,
        "step": state.step,
        "tokens": state.tokens,
        "seconds": state.seconds,
        "checkpoints": state.checkpoints + 1,  # this one, too
        "checkpoint_seconds": state.checkpoint_seconds,
        "curve": [dataclasses.asdict(point) for point in state.curve],
    }


def write(
    path: Path,
    moving: Mapping[str, Tensor],
    best: Mapping[str, Tensor],
    header: Mapping[str, Any],
    *,
    threads: int | None = None,
) -> None:
    """Write a checkpoint from its parts, in place of the one before. The caller holds the lock of the run.

    `threads` take the digests; None is as many as there are cores.
    """
    tensors = {name: tensor.cpu().contiguous() for name, tensor in {**moving, **best}.items()}
    said = sealed({**header, "digests": _digests(tensors, threads)})
    files.make_below(path.parent, path.parent.parent)  # of a store that is away nothing is made anew
    with files.replacing(path, sole=True) as temporary:
        write_tensors(tensors, temporary, {"state": said})


def load(path: Path, module: nn.Module, optimiser: torch.optim.Optimizer) -> TrainingState:
    """Restore a checkpoint; a new state when there is none.

    Raises DamagedCheckpointError for a file that cannot be read, is not what was written, or is of another model; the
    module is then as it was.
    """
    if not path.exists():
        return TrainingState()
    header, tensors = _read(path)
    shapes = {MODEL + name: parameter.shape for name, parameter in trained(module)}
    if shapes != {name: tensor.shape for name, tensor in tensors.items() if name.startswith(MODEL)}:
        raise DamagedCheckpointError(f"{path} is of another model")
    with torch.no_grad():
        for name, parameter in trained(module):
            parameter.copy_(tensors[MODEL + name])
            if f"exp_avg.{name}" in tensors:
                optimiser.state[parameter] = {key: _moment(tensors[f"{key}.{name}"], key, parameter) for key in MOMENTS}
    best = {name.removeprefix(BEST): tensor.clone() for name, tensor in tensors.items() if name.startswith(BEST)}
    return TrainingState(
        step=header["step"],
        tokens=header["tokens"],
        seconds=header["seconds"],
        checkpoints=header.get("checkpoints", 0),
        checkpoint_seconds=header.get("checkpoint_seconds", 0.0),
        curve=[DevPoint(**point) for point in header["curve"]],
        best=best,
    )


def resume(path: Path, module: nn.Module, optimiser: torch.optim.Optimizer, notes: list[str]) -> TrainingState:
    """As `load`, but a checkpoint that cannot be used is put aside, noted, and training begins anew."""
    try:
        return load(path, module, optimiser)
    except DamagedCheckpointError as error:
        aside = put_aside(path)
        notes.append(f"trained from the start: {error}; it was put aside as {aside.name}")
        return TrainingState()


def _read(path: Path) -> tuple[dict[str, Any], dict[str, Tensor]]:
    """The header and the tensors, which stay in the memory map of the file; raises DamagedCheckpointError."""
    try:
        with safetensors.safe_open(path, framework="pt") as file:
            header = _header((file.metadata() or {})["state"])
            tensors = {name: file.get_tensor(name) for name in file.keys()}  # noqa: SIM118
        if "digests" in header and header["digests"] != _digests(tensors):
            raise SealError("damaged: a tensor is not what was written")
    except (OSError, SafetensorError, ValueError, KeyError) as error:
        raise DamagedCheckpointError(f"{path} cannot be used: {error}") from error
    return header, tensors


def _header(text: str) -> dict[str, Any]:
    """The header; the first checkpoints had neither a format nor digests."""
    fields: dict[str, Any] = json.loads(text)
    if "format" not in fields and "digest" not in fields:
        return fields
    return unsealed(text, range(1, 2), sealed_since=1)


def _digests(tensors: Mapping[str, Tensor], threads: int | None = None) -> dict[str, str]:
    """SHA-256 of type, shape and content of every tensor on the CPU."""

    def one(tensor: Tensor) -> str:
        found = hashlib.sha256(f"{tensor.dtype} {tuple(tensor.shape)} ".encode())
        found.update(content(tensor))
        return found.hexdigest()

    if threads == 1:
        return {name: one(tensor) for name, tensor in tensors.items()}
    with ThreadPoolExecutor(threads) as pool:
        return dict(zip(tensors, pool.map(one, tensors.values()), strict=True))


def _moment(tensor: Tensor, key: str, parameter: Tensor) -> Tensor:
    return tensor.to(parameter.device).clone() if key != "step" else tensor.to(parameter.device, torch.float32).clone()
