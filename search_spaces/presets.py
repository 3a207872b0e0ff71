"""Complete sweeps as functions: `paper()` as published, `demo()` and `quick()` for a machine without GPU or network."""

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
)
from search_spaces.fields import intermediate_names, target_names
from search_spaces.grid import NONE
from trainables.data.demo.lexicon import languages as demo_languages
from trainables.nearest import unknown

PAPER_ENCODER = "FacebookAI/xlm-roberta-large"


def paper() -> SweepConfig:
    """The whole grid with XLM-R Large on the hub's data; every setting as published."""
    return SweepConfig(
        name="paper",
        grid=GridFields(intermediates=(NONE, *intermediate_names()), targets=target_names()),
        encoder=EncoderFields(name=PAPER_ENCODER),
    )


def demo() -> SweepConfig:
    """The whole grid on the built-in corpus with a small bundled encoder: minutes on two cores, no network."""
    return SweepConfig(
        name="demo",
        grid=GridFields(intermediates=(NONE, *intermediate_names()), targets=target_names()),
        encoder=EncoderFields(name="bundled:6"),
        data=DataFields(source="demo", train_rows=320, eval_rows=40, languages=tuple(demo_languages())),
        intermediate=IntermediateFields(
            learning_rate=5e-5, learning_rate_with_mlm=5e-5, epochs=2, batch_size=16, max_length=128, dev_rows=40,
            evaluations=4,
        ),
        target=TargetFields(
            learning_rate=5e-5, epochs=2, batch_size=16, max_length=128, dev_rows=40, evaluations=4
        ),
        mlm=MlmFields(sentences=1000, batch_size=16, mixing_cap=320, languages=tuple(demo_languages())),
        retrieval=RetrievalFields(max_length=128),
        cluster=ClusterFields(cpus=1, threads=1, gpus=GpuFields(intermediate=0, target=0, retrieval=0)),
    )  # fmt: skip


def quick() -> SweepConfig:
    """A corner of the demo's grid: the baseline and one intermediate task, two targets; a smoke run of a minute."""
    whole = demo()
    return whole.model_copy(
        update={
            "name": "quick",
            "grid": GridFields(intermediates=(NONE, intermediate_names()[0]), mlm=(False,), targets=target_names()[:2]),
            "encoder": EncoderFields(name="bundled:2"),
            "data": whole.data.model_copy(update={"train_rows": 64, "eval_rows": 16}),
        }
    )


PRESETS: Mapping[str, Callable[[], SweepConfig]] = {"demo": demo, "quick": quick, "paper": paper}


def preset(name: str) -> SweepConfig:
    """The preset of this name; raises ValueError with the nearest right one."""
    if name not in PRESETS:
        raise ValueError(unknown("preset", name, PRESETS))
    return PRESETS[name]()
