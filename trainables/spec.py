"""RunSpec: everything that decides the result of one run, and the id made from it.

The id is the SHA-256 of the canonical JSON of the spec (sorted keys, no spaces, floats in shortest form); the first
twelve hexadecimal digits name the run's folder. What cannot change a result (paths, GPUs, micro-batches, logging) is
not in here.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Mapping
from enum import StrEnum
from typing import Any

from trainables.nearest import unknown

ID_DIGITS = 12


class Phase(StrEnum):
    """The three kinds of run (architecture.md, section 2)."""

    INTERMEDIATE = "intermediate"
    """Trains the encoder on English tasks; leaves an encoder."""
    TARGET = "target"
    """Fine-tunes on English target data; leaves predictions in every language."""
    RETRIEVAL = "retrieval"
    """Embeds and mines without training; leaves predictions."""


class Precision(StrEnum):
    """Arithmetic of the forward and backward pass; weights and optimiser stay fp32."""

    FP32 = "fp32"
    BF16 = "bf16"


class MlmLength(StrEnum):
    """How long a run with MLM trains (protocol.md 3.10)."""

    TASK_EPOCHS = "task_epochs"
    """Reading A: the task gets its epochs in expectation."""
    CAPPED_SUM = "capped_sum"
    """Reading B: epochs times the capped sum over the tasks and MLM."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class EncoderRef:
    """A pretrained encoder: the name a user gives and the revision or fingerprint that fixes its weights."""

    name: str
    revision: str


@dataclasses.dataclass(frozen=True, kw_only=True)
class DataRef:
    """The rows a run reads.

    Attributes:
        source: `hub`, `mirror` or `demo`; never a path.
        fingerprint: of the content of the files this run reads.
        train_rows: cap on training rows; 0 is no cap.
        eval_rows: cap on the rows of every evaluated split and language; 0 is no cap.
        languages: evaluated languages; empty means all languages of the task. A restriction is part of the result.
    """

    source: str
    fingerprint: str
    train_rows: int = 0
    eval_rows: int = 0
    languages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _check_at_least("train_rows", self.train_rows, 0)
        _check_at_least("eval_rows", self.eval_rows, 0)

    @property
    def capped(self) -> bool:
        """Whether the run sees fewer rows than the data set has."""
        return bool(self.train_rows or self.eval_rows)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MlmSettings:
    """Multilingual MLM as an extra task (protocol.md 3.9 and 3.10)."""

    languages: tuple[str, ...]
    sentences: int = 2_000_000
    alpha: float = 0.3
    mask_probability: float = 0.15
    length: MlmLength = MlmLength.TASK_EPOCHS

    def __post_init__(self) -> None:
        if not self.languages:
            raise ValueError("MLM needs at least one language, got none")
        _check_at_least("sentences", self.sentences, 1)
        _check_range("alpha", self.alpha, 0.0, 1.0)
        _check_range("mask_probability", self.mask_probability, 0.0, 1.0)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimisation:
    """How a run trains (protocol.md 2.3 to 2.5).

    Attributes:
        learning_rate: peak of the linear schedule.
        epochs: passes over the training rows; a fraction is allowed.
        batch_sizes: effective batch in rows, by task name; holds `mlm` when MLM is co-trained.
        warmup_fraction: share of all steps with a rising learning rate.
        weight_decay: decoupled; not applied to biases and layer-norm weights.
        clip_norm: global gradient norm.
        max_length: longest input in sub-words, special tokens included.
        precision: arithmetic of forward and backward pass.
        dev_rows: first rows of the dev set that choose the checkpoint.
        max_eval_interval: upper bound of the steps between two dev evaluations.
        evaluations: dev evaluations a run has at least, if it has that many steps.
        patience: dev evaluations without strict improvement before a run stops.
        mixing_cap: K of the sampling rule min(rows, K) (protocol.md 3.8).
    """

    learning_rate: float
    epochs: float
    batch_sizes: Mapping[str, int]
    max_length: int
    warmup_fraction: float = 0.1
    weight_decay: float = 0.01
    clip_norm: float = 1.0
    precision: Precision = Precision.FP32
    dev_rows: int = 500
    max_eval_interval: int = 1000
    evaluations: int = 20
    patience: int = 30
    mixing_cap: int = 131_072

    def __post_init__(self) -> None:
        _check_positive("learning_rate", self.learning_rate)
        _check_positive("epochs", self.epochs)
        if not self.batch_sizes:
            raise ValueError("batch_sizes must name a batch for each task, got none")
        for task, size in self.batch_sizes.items():
            _check_at_least(f"batch size of {task}", size, 1)
        _check_range("max_length", self.max_length, 8, 512)
        _check_range("warmup_fraction", self.warmup_fraction, 0.0, 1.0)
        _check_range("weight_decay", self.weight_decay, 0.0, 1.0)
        _check_positive("clip_norm", self.clip_norm)
        for name in ("dev_rows", "max_eval_interval", "evaluations", "patience", "mixing_cap"):
            _check_at_least(name, getattr(self, name), 1)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Retrieval:
    """How sentences are embedded (protocol.md 5.4). `layer` indexes hidden states; 0 is the embedding output."""

    layer: int
    max_length: int = 512

    def __post_init__(self) -> None:
        _check_at_least("layer", self.layer, 0)
        _check_range("max_length", self.max_length, 8, 512)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One run. Equal specs are the same run and are computed once.

    Attributes:
        phase: which kind of run.
        tasks: intermediate: what is trained on (several: a mixture); target and retrieval: what is measured.
            Targets that share one fine-tuning (XQuAD and MLQA) are one run.
        encoder: the pretrained encoder at the root.
        data: where the rows come from.
        seed: of shuffling, heads, dropout and masking.
        parent: run id of the intermediate run whose encoder this run starts from; empty for the pretrained one.
        optimisation: how it trains; absent in the retrieval phase only.
        mlm: MLM co-training; intermediate phase only.
        retrieval: how it embeds; retrieval phase only.
    """

    phase: Phase
    tasks: tuple[str, ...]
    encoder: EncoderRef
    data: DataRef
    seed: int
    parent: str = ""
    optimisation: Optimisation | None = None
    mlm: MlmSettings | None = None
    retrieval: Retrieval | None = None

    def __post_init__(self) -> None:
        if not self.tasks:
            raise ValueError("a run needs at least one task, got none")
        if (self.optimisation is None) != (self.phase is Phase.RETRIEVAL):
            raise ValueError(f"optimisation belongs to every phase but retrieval, got phase {self.phase}")
        if (self.retrieval is None) != (self.phase is not Phase.RETRIEVAL):
            raise ValueError(f"retrieval settings belong to the retrieval phase alone, got phase {self.phase}")
        if self.mlm and self.phase is not Phase.INTERMEDIATE:
            raise ValueError(f"MLM is co-trained in the intermediate phase alone, got phase {self.phase}")
        if self.parent and self.phase is Phase.INTERMEDIATE:
            raise ValueError(f"an intermediate run starts from the pretrained encoder, got parent {self.parent}")

    @property
    def run_id(self) -> str:
        """Twelve hexadecimal digits that name this run."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:ID_DIGITS]

    def canonical_json(self) -> str:
        """The text the id is made from; equal for equal specs on every machine."""
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, strings and numbers; the inverse of `from_dict`."""
        return _plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunSpec:
        """Rebuild a spec; raises ValueError for unknown or missing fields."""
        fields = dict(data)
        parts: dict[str, Any] = {
            "encoder": EncoderRef, "data": DataRef, "optimisation": Optimisation, "mlm": MlmSettings,
            "retrieval": Retrieval,
        }  # fmt: skip
        for name, part in parts.items():
            if fields.get(name) is not None:
                fields[name] = _build(part, fields[name])
        return _build(cls, fields)


_ENUMS: dict[str, type[StrEnum]] = {"phase": Phase, "precision": Precision, "length": MlmLength}
_TUPLES = {"tasks", "languages"}
_FLOATS = {
    "learning_rate", "epochs", "warmup_fraction", "weight_decay", "clip_norm", "alpha", "mask_probability",
}  # fmt: skip


def _build(cls: Any, data: Mapping[str, Any]) -> Any:
    known = [field.name for field in dataclasses.fields(cls)]
    for name in data:
        if name not in known:
            raise ValueError(unknown(f"{cls.__name__} field", name, known))
    values = dict(data)
    for name, value in values.items():
        if name in _ENUMS:
            values[name] = _ENUMS[name](value)
        elif name in _TUPLES:
            values[name] = tuple(value)
    try:
        return cls(**values)
    except TypeError as error:
        raise ValueError(f"{cls.__name__}: {error}") from error


def _plain(value: Any, name: str = "") -> Any:
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return {field.name: _plain(getattr(value, field.name), field.name) for field in dataclasses.fields(value)}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in sorted(value.items())}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    return float(value) if name in _FLOATS else value


def _check_positive(name: str, value: float) -> None:
    if not (value > 0 and math.isfinite(value)):
        raise ValueError(f"{name} must be a positive number, got {value!r}")


def _check_at_least(name: str, value: int, lowest: int) -> None:
    if value < lowest:
        raise ValueError(f"{name} must be at least {lowest}, got {value!r}")


def _check_range(name: str, value: float, lowest: float, highest: float) -> None:
    if not lowest <= value <= highest:
        raise ValueError(f"{name} must lie between {lowest} and {highest}, got {value!r}")
