"""RunSpec: everything that decides the result of one run, and the id made from it.

The id is the SHA-256 of the canonical JSON of the spec (sorted keys, no spaces, floats in shortest form); the first
twelve hexadecimal digits name the run's folder. What cannot change a result (paths, GPUs, micro-batches, logging) is
not in here.

An id survives a new field: a field that is not one of `_ALWAYS_WRITTEN` is left out of the JSON while it has its
default, here and in every part. So its default is what runs did without the field, and must never change.
"""

from __future__ import annotations

import dataclasses
import functools
import hashlib
import json
import typing
from collections.abc import Mapping
from enum import StrEnum
from types import MappingProxyType, UnionType
from typing import Any

from trainables.ledger import hyperparameters
from trainables.ledger.bounds import COUNT, COUNT_OR_NONE, INPUT_LENGTH, Bounds
from trainables.ledger.hyperparameters import Precision
from trainables.ledger.nearest import unknown
from trainables.ledger.recipe import ENGLISH, MLM, Method

ID_DIGITS = 12

_TRAINING = hyperparameters.published("intermediate")
_MLM = hyperparameters.published("mlm")


class Phase(StrEnum):
    """The three kinds of run (architecture.md, section 2)."""

    INTERMEDIATE = "intermediate"
    """Trains the encoder on tasks or on MLM alone; leaves an encoder."""
    TARGET = "target"
    """Fine-tunes on target data, English unless the spec says otherwise; leaves predictions in every language."""
    RETRIEVAL = "retrieval"
    """Embeds and mines without training; leaves predictions."""


class MlmLength(StrEnum):
    """How long a run with MLM trains (protocol.md 3.10)."""

    TASK_EPOCHS = "task_epochs"
    """Reading A: the task gets its epochs in expectation."""
    CAPPED_SUM = "capped_sum"
    """Reading B: epochs times the capped sum over the tasks and MLM."""


class HiddenStates(StrEnum):
    """Which hidden states a retrieval run scores."""

    ONE = "one"
    """`Retrieval.layer` alone."""
    ALL = "all"
    """Besides, on the split that selects, every one from the embedding output to the last layer (ledger/layers.py)."""


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
        train_languages: of the rows that train and stop the run, sorted; empty means English, or those of a task
            without English rows. `train_rows` are spread evenly over them (tasks/sampling.py).
    """

    source: str
    fingerprint: str
    train_rows: int = 0
    eval_rows: int = 0
    languages: tuple[str, ...] = ()
    train_languages: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        COUNT_OR_NONE.check("train_rows", self.train_rows)
        COUNT_OR_NONE.check("eval_rows", self.eval_rows)
        languages = tuple(sorted(set(self.train_languages)))
        object.__setattr__(self, "train_languages", () if languages == (ENGLISH,) else languages)
        if 0 < self.train_rows < len(languages):
            raise ValueError(
                f"train_rows is {self.train_rows}, fewer than one for each of {len(languages)} training languages "
                f"({', '.join(languages)}); allowed: 0 for all rows, or at least {len(languages)}"
            )

    @property
    def capped(self) -> bool:
        """Whether the run sees fewer rows than the data set has."""
        return bool(self.train_rows or self.eval_rows)


@dataclasses.dataclass(frozen=True, kw_only=True)
class MlmSettings:
    """Multilingual MLM as an extra task (protocol.md 3.9 and 3.10)."""

    languages: tuple[str, ...]
    sentences: int = _MLM["sentences"]
    alpha: float = _MLM["alpha"]
    mask_probability: float = _MLM["mask_probability"]
    length: MlmLength = MlmLength.TASK_EPOCHS

    def __post_init__(self) -> None:
        if not self.languages:
            raise ValueError("MLM needs at least one language, got none")
        _check(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimisation:
    """How a run trains: the fields of the table in `hyperparameters.py`, which says what each means and allows.

    `batch_sizes` is the effective batch in rows by task name; it holds `mlm` when MLM is co-trained.
    """

    learning_rate: float
    epochs: float
    batch_sizes: Mapping[str, int]
    max_length: int
    warmup_fraction: float = _TRAINING["warmup_fraction"]
    weight_decay: float = _TRAINING["weight_decay"]
    clip_norm: float = _TRAINING["clip_norm"]
    precision: Precision = _TRAINING["precision"]
    dev_rows: int = _TRAINING["dev_rows"]
    max_eval_interval: int = _TRAINING["max_eval_interval"]
    evaluations: int = _TRAINING["evaluations"]
    patience: int = _TRAINING["patience"]
    mixing_cap: int = _MLM["mixing_cap"]

    def __post_init__(self) -> None:
        if not self.batch_sizes:
            raise ValueError("batch_sizes must name a batch for each task, got none")
        for task, size in self.batch_sizes.items():
            COUNT.check(f"batch size of {task}", size)
        _check(self)


@dataclasses.dataclass(frozen=True, kw_only=True)
class Retrieval:
    """How sentences are embedded (protocol.md 5.4). `layer` indexes hidden states; 0 is the embedding output.

    The score of a run is that of `layer`, whatever `layers` says.
    """

    layer: int
    max_length: int = 512
    layers: HiddenStates = HiddenStates.ONE

    def __post_init__(self) -> None:
        COUNT_OR_NONE.check("layer", self.layer)
        INPUT_LENGTH.check("max_length", self.max_length)


@dataclasses.dataclass(frozen=True, kw_only=True)
class RunSpec:
    """One run. Equal specs are the same run and are computed once.

    Attributes:
        phase: which kind of run.
        tasks: intermediate: what is trained on (several: a mixture); target and retrieval: what is measured.
            Targets that share one fine-tuning (XQuAD and MLQA) are one run. `mlm` alone is MLM without a task.
        encoder: the pretrained encoder at the root.
        data: where the rows come from.
        seed: of shuffling, heads, dropout and masking.
        parent: run id of the intermediate run whose encoder this run starts from; empty for the pretrained one. An
            intermediate run has one where it is a later stage of a chain.
        optimisation: how it trains; absent in the retrieval phase only.
        mlm: MLM co-training; intermediate phase only.
        retrieval: how it embeds; retrieval phase only.
        steps: updates that it makes; 0 is what its epochs come to.
        method: what is trained, where it is not all weights.
        definitions: of those of its tasks that are one's own, name -> definition (`trainables.data.carried`).
        swaps: evaluated language -> run id of the intermediate run whose adapters of that language take the place of
            those that the parent's encoder has of a language, while it is predicted; target phase only, and with a
            method, which leaves them as they are.
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
    steps: int = 0
    method: Method | None = None
    definitions: Mapping[str, str] = dataclasses.field(default_factory=dict)
    swaps: Mapping[str, str] = dataclasses.field(default_factory=dict)

    def __post_init__(self) -> None:
        if not self.tasks:
            raise ValueError("a run needs at least one task, got none")
        if (self.optimisation is None) != (self.phase is Phase.RETRIEVAL):
            raise ValueError(f"optimisation belongs to every phase but retrieval, got phase {self.phase}")
        if (self.retrieval is None) != (self.phase is not Phase.RETRIEVAL):
            raise ValueError(f"retrieval settings belong to the retrieval phase alone, got phase {self.phase}")
        if self.mlm and self.phase is not Phase.INTERMEDIATE:
            raise ValueError(f"MLM is co-trained in the intermediate phase alone, got phase {self.phase}")
        if self.tasks == (MLM,) and not self.mlm:
            raise ValueError("a run of MLM alone needs the settings of MLM, got none")
        if (self.steps or self.method) and self.phase is Phase.RETRIEVAL:
            raise ValueError("steps and method belong to runs that train, got the retrieval phase")
        if MLM in self.tasks and len(self.tasks) > 1:
            raise ValueError(
                f"MLM beside a task is asked for by `mlm`, not as one of the tasks {', '.join(self.tasks)}"
            )
        if self.swaps and not (self.phase is Phase.TARGET and self.method and self.parent):
            raise ValueError(
                "language adapters are swapped in target runs with a method and a parent, got "
                f"phase {self.phase}, method {self.method or 'none'}, parent {self.parent or 'none'}"
            )
        COUNT_OR_NONE.check("steps", self.steps)

    @functools.cached_property
    def parents(self) -> tuple[str, ...]:
        """Ids of the runs that must be finished first: `parent`, then those of `swaps`."""
        return tuple(dict.fromkeys(filter(None, (self.parent, *self.swaps.values()))))

    @functools.cached_property
    def run_id(self) -> str:
        """Twelve hexadecimal digits that name this run."""
        return hashlib.sha256(self.canonical_json().encode()).hexdigest()[:ID_DIGITS]

    def canonical_json(self) -> str:
        """The text the id is made from; equal for equal specs on every machine."""
        return self._canonical_json

    @functools.cached_property
    def _canonical_json(self) -> str:
        return json.dumps(self.to_dict(), sort_keys=True, separators=(",", ":"), ensure_ascii=True, allow_nan=False)

    def to_dict(self) -> dict[str, Any]:
        """Plain dictionaries, lists, strings and numbers; the inverse of `from_dict`."""
        return _plain(self)

    @classmethod
    def from_dict(cls, data: Mapping[str, Any]) -> RunSpec:
        """Rebuild a spec; raises ValueError for unknown or missing fields."""
        return _build(cls, data)


_ALWAYS_WRITTEN: Mapping[type, frozenset[str]] = MappingProxyType({
    EncoderRef: frozenset({"name", "revision"}),
    DataRef: frozenset({"source", "fingerprint", "train_rows", "eval_rows", "languages"}),
    MlmSettings: frozenset({"languages", "sentences", "alpha", "mask_probability", "length"}),
    Optimisation: frozenset({
        "learning_rate", "epochs", "batch_sizes", "max_length", "warmup_fraction", "weight_decay", "clip_norm",
        "precision", "dev_rows", "max_eval_interval", "evaluations", "patience", "mixing_cap",
    }),
    Retrieval: frozenset({"layer", "max_length"}),
    RunSpec: frozenset({
        "phase", "tasks", "encoder", "data", "seed", "parent", "optimisation", "mlm", "retrieval",
    }),
})  # fmt: skip
"""The fields of the first stores' specs. Nothing is ever added here: see the top of the module."""


@functools.cache
def _types(part: type) -> dict[str, Any]:
    return typing.get_type_hints(part)


def _options(kind: Any) -> tuple[Any, ...]:
    """The types that a field may have: the members of a union, or the one."""
    return typing.get_args(kind) if isinstance(kind, UnionType) else (kind,)


def _build(part: Any, data: Mapping[str, Any]) -> Any:
    known = [field.name for field in dataclasses.fields(part)]
    for name in data:
        if name not in known:
            raise ValueError(unknown(f"{part.__name__} field", name, known))
    types = _types(part)
    try:
        return part(**{name: _read(types[name], value) for name, value in data.items()})
    except TypeError as error:
        raise ValueError(f"{part.__name__}: {error}") from error


def _read(kind: Any, value: Any) -> Any:
    """A value of JSON as a field of this type holds it."""
    if value is None:
        return None
    for option in _options(kind):
        if typing.get_origin(option) is tuple:
            return tuple(value)
        if dataclasses.is_dataclass(option):
            return _build(option, value)
        if isinstance(option, type) and issubclass(option, StrEnum):
            return option(value)
    return value


def _plain(value: Any, kind: Any = None) -> Any:
    """A value of a field of type `kind` as JSON has it."""
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        types = _types(type(value))
        own = {field.name: getattr(value, field.name) for field in dataclasses.fields(value) if _written(value, field)}
        return {name: _plain(item, types[name]) for name, item in own.items()}
    if isinstance(value, Mapping):
        return {str(key): _plain(item) for key, item in sorted(value.items())}
    if isinstance(value, tuple | list):
        return [_plain(item) for item in value]
    if isinstance(value, StrEnum):
        return value.value
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return float(value) if is_number and float in _options(kind) else value


def _written(part: Any, field: dataclasses.Field[Any]) -> bool:
    """Whether a field of a part goes into its JSON."""
    if any(field.name in _ALWAYS_WRITTEN.get(base, ()) for base in type(part).__mro__):
        return True
    made = field.default_factory
    default = field.default if made is dataclasses.MISSING else made()
    return bool(getattr(part, field.name) != default)


def _check(part: Any) -> None:
    """Refuse values that the table of hyperparameters does not allow."""
    for own in hyperparameters.HYPERPARAMETERS:
        allowed = own.held or own.allowed
        if isinstance(allowed, Bounds) and hasattr(part, own.name):
            allowed.check(own.name, getattr(part, own.name))
