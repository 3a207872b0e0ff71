"""A small store with models, for those who export and predict; computed once."""

from __future__ import annotations

import dataclasses
from pathlib import Path

import pytest

from sweep.command_line.main import main
from tests.made.encoders import encoder_folder
from tests.made.phases import OPTIONS, planned_with, spec
from tests.made.swept import DEMO, TARGETS
from trainables.ledger.spec import EncoderRef, Phase
from trainables.ledger.store import Store
from trainables.model.names import encoder_fingerprint
from trainables.phases.run import run_to_end


@pytest.fixture(scope="session")
def encoder(tmp_path_factory) -> Path:
    return encoder_folder(tmp_path_factory.mktemp("encoders") / "tiny", "xlm-roberta")


@pytest.fixture(scope="session")
def swept(tmp_path_factory, encoder) -> dict[str, str]:
    """Store and ids: the baseline and one intermediate task on three fine-tunings and one retrieval target."""
    store = Store(tmp_path_factory.mktemp("swept") / "store").prepare()
    ref = EncoderRef(name="tiny", revision=encoder_fingerprint(str(encoder)))
    options = dataclasses.replace(OPTIONS, encoder=str(encoder), keep_models=True)

    def computed(phase, *tasks, name, **given):
        made = planned_with(dataclasses.replace(spec(phase, *tasks, **given), encoder=ref), DEMO)
        return run_to_end(made, name, store, options).run_id

    ids = {"squad": computed(Phase.INTERMEDIATE, "squad", name="squad #42")}
    for row, parent in (("none", ""), ("squad", ids["squad"])):
        for tasks in TARGETS:
            ids[f"{row} -> {tasks[0]}"] = computed(
                Phase.TARGET, *tasks, parent=parent, name=f"{row} -> {tasks[0]} #42", learning_rate=1e-3
            )
        ids[f"{row} -> tatoeba"] = computed(Phase.RETRIEVAL, "tatoeba", parent=parent, name=f"{row} -> tatoeba #42")
    store.save_config(f"encoder:\n  name: {encoder}\n")
    return {"store": str(store.root), **ids}


@pytest.fixture(scope="session")
def models(swept, tmp_path_factory) -> Path:
    """Every target's model of the baseline, under its name."""
    folder = tmp_path_factory.mktemp("models")
    for tasks in TARGETS:
        for name in tasks:
            words = ["--run", swept[f"none -> {tasks[0]}"], "--task", name, "--to", str(folder / name)]
            assert main(["export", swept["store"], *words]) == 0
    return folder
