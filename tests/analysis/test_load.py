"""From records to frames, and one sweep out of a store that holds several."""

import dataclasses
import shutil

import pytest

from analysis.scores.headings import AnalysisError
from analysis.scores.load import load, score_table
from analysis.scores.sweeps import differences, one_sweep, where
from tests.made.records import (
    DATA,
    fill,
    intermediate_spec,
    language_scores,
    optimisation,
    record,
    target_spec,
)
from trainables.ledger.cells import Row
from trainables.ledger.record import Score
from trainables.ledger.spec import EncoderRef


def scores(store, run_ids=None):
    return score_table(load(store, run_ids))


def finish(store, spec, scores=(), **options):
    store.finish(record(spec, scores, **options))
    return spec.run_id


def test_a_target_run_takes_its_row_from_its_parent(store):
    parent = finish(store, intermediate_spec("squad", mlm=True))
    xquad = Score(task="xquad", split="stopping", language="en", metric="f1", value=41.5, rows=32)
    child = finish(store, target_spec("xquad", "mlqa", parent=parent), [xquad, *language_scores("mlqa", 40.0)])
    frame = scores(store, [child]).query("target == 'mlqa'")
    assert list(frame.columns) == [
        "run_id", "phase", "intermediate", "mlm", "target", "seed", "split", "language", "metric", "value", "rows",
        "capped", "restricted", "encoder", "data_source", "parent",
    ]  # fmt: skip
    assert len(frame) == 2 * 7 * 2
    (row,) = {tuple(line) for line in frame[["run_id", "intermediate", "mlm", "target", "seed", "parent"]].to_numpy()}
    assert row == (child, "squad", True, "mlqa", 42, parent)
    assert set(frame["capped"]) == {True}
    assert set(frame["encoder"]) == {"bundled:3"}


def test_baseline_mixture_and_intermediate_runs_have_their_names(store):
    mixture = finish(store, intermediate_spec("qqp", "anli"))
    finish(store, target_spec("xnli", parent=mixture))
    finish(store, target_spec("xnli"))
    finish(
        store,
        intermediate_spec("anli", mlm=True),
        [Score(task="anli", split="stopping", language="en", metric="accuracy", value=41.5, rows=32)],
    )
    found = {(run.record.spec.phase.value, run.variant, run.cells[:1]) for run in load(store)}
    assert found == {
        ("intermediate", Row("multitask", False), ()),
        ("intermediate", Row("anli", True), ()),
        ("target", Row("multitask", False), (("multitask", False, "xnli", 42),)),
        ("target", Row("none", False), (("none", False, "xnli", 42),)),
    }
    (line,) = scores(store).query("target == 'anli' and mlm").to_dict("records")
    assert (line["phase"], line["intermediate"], line["mlm"], line["target"], line["value"]) == (
        "intermediate", "anli", True, "anli", 41.5,
    )  # fmt: skip


def test_a_child_of_a_capped_parent_is_capped_itself(store):
    parent = finish(store, intermediate_spec("squad"))
    whole = dataclasses.replace(DATA, train_rows=0, eval_rows=0)
    finish(store, target_spec("tatoeba", parent=parent, data=whole), language_scores("tatoeba", 40.0))
    assert set(scores(store)["capped"]) == {True}


def test_a_missing_parent_is_named(store):
    parent = intermediate_spec("squad")
    child = finish(store, target_spec("xnli", parent=parent.run_id), name="squad -> xnli #42")
    with pytest.raises(AnalysisError, match=f"run {child} cannot be used: it starts from run {parent.run_id}"):
        scores(store)


def test_run_ids_choose_runs_and_unfinished_ones_are_passed_over(store):
    kept = finish(store, target_spec("xnli"), language_scores("xnli", 1.0))
    finish(store, target_spec("pawsx"), language_scores("pawsx", 1.0))
    assert set(scores(store, [kept, "0123456789ab"])["run_id"]) == {kept}


def test_an_empty_store_gives_an_empty_frame_with_all_columns(store):
    assert "value" in scores(store).columns
    assert len(scores(store)) == 0


def test_a_whole_grid_is_one_sweep(tmp_path):
    store = fill(tmp_path)
    loaded = load(store)
    assert differences(loaded) == []
    assert one_sweep(loaded) == loaded


def test_two_encoders_are_two_sweeps(store):
    finish(store, target_spec("xnli"))
    finish(store, target_spec("pawsx"))
    other = finish(store, target_spec("pawsx", encoder=EncoderRef(name="bundled:6", revision="1")))
    loaded = load(store)
    with pytest.raises(AnalysisError) as caught:
        one_sweep(loaded)
    assert "encoder.name: " in str(caught.value)
    assert "bundled:3 (2 runs)" in str(caught.value)
    assert "--where encoder.name=bundled:3" in str(caught.value)
    assert [run.record.run_id for run in where(loaded, ["encoder.name=bundled:6"])] == [other]
    assert len(one_sweep(where(loaded, ["encoder.name=bundled:3"]))) == 2


@pytest.mark.parametrize(
    ("field", "setting"),
    [
        ({"data": dataclasses.replace(DATA, fingerprint="g")}, "data.fingerprint of xnli"),
        ({"data": dataclasses.replace(DATA, train_rows=65)}, "data.train_rows of target"),
        ({"data": dataclasses.replace(DATA, eval_rows=0)}, "data.eval_rows of target"),
        ({"data": dataclasses.replace(DATA, source="hub")}, "data.source: "),
        ({"data": dataclasses.replace(DATA, languages=("en",))}, "data.languages of xnli: "),
        ({"optimisation": optimisation("xnli", 1e-5)}, "optimisation.learning_rate of xnli"),
    ],
)
def test_a_column_never_mixes_settings(store, field, setting):
    parent = finish(store, intermediate_spec("squad"))
    finish(store, target_spec("xnli", parent=parent))
    finish(store, dataclasses.replace(target_spec("xnli"), **field))
    with pytest.raises(AnalysisError) as caught:
        one_sweep(load(store))
    assert setting in str(caught.value)


def test_seeds_are_an_axis_and_no_difference(store):
    for seed in (42, 43):
        finish(store, target_spec("xnli", seed=seed))
    assert len(one_sweep(load(store))) == 2


def test_a_condition_in_a_scope_drops_a_parent_with_its_children(store):
    keep = intermediate_spec("squad")
    drop = dataclasses.replace(keep, optimisation=optimisation("squad", 3e-5))
    for parent in (keep, drop):
        finish(store, parent)
        finish(store, target_spec("xnli", parent=parent.run_id))
    finish(store, target_spec("xnli"))
    loaded = load(store)
    with pytest.raises(AnalysisError, match=r"--where squad:optimisation\.learning_rate="):
        one_sweep(loaded)
    kept = one_sweep(where(loaded, ["squad:optimisation.learning_rate=1e-05"]))
    assert {run.record.spec.parent for run in kept} == {"", keep.run_id}
    assert len(kept) == 3


def test_two_runs_of_one_cell_say_what_differs(store):
    finish(store, target_spec("xquad", "mlqa"))
    finish(store, target_spec("xquad"))
    with pytest.raises(AnalysisError) as caught:
        one_sweep(load(store))
    assert "two runs for one cell, baseline -> XQuAD seed 42" in str(caught.value)
    assert "tasks: xquad against xquad,mlqa" in str(caught.value) or "tasks: xquad,mlqa against xquad" in str(
        caught.value
    )


@pytest.mark.parametrize(
    ("condition", "message"),
    [
        ("encoder.nam=x", "did you mean 'encoder.name'"),
        ("encoder.name", "write SETTING=VALUE"),
        ("encoder.name=x", "values here: bundled:3"),
    ],
)
def test_conditions_that_cannot_be_met(store, condition, message):
    finish(store, target_spec("xnli"))
    with pytest.raises(AnalysisError) as caught:
        where(load(store), [condition])
    assert message in str(caught.value)


def test_nothing_of_a_store_is_changed(tmp_path):
    store = fill(tmp_path / "one")
    shutil.copytree(tmp_path / "one", tmp_path / "two")
    scores(store)
    files = {p.relative_to(tmp_path / "one"): p.read_bytes() for p in (tmp_path / "one").rglob("*") if p.is_file()}
    assert files == {
        p.relative_to(tmp_path / "two"): p.read_bytes() for p in (tmp_path / "two").rglob("*") if p.is_file()
    }
