"""Rates: what one core or one GPU sustains, and the seconds that a work takes at them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, fields, replace
from types import MappingProxyType
from typing import Any

from sweep.planning.work import Work
from trainables.ledger.plan import Share
from trainables.ledger.processor import knows_bf16

LOAD, TRAIN, EVALUATE, SAVE = "load", "train", "evaluate", "save"
STAGES = (LOAD, TRAIN, EVALUATE, SAVE)
_OF_RECORD = MappingProxyType({"check": LOAD, "checkpoint": TRAIN})
"""Stages of a record that count to another."""
_ADAMW_BYTES = 28
"""Of fused AdamW, a weight and step: the weight and its two moments read and written, the gradient read."""
_CLIP_BYTES = 12
"""Of the gradient's norm and its clipping, a weight and step: read twice, written once."""
UPDATE_BYTES = _ADAMW_BYTES + _CLIP_BYTES
"""Memory traffic of an update, a weight."""
_COPY_BYTES = 8
"""A weight of a snapshot: read, written."""


@dataclass(frozen=True, kw_only=True)
class Rates:
    """Of one core, or one GPU.

    Attributes:
        flops: operations a second of training, layers.
        table_flops: of the products with a whole vocabulary, which are always fp32.
        forward_flops: of evaluation.
        bytes_per_second: memory traffic of an update.
        step_seconds: overhead of an update.
        layer_seconds: overhead of a layer in an update.
        evaluation_seconds: overhead of an evaluation on dev.
        row_seconds: to decode and score a row.
        load_seconds: to begin a run in a worker that is there.
        part_seconds: to open the tokens of a split of a language, and again to score them.
        disk_bytes_per_second: of encoders, read with their digests, and written.
        worker_seconds: to start a worker and import what it needs; no part of a run.
    """

    flops: float
    table_flops: float
    forward_flops: float
    bytes_per_second: float
    step_seconds: float
    layer_seconds: float
    evaluation_seconds: float = 0.02
    row_seconds: float = 2e-4
    load_seconds: float = 0.3
    part_seconds: float = 0.04
    disk_bytes_per_second: float = 3e8
    worker_seconds: float = 8.0

    def __post_init__(self) -> None:
        for field in fields(self):
            if not 0 <= getattr(self, field.name) < float("inf"):
                raise ValueError(f"{field.name} must be a number of at least 0, got {getattr(self, field.name)!r}")

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Rates:
        """Read what `asdict` gives; raises TypeError or ValueError for anything else."""
        return cls(**{name: float(value) for name, value in given.items()})


CORE = Rates(
    flops=4e10, table_flops=4e10, forward_flops=4e10, bytes_per_second=7e9, step_seconds=0.002, layer_seconds=0.0005
)
CORE_BF16 = replace(CORE, flops=8e10, forward_flops=8e10)
GPU = Rates(
    flops=3e13, table_flops=3e13, forward_flops=4e13, bytes_per_second=1.5e12, step_seconds=0.002, layer_seconds=3e-4
)
GPU_BF16 = replace(GPU, flops=1.2e14, forward_flops=1.5e14)

_CARDS = MappingProxyType({
    "B200": (2.0, 4.0), "H200": (1.0, 2.4), "H100": (1.0, 1.7), "A100": (0.32, 1.0), "L40S": (0.36, 0.43),
    "A6000": (0.16, 0.38), "A10": (0.13, 0.3), "L4": (0.12, 0.15), "V100": (0.13, 0.45), "T4": (0.07, 0.16),
})  # fmt: skip
"""Name in the device's -> arithmetic beside an H100's, memory traffic in units of 2 TB/s, both by the data sheets."""


def default_rates(device: str, *, on_gpu: bool, bf16: bool) -> Rates:
    """What is assumed of a device that nothing was measured on; `device` is its name, empty where that is not known."""
    if not on_gpu:
        return CORE_BF16 if bf16 and (not device or knows_bf16()) else CORE
    base = GPU_BF16 if bf16 else GPU
    card = next((card for card in _CARDS if card in device.upper().replace("RTX ", "")), "H100")
    arithmetic, traffic = _CARDS[card]
    return replace(
        base,
        flops=base.flops * arithmetic,
        table_flops=base.table_flops * arithmetic,
        forward_flops=base.forward_flops * arithmetic,
        bytes_per_second=2e12 * traffic * 0.75,
    )


def stage_seconds(work: Work, rates: Rates, parts: float) -> dict[str, float]:
    """Seconds of each stage with so many cores, or this part of a GPU; overheads do not shrink with them."""
    traffic = UPDATE_BYTES * work.updated + _COPY_BYTES * work.snapshots
    disk = rates.disk_bytes_per_second
    return {
        LOAD: rates.load_seconds + rates.part_seconds * work.parts + work.read_bytes / disk,
        TRAIN: rates.step_seconds * work.steps
        + rates.layer_seconds * work.layer_steps
        + rates.evaluation_seconds * work.evaluations
        + traffic / (rates.bytes_per_second * parts)
        + work.train_flops / (rates.flops * parts)
        + work.table_flops / (rates.table_flops * parts)
        + work.dev_flops / (rates.forward_flops * parts),
        EVALUATE: work.eval_flops / (rates.forward_flops * parts)
        + rates.row_seconds * work.eval_rows
        + rates.part_seconds * work.parts * bool(work.eval_rows),
        SAVE: work.left_bytes / disk,
    }


def measured_stages(seconds: Mapping[str, float]) -> dict[str, float]:
    """The seconds of a record by the stages of a plan."""
    found = dict.fromkeys(STAGES, 0.0)
    for name, spent in seconds.items():
        stage = _OF_RECORD.get(name, name)
        found[stage] = found.get(stage, 0.0) + spent
    return found


def parts_of(share: Share, threads: int) -> float:
    """How many cores, or which part of a GPU, a run computes with."""
    return min(share.gpus, 1.0) if share.gpus else float(threads)
