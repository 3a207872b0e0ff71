"""Cost of a run in seconds, from a formula: enough to put runs into order and to say hours from minutes.

A training step costs arithmetic (6 floating-point operations a weight and sub-word, forward and backward), the
optimiser's memory traffic (16 bytes a weight and step, the whole embedding only with MLM) and a fixed overhead; an
evaluation costs the forward third of the arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search_spaces.encoders import EncoderSize
from trainables.ledger.plan import Share
from trainables.ledger.spec import MlmLength, Optimisation, Precision, RunSpec
from trainables.tasks import registry
from trainables.tasks.formats.base import Head
from trainables.training.mixing import MLM, probabilities, total_steps

_OPTIMISER_BYTES = 16
TYPICAL_EVAL_ROWS = 2000
"""Rows of one evaluated split and language where they cannot be counted: the middle of Table 1."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What one core or one GPU sustains, and the overhead of a training step and of a run."""

    flops: float
    bytes_per_second: float
    step_seconds: float
    start_seconds: float


CORE = Machine(flops=8e10, bytes_per_second=8e9, step_seconds=0.01, start_seconds=0.5)
CORE_BF16 = Machine(flops=1.6e11, bytes_per_second=8e9, step_seconds=0.01, start_seconds=0.5)
GPU = Machine(flops=3e13, bytes_per_second=2e12, step_seconds=0.01, start_seconds=3.0)
GPU_BF16 = Machine(flops=1.5e14, bytes_per_second=2e12, step_seconds=0.01, start_seconds=3.0)


@dataclass(frozen=True, kw_only=True)
class InputShape:
    """Typical input of one row: how many sequences of how many sub-words."""

    sequences: int
    length: int

    @property
    def tokens(self) -> int:
        """Sub-words of one row."""
        return self.sequences * self.length


_SHAPES: Mapping[Head, InputShape] = {
    Head.CLASSIFICATION: InputShape(sequences=1, length=48),
    Head.CHOICE: InputShape(sequences=4, length=64),
    Head.TAGGING: InputShape(sequences=1, length=32),
    Head.SPAN: InputShape(sequences=1, length=200),
    Head.MLM: InputShape(sequences=1, length=32),
    Head.EMBEDDING: InputShape(sequences=2, length=24),
}


def run_seconds(
    spec: RunSpec,
    size: EncoderSize,
    share: Share,
    threads: int,
    *,
    rows: Mapping[str, int],
    evaluated: Mapping[str, int],
) -> float:
    """Expected duration of a run with this share of the machine.

    `rows` are its training rows by task, MLM included; `evaluated` those of all languages and splits that it evaluates.
    """
    bf16 = spec.optimisation is not None and spec.optimisation.precision is Precision.BF16
    if share.gpus:
        device, parts = (GPU_BF16 if bf16 else GPU), min(share.gpus, 1.0)
    else:
        device, parts = (CORE_BF16 if bf16 else CORE), float(threads)
    seconds = device.start_seconds
    if spec.optimisation:
        capped = _capped(rows, spec.data.train_rows)
        seconds += _training_seconds(spec, spec.optimisation, size, device, parts, capped)
    tokens = sum(count * _shape(name).tokens for name, count in evaluated.items())
    return seconds + 2 * size.layer_parameters * tokens / (device.flops * parts)


def tokens_of(task: str, rows: int, max_length: int) -> float:
    """About how many sub-words so many rows of a task have, cut to `max_length`."""
    shape = _shape(task)
    return rows * min(shape.length, max_length) * shape.sequences


def _capped(rows: Mapping[str, int], cap: int) -> dict[str, int]:
    return {name: min(count, cap) if cap else count for name, count in rows.items()}


def _training_seconds(
    spec: RunSpec, settings: Optimisation, size: EncoderSize, device: Machine, parts: float, rows: Mapping[str, int]
) -> float:
    length = spec.mlm.length if spec.mlm else MlmLength.TASK_EPOCHS
    steps = total_steps(rows, settings.batch_sizes, settings.epochs, settings.mixing_cap, length)
    trained = size.parameters if spec.mlm else size.layer_parameters
    update = _OPTIMISER_BYTES * trained / (device.bytes_per_second * parts)
    arithmetic = 0.0
    for name, chance in probabilities(rows, settings.mixing_cap).items():
        tokens = tokens_of(name, settings.batch_sizes[name], settings.max_length)
        weights: float = size.layer_parameters
        if spec.mlm and name == MLM:
            weights += spec.mlm.mask_probability * size.hidden * size.vocabulary
        arithmetic += chance * 6 * weights * tokens / (device.flops * parts)
    return steps * (arithmetic + update + device.step_seconds)


def _shape(task: str) -> InputShape:
    return _SHAPES[Head.MLM if task == MLM else registry.task(task).format.head]
