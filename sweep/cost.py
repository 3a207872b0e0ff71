"""Cost of a run in seconds, from a formula: enough to put runs into order and to say hours from minutes.

A training step costs arithmetic (6 floating-point operations a weight and sub-word, forward and backward), the
optimiser's memory traffic (16 bytes a weight and step, the whole embedding only with MLM) and a fixed overhead; an
evaluation costs the forward third of the arithmetic.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from search_spaces.encoders import EncoderSize
from sweep.nodes import Share
from trainables.spec import MlmLength, Optimisation, Phase, Precision, RunSpec
from trainables.tasks import registry
from trainables.tasks.formats.base import Head
from trainables.tasks.task import Split, Task
from trainables.training.mixing import MLM, probabilities, total_steps

BYTES_PER_WEIGHT = 4
_OPTIMISER_BYTES = 16
_TYPICAL_EVAL_ROWS = 2000
"""Rows of one evaluated split and language when nothing caps them: the middle of Table 1."""


@dataclass(frozen=True, kw_only=True)
class Machine:
    """What one core or one GPU sustains. `step_seconds` is the overhead of a training step, `start_seconds` of a run."""

    flops: float
    bytes_per_second: float
    step_seconds: float
    start_seconds: float


CORE = Machine(flops=4e10, bytes_per_second=8e9, step_seconds=0.01, start_seconds=1.0)
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


def run_seconds(spec: RunSpec, size: EncoderSize, share: Share, threads: int) -> float:
    """Expected duration of a run with this share of the machine."""
    if share.gpus:
        precision = spec.optimisation.precision if spec.optimisation else Precision.FP32
        device, parts = (GPU_BF16 if precision is Precision.BF16 else GPU), min(share.gpus, 1.0)
    else:
        device, parts = CORE, float(threads)
    seconds = device.start_seconds
    if spec.optimisation:
        seconds += _training_seconds(spec, spec.optimisation, size, device, parts)
    if spec.phase is not Phase.INTERMEDIATE:
        seconds += 2 * size.layer_parameters * _evaluated_tokens(spec) / (device.flops * parts)
    return seconds


def encoder_bytes(size: EncoderSize) -> int:
    """Disk that one saved encoder takes."""
    return BYTES_PER_WEIGHT * size.parameters


def train_rows(spec: RunSpec) -> dict[str, int]:
    """Training rows of a run by task, MLM included, after caps; published numbers where the data is not counted."""
    cap = spec.data.train_rows
    trained = spec.tasks if spec.phase is Phase.INTERMEDIATE else spec.tasks[:1]
    rows = {name: registry.task(name).num_train_rows or _TYPICAL_EVAL_ROWS for name in trained}
    if spec.mlm:
        rows[MLM] = spec.mlm.sentences
    return {name: min(count, cap) if cap else count for name, count in rows.items()}


def _training_seconds(
    spec: RunSpec, settings: Optimisation, size: EncoderSize, device: Machine, parts: float
) -> float:
    rows = train_rows(spec)
    length = spec.mlm.length if spec.mlm else MlmLength.TASK_EPOCHS
    steps = total_steps(rows, settings.batch_sizes, settings.epochs, settings.mixing_cap, length)
    trained = size.parameters if spec.mlm else size.layer_parameters
    update = _OPTIMISER_BYTES * trained / (device.bytes_per_second * parts)
    arithmetic = 0.0
    for name, chance in probabilities(rows, settings.mixing_cap).items():
        head = Head.MLM if name == MLM else registry.task(name).format.head
        tokens = settings.batch_sizes[name] * min(_SHAPES[head].length, settings.max_length) * _SHAPES[head].sequences
        weights: float = size.layer_parameters
        if spec.mlm and name == MLM:
            weights += spec.mlm.mask_probability * size.hidden * size.vocabulary
        arithmetic += chance * 6 * weights * tokens / (device.flops * parts)
    return steps * (arithmetic + update + device.step_seconds)


def _evaluated_tokens(spec: RunSpec) -> int:
    total = 0
    for name in spec.tasks:
        task = registry.task(name)
        rows = spec.data.eval_rows or _TYPICAL_EVAL_ROWS
        total += rows * _SHAPES[task.format.head].tokens * _evaluated_files(task, spec)
    return total


def _evaluated_files(task: Task, spec: RunSpec) -> int:
    asked = spec.data.languages
    codes = [code for split in (Split.DEV, Split.TEST) for code in task.languages.get(split, ())]
    return sum(not asked or code in asked for code in codes)
