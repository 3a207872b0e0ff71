"""The hyperparameters: one table, from which configuration, resolution, ranges, checks and the docs' tables are made.

A new one is an entry of `HYPERPARAMETERS`, a typed field of the same name in `spec.Optimisation` (in `spec.MlmSettings`
for MLM alone), and its use in the engine. Published values are those of protocol.md 2.3 to 2.5 and 3.8 to 3.10.
"""

from __future__ import annotations

import dataclasses
from enum import StrEnum
from typing import Any, Literal

from trainables.ledger.bounds import COUNT, INPUT_LENGTH, SHARE, Bounds

PhaseName = Literal["intermediate", "target"]
SectionName = Literal["intermediate", "target", "mlm"]
"""Sections of the configuration that hold hyperparameters."""


class Precision(StrEnum):
    """Arithmetic of the forward and backward pass; weights and optimiser stay fp32."""

    FP32 = "fp32"
    BF16 = "bf16"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Hyperparameter:
    """One setting of training.

    Attributes:
        name: of the field in the configuration, in `Optimisation` or `MlmSettings`, and in ranges.
        meaning: for the docs.
        allowed: numbers, or the names of an enumeration.
        held: numbers that records may hold, where older versions allowed more.
        published: the value all tasks share; None where the task decides (Tables 3 and 4). Of a setting that older
            runs lacked it is what they did without it, and never changes: their ids rest on it.
        sections: of the configuration, where it is set.
        searchable: whether it may have a range. What `mlm` holds has one in intermediate runs.
        logarithmic: whether a range is on a logarithmic scale unless it says otherwise.
        apart_with_mlm: whether intermediate runs with MLM have a field of their own, `NAME_with_mlm`.
    """

    name: str
    meaning: str
    allowed: Bounds | type[StrEnum]
    held: Bounds | None = None
    published: float | StrEnum | None = None
    sections: tuple[SectionName, ...] = ("intermediate", "target")
    searchable: bool = False
    logarithmic: bool = False
    apart_with_mlm: bool = False

    @property
    def whole(self) -> bool:
        """Whether its values are whole numbers."""
        return isinstance(self.allowed, Bounds) and self.allowed.whole

    def field(self, *, mlm: bool) -> str:
        """Its field for runs with or without MLM."""
        return f"{self.name}_with_mlm" if mlm and self.apart_with_mlm else self.name

    def fields(self, section: SectionName) -> tuple[str, ...]:
        """All of its fields in a section."""
        with_mlm = section == "intermediate"
        return tuple(dict.fromkeys((self.field(mlm=False), self.field(mlm=with_mlm))))


_BATCH = Bounds(low=1, whole=True, limit=1_000_000)

HYPERPARAMETERS = (
    Hyperparameter(
        name="learning_rate", allowed=Bounds(low=0, above=True, limit=1000), searchable=True, logarithmic=True,
        apart_with_mlm=True, meaning="peak of the linear schedule",
    ),
    Hyperparameter(
        name="epochs", allowed=Bounds(low=0, above=True, limit=1e6), searchable=True,
        meaning="passes over the training rows; a fraction is allowed",
    ),
    Hyperparameter(
        name="batch_size", allowed=_BATCH, searchable=True,
        meaning="effective batch in rows",
    ),
    Hyperparameter(
        name="warmup_fraction", allowed=SHARE, published=0.1, searchable=True,
        meaning="share of all steps with a rising learning rate",
    ),
    Hyperparameter(
        name="weight_decay", allowed=SHARE, published=0.01, searchable=True,
        meaning="decoupled; not applied to biases and layer-norm weights",
    ),
    Hyperparameter(
        name="clip_norm", allowed=Bounds(low=0, above=True, limit=1e38), published=1.0,
        meaning="global gradient norm",
    ),
    Hyperparameter(
        name="max_length", allowed=INPUT_LENGTH,
        meaning="longest input in sub-words, special tokens included",
    ),
    Hyperparameter(
        name="dev_rows", allowed=COUNT, published=500,
        meaning="first rows of the English dev set that choose the checkpoint",
    ),
    Hyperparameter(
        name="max_eval_interval", allowed=COUNT, published=1000,
        meaning="most steps between two dev evaluations",
    ),
    Hyperparameter(
        name="evaluations", allowed=COUNT, published=20,
        meaning="dev evaluations a run has at least: one every min(`max_eval_interval`, steps / `evaluations`) steps",
    ),
    Hyperparameter(
        name="patience", allowed=COUNT, published=30,
        meaning="dev evaluations without strict improvement before a run stops",
    ),
    Hyperparameter(
        name="precision", allowed=Precision, published=Precision.FP32,
        meaning="arithmetic; `bf16` is autocast, weights and optimiser stay fp32 (processors without bf16 instructions "
        "compute in fp32)",
    ),
    Hyperparameter(
        name="sentences", sections=("mlm",), allowed=COUNT, published=2_000_000,
        meaning="in total, over all languages",
    ),
    Hyperparameter(
        name="alpha", sections=("mlm",), allowed=SHARE, published=0.3,
        meaning="exponent of the language shares",
    ),
    Hyperparameter(
        name="mask_probability", sections=("mlm",), allowed=Bounds(low=0, high=1, above=True), held=SHARE,
        published=0.15,
        meaning="share of the positions that are predicted",
    ),
    Hyperparameter(
        name="batch_size", sections=("mlm",), allowed=_BATCH, published=8,
        meaning="sentences in an effective batch",
    ),
    Hyperparameter(
        name="mixing_cap", sections=("mlm",), allowed=COUNT, published=131_072, searchable=True,
        meaning="K of the sampling rule min(rows, K), for tasks and MLM alike (protocol.md 3.8)",
    ),
)  # fmt: skip


def of_section(section: SectionName) -> tuple[Hyperparameter, ...]:
    """The hyperparameters that a section of the configuration holds."""
    return tuple(own for own in HYPERPARAMETERS if section in own.sections)


def searchable_in(phase: PhaseName) -> tuple[Hyperparameter, ...]:
    """What runs of a phase may vary; `mlm` belongs to the intermediate phase."""
    sections = {phase, "mlm"} if phase == "intermediate" else {phase}
    return tuple(own for own in HYPERPARAMETERS if own.searchable and sections & set(own.sections))


def published(section: SectionName) -> dict[str, Any]:
    """Values of a section that all tasks share, by name."""
    return {own.name: own.published for own in of_section(section) if own.published is not None}
