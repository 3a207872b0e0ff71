"""Runs on the built-in corpus with one layer of the bundled encoder."""

from __future__ import annotations

import dataclasses

from trainables.data.hub import open_data
from trainables.data.reading import files_of
from trainables.data.source import DataSource
from trainables.ledger.spec import DataRef, EncoderRef, MlmSettings, Optimisation, Phase, Retrieval, RunSpec
from trainables.model.names import encoder_fingerprint
from trainables.phases.options import Options

ENCODER = "bundled:1"
OPTIONS = Options(data="demo", encoder=ENCODER)


def spec(phase: Phase, *tasks: str, parent: str = "", mlm: bool = False, **changes: object) -> RunSpec:
    """A run over a few rows; `changes` are of its optimisation."""
    batches = dict.fromkeys(tasks if phase is Phase.INTERMEDIATE else tasks[:1], 8) | ({"mlm": 8} if mlm else {})
    training = Optimisation(learning_rate=1e-4, epochs=1, batch_sizes=batches, max_length=128, evaluations=3)
    made = RunSpec(
        phase=phase,
        tasks=tasks,
        encoder=EncoderRef(name=ENCODER, revision=encoder_fingerprint(ENCODER)),
        data=DataRef(source="demo", fingerprint="", train_rows=24, eval_rows=6, languages=("en", "de", "zh")),
        seed=42,
        parent=parent,
        optimisation=None if phase is Phase.RETRIEVAL else dataclasses.replace(training, **changes),
        retrieval=Retrieval(layer=1) if phase is Phase.RETRIEVAL else None,
        mlm=MlmSettings(languages=("en", "sw"), sentences=24) if mlm else None,
    )
    return planned_with(made, open_data("demo"))


def planned_with(spec: RunSpec, data: DataSource) -> RunSpec:
    """The spec as a plan has it: with the fingerprint of the rows that the run reads."""
    found = data.fingerprint(files_of(spec, data, {}))
    return dataclasses.replace(spec, data=dataclasses.replace(spec.data, fingerprint=found))
