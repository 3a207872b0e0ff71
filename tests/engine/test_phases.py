"""Whole runs on the built-in corpus with one layer of the bundled encoder: what they leave, and that they repeat."""

from __future__ import annotations

import dataclasses

import pyarrow.parquet as pq
import pytest
import torch

from tests.made.phases import OPTIONS, spec
from trainables.ledger.errors import MissingRunError
from trainables.ledger.inspection import Condition, inspect
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store
from trainables.model.stored import load_stored
from trainables.phases.context import Context
from trainables.phases.run import run, run_to_end
from trainables.report import Advanced
from trainables.tasks.registry import task
from trainables.training import keeper


@pytest.fixture(scope="module")
def store(tmp_path_factory) -> Store:
    return Store(tmp_path_factory.mktemp("store")).prepare()


@pytest.fixture(scope="module")
def parent(store):
    return run_to_end(spec(Phase.INTERMEDIATE, "qqp"), "qqp #42", store, OPTIONS)


@pytest.mark.parametrize("mlm", [False, True])
@pytest.mark.parametrize("tasks", [("qqp",), ("csqa",), ("squad",), ("qqp", "csqa")])
def test_an_intermediate_run_leaves_an_encoder_and_its_dev_figures(store, tasks, mlm):
    wanted = spec(Phase.INTERMEDIATE, *tasks, mlm=mlm)
    record = run_to_end(wanted, "name", store, OPTIONS)
    assert record == store.record(wanted.run_id)
    left = {path.name for path in store.fetch(wanted.run_id, "encoder").iterdir()}
    weights = {"model.safetensors"} if mlm else {"delta.json", "delta.safetensors"}
    assert left == {"config.json", "tokenizer.json", "tokenizer_config.json"} | weights
    assert {(score.task, score.split) for score in record.scores} == {(name, "stopping") for name in tasks}
    assert all(score.rows == 6 for score in record.scores)
    assert record.steps == record.planned_steps == record.dev_curve[-1].step
    assert not (store.root / "runs" / wanted.run_id / ".work").exists()


@pytest.mark.parametrize("tasks", [("xnli",), ("udpos",), ("xquad", "mlqa"), ("tydiqa",)])
def test_a_target_run_predicts_every_language_it_is_asked_for(store, parent, tasks):
    wanted = spec(Phase.TARGET, *tasks, parent=parent.run_id)
    record = run_to_end(wanted, "name", store, OPTIONS)
    for name in tasks:
        table = pq.read_table(store.fetch(wanted.run_id, f"predictions/{name}.parquet")).to_pylist()
        for split, languages in task(name).languages.items():
            if split not in ("dev", "test"):
                continue
            asked = {code for code in languages if code in wanted.data.languages}
            scored = {s.language for s in record.scores if s.task == name and s.split == split}
            assert scored == asked == {row["language"] for row in table if row["split"] == split}
            for code in asked:
                rows = [row for row in table if row["split"] == split and row["language"] == code]
                form = task(name).format
                again = form.score(*_as_scored(form, rows), code)
                for score in record.scores:
                    if (score.task, score.split, score.language) == (name, split, code):
                        assert again[score.metric] == pytest.approx(score.value)


def _as_scored(form, rows):
    """References and predictions as a format takes them, from stored rows."""
    references, predictions = [row["reference"] for row in rows], [row["prediction"] for row in rows]
    if form.head == "tagging":
        return references, predictions
    single = [prediction[0] for prediction in predictions]
    return (references if form.head == "span" else [reference[0] for reference in references]), single


def test_a_retrieval_run_finds_translations(store, parent):
    record = run_to_end(spec(Phase.RETRIEVAL, "tatoeba", parent=parent.run_id), "name", store, OPTIONS)
    assert {score.language for score in record.scores} == {"de", "zh"}
    assert all(0 <= score.value <= 100 and score.rows == 6 for score in record.scores)


def test_a_missing_parent_is_an_error_and_never_the_pretrained_encoder(store):
    with pytest.raises(MissingRunError, match="run 000000000000 is not finished"):
        run_to_end(spec(Phase.TARGET, "xnli", parent="000000000000"), "name", store, OPTIONS)


@pytest.mark.parametrize("mlm", [False, True])
def test_the_same_seed_gives_the_same_encoder_bit_for_bit_whatever_ran_before(tmp_path, store, mlm):
    wanted = spec(Phase.INTERMEDIATE, "csqa", mlm=mlm)
    run_to_end(wanted, "name", store, OPTIONS)
    run_to_end(spec(Phase.TARGET, "udpos"), "name", store, OPTIONS)
    other = Store(tmp_path).prepare()
    run_to_end(wanted, "name", other, OPTIONS)
    assert store.record(wanted.run_id).files == other.record(wanted.run_id).files
    one, two = (load_stored(s.fetch(wanted.run_id, "encoder")).state_dict() for s in (store, other))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert store.record(wanted.run_id).scores == other.record(wanted.run_id).scores


@pytest.mark.parametrize("mlm", [False, True])
def test_a_run_that_is_cut_continues_and_ends_bit_identical(tmp_path, store, mlm, monkeypatch):
    monkeypatch.setattr(keeper, "ESTIMATED_SECONDS_PER_BYTE", 0.0)  # so that the first step is followed by one
    wanted = spec(Phase.INTERMEDIATE, "qqp", mlm=mlm)
    run_to_end(wanted, "name", store, OPTIONS)
    other = Store(tmp_path).prepare()
    often = dataclasses.replace(OPTIONS, checkpoint_seconds=0.001, checkpoint_share=1.0)
    other.work(wanted.run_id)
    first = run(wanted, "name", other, often)
    while not (isinstance(item := next(first), Advanced) and item.selection is not None):
        pass
    first.close()
    assert (other.work(wanted.run_id) / "checkpoint.safetensors").exists()
    run_to_end(wanted, "name", other, often)
    calm, cut = store.record(wanted.run_id), other.record(wanted.run_id)
    assert calm.files == cut.files
    one, two = (load_stored(s.fetch(wanted.run_id, "encoder")).state_dict() for s in (store, other))
    assert all(torch.equal(one[name], two[name]) for name in one)
    assert calm.dev_curve == cut.dev_curve
    assert "checkpoint" not in calm.seconds
    assert cut.seconds["checkpoint"] > 0
    assert any(note.startswith("checkpoints while it trained: ") for note in cut.notes)
    assert all(each.condition is not Condition.DAMAGED for each in inspect(other)), "locks of the writers among it"
    assert (other.root / "checkpoint-slots").is_dir()


def test_trimming_the_vocabulary_changes_nothing_but_rounding(tmp_path, store):
    """fp32, dropout on: relative 1e-3 of the largest update is far above rounding and far below any effect."""
    wanted = spec(Phase.INTERMEDIATE, "qqp")
    run_to_end(wanted, "name", store, OPTIONS)
    plain = Store(tmp_path / "plain").prepare()
    run_to_end(wanted, "name", plain, dataclasses.replace(OPTIONS, trim_vocabulary=False, micro_tokens=0))
    trimmed = Store(tmp_path / "trimmed").prepare()
    run_to_end(wanted, "name", trimmed, dataclasses.replace(OPTIONS, micro_tokens=0))
    one, two = (load_stored(s.fetch(wanted.run_id, "encoder")).state_dict() for s in (plain, trimmed))
    for name in one:
        assert torch.allclose(one[name], two[name], rtol=1e-4, atol=1e-6), name
    assert any("embedding rows" in note for note in trimmed.record(wanted.run_id).notes)


def test_a_target_is_measured_alike_with_the_whole_table_and_with_the_rows_in_use(tmp_path, store, parent):
    wanted = spec(Phase.TARGET, "xnli", parent=parent.run_id)
    options = dataclasses.replace(OPTIONS, micro_tokens=0)
    records = []
    for trims in (True, False):
        other = Store(tmp_path / str(trims)).prepare()
        (other.root / "runs" / parent.run_id).symlink_to(store.root / "runs" / parent.run_id)
        records.append(run_to_end(wanted, "name", other, dataclasses.replace(options, trim_vocabulary=trims)))
    assert records[0].scores == records[1].scores
    assert len(records[0].scores) > 5


def test_a_parents_encoder_is_read_in_place_and_stays_as_it_is(store, parent):
    folder = store.fetch(parent.run_id, "encoder")
    before = {path: path.read_bytes() for path in folder.iterdir()}
    run_to_end(spec(Phase.TARGET, "pawsx", parent=parent.run_id), "name", store, OPTIONS)
    run_to_end(spec(Phase.TARGET, "pawsx", parent=parent.run_id, epochs=2.0), "name", store, OPTIONS)
    assert {path: path.read_bytes() for path in folder.iterdir()} == before


def test_rows_are_counted_in_the_record(parent):
    assert {(use.repository, use.split, use.rows) for use in parent.data_use} == {
        ("nyu-mll/glue", "train", 24),
        ("nyu-mll/glue", "validation", 6),
    }


def test_a_second_belongs_to_one_stage(store, monkeypatch):
    """Of ten seconds of loading three are spent comparing digests."""
    clock = iter([0.0, 4.0, 7.0, 10.0])
    context = Context(spec=spec(Phase.RETRIEVAL, "tatoeba"), name="name", store=store, options=OPTIONS)
    monkeypatch.setattr("trainables.phases.context.time.monotonic", lambda: next(clock))
    with context.stage("load"), context.stage("check"):
        pass
    assert context.seconds == {"check": 3.0, "load": 7.0}


def test_a_run_that_is_alone_with_its_store_writes_checkpoints(tmp_path):
    """Benchmarks compute runs without a lock; the folder of a run is there before its first checkpoint."""
    options = dataclasses.replace(OPTIONS, checkpoint_seconds=1e-6, checkpoint_share=1.0)
    record = run_to_end(spec(Phase.TARGET, "xnli"), "alone", Store(tmp_path).prepare(), options)
    assert any(note.startswith("checkpoints while it trained: ") for note in record.notes)
