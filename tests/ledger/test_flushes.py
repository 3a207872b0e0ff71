"""What is written is on the disk before what depends on it: every file and folder is flushed, in this order."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from tests.made.graphs import DATA
from tests.made.specs import RETRIEVAL
from trainables.data.cache import TokenCache, Tokens
from trainables.ledger import files
from trainables.ledger.plan import Plan
from trainables.ledger.record import Record, Score
from trainables.tasks.examples import TextExample
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.ragged import Ragged

RUN = RETRIEVAL.run_id
SCORE = Score(task="tatoeba", split="test", language="de", metric="accuracy", value=50.0, rows=2)


@pytest.fixture
def flushed(monkeypatch):
    """Paths in the order in which they are flushed, by the name that they have then."""
    seen = []
    real = os.fsync

    def fsync(descriptor):
        seen.append(str(Path(f"/proc/self/fd/{descriptor}").readlink()))
        real(descriptor)

    monkeypatch.setattr("trainables.ledger.files.os.fsync", fsync)
    return seen


def test_a_run_is_flushed_with_its_folders_and_its_record_last(store, flushed):
    made = store.work(RUN) / "encoder"
    made.mkdir(parents=True)
    (made / "model.safetensors").write_text("weights")
    found = store.publish(RUN, "encoder", made)
    store.finish(Record(run_id=RUN, name="", spec=RETRIEVAL, scores=(SCORE,), files=found))
    folder = str(store.root / "runs" / RUN)
    assert str(made / "model.safetensors") in flushed
    assert str(made) in flushed
    published, finished = (place for place, path in enumerate(flushed) if path == folder)
    assert flushed.index(str(made / "model.safetensors")) < published < finished == len(flushed) - 1
    assert flushed[-2].startswith(f"{folder}/.record.json.")


def test_the_folder_of_a_first_run_is_flushed_where_it_was_made(store, flushed):
    (store.root / "runs").rmdir()
    files.write(store.root / "runs" / RUN / "failure.json", "{}")
    assert {str(store.root), str(store.root / "runs"), str(store.root / "runs" / RUN)} <= set(flushed)


@pytest.mark.parametrize("save", ["plan", "config", "best"])
def test_what_a_sweep_keeps_is_flushed(store, flushed, save):
    if save == "plan":
        store.save_plan(Plan(nodes={}, cells={}))
    else:
        getattr(store, f"save_{save}")("a: 1\n")
    assert len(flushed) >= 2
    assert str(store.root) == flushed[-1]


def test_tokens_are_flushed_with_their_marker(tmp_path, flushed):
    example = TextExample(id="a", text="b", language="en")
    encoded = Encoded(examples=[example], sequences=Ragged.of([np.array([1, 2])]), owners=np.zeros(1, np.int32))
    TokenCache(tmp_path / "tokens").get({"key": DATA.source}, lambda: Tokens(encoded=encoded))
    names = {path.rsplit("/", 1)[1] for path in flushed}
    assert {"sequences.arrow", "rows.arrow", "examples.arrow", "complete.json", "tokens"} <= names
