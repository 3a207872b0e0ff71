"""Complete sweeps as functions: `paper()` as published; `demo()`, `grid_demo()`, `quick()` without GPU or network."""

from __future__ import annotations

from collections.abc import Callable, Mapping

from search_spaces.config import (
    ClusterFields,
    DataFields,
    EncoderFields,
    GpuFields,
    GridFields,
    IntermediateFields,
    MlmFields,
    RetrievalFields,
    SweepConfig,
    TargetFields,
    TrainingFields,
)
from search_spaces.fields import intermediate_names, paper_targets
from trainables.ledger.cells import BASELINE
from trainables.ledger.nearest import unknown
from trainables.ledger.spec import Precision

PAPER_ENCODER = "FacebookAI/xlm-roberta-large"

DEMO_LANGUAGES = ("en", "de", "es", "fr", "ru", "ar", "hi", "zh", "ko", "fi", "sw")
"""Eleven languages in six scripts; every target but BUCC has at least six of them."""


def paper() -> SweepConfig:
    """The whole grid with XLM-R Large on the hub's data; every setting as published."""
    return SweepConfig(
        name="paper",
        grid=GridFields(intermediates=(BASELINE, *intermediate_names()), targets=paper_targets()),
        encoder=EncoderFields(name=PAPER_ENCODER),
    )


def demo() -> SweepConfig:
    """No, one or another intermediate task before all targets, two seeds: what a sweep shows, in minutes on two cores.

    The built-in corpus and three layers of the bundled encoder, with settings that learn every target above chance:
    tags in one pass, answers in two, the rest in three. MLM co-training is left out for its time. The whole grid is
    `grid_demo()`.
    """
    whole = grid_demo()
    training = {"epochs": 3.0, "dev_rows": 48}
    fewer = dict.fromkeys(("udpos", "panx"), TrainingFields(epochs=1))
    fewer |= dict.fromkeys(("xquad", "mlqa", "tydiqa"), TrainingFields(epochs=2))
    return whole.model_copy(
        update={
            "name": "demo",
            "grid": GridFields(
                intermediates=(BASELINE, "anli", "squad"), mlm=(False,), targets=paper_targets(), seeds=(42, 43)
            ),
            "data": DataFields(source="demo", train_rows=480, languages=DEMO_LANGUAGES),
            "intermediate": whole.intermediate.model_copy(
                update=training | {"learning_rate": 3e-4, "learning_rate_with_mlm": 3e-4}
            ),
            "target": whole.target.model_copy(update=training | {"learning_rate": 5e-4, "tasks": fewer}),
            "mlm": whole.mlm.model_copy(update={"sentences": 80}),
        }
    )


def grid_demo() -> SweepConfig:
    """The whole grid on the built-in corpus with a small bundled encoder, in the minutes that the demo takes.

    The settings buy minutes, not scores: it shows the grid, not what is learnt. What takes longest (span QA) sees its
    rows once, and twelve rows a language are too few for a verdict.
    """
    return SweepConfig(
        name="grid-demo",
        grid=GridFields(intermediates=(BASELINE, *intermediate_names()), targets=paper_targets()),
        encoder=EncoderFields(name="bundled:3"),
        data=DataFields(source="demo", train_rows=160, eval_rows=12, languages=DEMO_LANGUAGES),
        intermediate=IntermediateFields(
            learning_rate=2e-4, learning_rate_with_mlm=2e-4, epochs=1, batch_size=16, max_length=128, dev_rows=24,
            evaluations=3, precision=Precision.BF16,
        ),
        target=TargetFields(
            learning_rate=3e-4, epochs=2, batch_size=16, max_length=128, dev_rows=24, evaluations=3,
            precision=Precision.BF16, tasks=dict.fromkeys(("xquad", "mlqa", "tydiqa"), TrainingFields(epochs=1)),
        ),
        mlm=MlmFields(sentences=160, batch_size=16, languages=DEMO_LANGUAGES),
        retrieval=RetrievalFields(max_length=128),
        cluster=ClusterFields(gpus=GpuFields(intermediate=0, target=0, retrieval=0)),
    )  # fmt: skip


def quick() -> SweepConfig:
    """A corner of the grid: the baseline and one intermediate task, two targets; a smoke run of a minute."""
    whole = grid_demo()
    return whole.model_copy(
        update={
            "name": "quick",
            "grid": GridFields(
                intermediates=(BASELINE, intermediate_names()[0]), mlm=(False,), targets=paper_targets()[:2]
            ),
            "encoder": EncoderFields(name="bundled:2"),
            "data": whole.data.model_copy(update={"train_rows": 64, "eval_rows": 16}),
        }
    )


PRESETS: Mapping[str, Callable[[], SweepConfig]] = {
    "demo": demo,
    "grid-demo": grid_demo,
    "quick": quick,
    "paper": paper,
}


def preset(name: str) -> SweepConfig:
    """The preset of this name; raises ValueError with the nearest right one."""
    if name not in PRESETS:
        raise ValueError(unknown("preset", name, PRESETS))
    return PRESETS[name]()
