"""What a submission lacks is named, and the rest is written."""

import pyarrow.compute as pc
import pyarrow.parquet as pq

from analysis.submission.command import main
from tests.made.submissions import FEW, add_run, make_store, save, tree
from trainables.tasks import languages


def run_of(store, target, variant="none"):
    """The only run of a target with, or without, a parent."""
    [found] = [
        run_id
        for run_id in store.run_ids()
        if target in (spec := store.record(run_id).spec).tasks and bool(spec.parent) == (variant != "none")
    ]
    return found


def check_only_pawsx(store, folder, reason, capsys):
    assert main([str(store.root), "--out", str(folder)]) == 1
    shown = capsys.readouterr().out
    assert f"- xnli: {reason}" in shown
    assert {name.split("/")[1] for name in tree(folder) if "/" in name} == {"pawsx"}
    assert "- xnli: " in (folder / "README.md").read_text()


def test_targets_that_the_sweep_does_not_have_are_named_but_not_wanted(tmp_path, capsys):
    assert main([str(make_store(tmp_path, FEW).root)]) == 0
    assert "- udpos: not in this sweep\n" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "submission" / "labels").iterdir()} == {"xnli", "pawsx"}


def test_a_target_whose_selection_is_open(tmp_path, capsys):
    store = make_store(tmp_path / "store", [("pawsx",)])
    add_run(store, ("xnli",))
    reason = "no model selected: 1 of 2 candidates without a dev score: SQuAD"
    check_only_pawsx(store, tmp_path / "out", reason, capsys)


def test_a_run_that_left_no_predictions(tmp_path, capsys):
    store = make_store(tmp_path / "store", FEW, without_files=("xnli",))
    run_id = run_of(store, "xnli", "squad")
    check_only_pawsx(store, tmp_path / "out", f"run {run_id} is finished but left no predictions/xnli.parquet", capsys)


def test_a_prediction_file_that_is_none(tmp_path, capsys):
    store = make_store(tmp_path / "store", FEW)
    path = store.fetch(run_of(store, "xnli", "squad"), "predictions/xnli.parquet")
    path.write_bytes(b"PAR1")
    check_only_pawsx(store, tmp_path / "out", f"{path} cannot be read", capsys)


def test_a_prediction_file_without_a_column(tmp_path, capsys):
    store = make_store(tmp_path / "store", FEW)
    path = store.fetch(run_of(store, "xnli", "squad"), "predictions/xnli.parquet")
    pq.write_table(pq.read_table(path).drop(["reference"]), path)
    check_only_pawsx(store, tmp_path / "out", f"{path} cannot be read", capsys)


def test_predictions_that_do_not_score_what_the_record_says(tmp_path, capsys):
    store = make_store(tmp_path / "store", FEW)
    run_id = run_of(store, "xnli", "squad")
    table = [("test", code, f"{code}.1", ["neutral"], ["entailment"]) for code in languages.XNLI]
    save(store, run_id, "xnli", table)
    reason = f"run {run_id}, en: the predictions score 0.0000 accuracy, the record says "
    check_only_pawsx(store, tmp_path / "out", reason, capsys)


def test_a_language_without_predictions(tmp_path, capsys):
    store = make_store(tmp_path / "store", FEW)
    run_id = run_of(store, "xnli", "squad")
    path = store.fetch(run_id, "predictions/xnli.parquet")
    table = pq.read_table(path)
    pq.write_table(table.filter(pc.not_equal(table["language"], "ur")), path)
    check_only_pawsx(store, tmp_path / "out", f"predictions of run {run_id}, ur: no predictions", capsys)


def test_a_restricted_sweep_says_which_languages_xtreme_would_miss(tmp_path, capsys):
    store = make_store(tmp_path / "store", [("pawsx",)], only=("en", "de", "es", "fr"))
    assert main([str(store.root)]) == 0
    assert "PAWS-X lacks ja, ko, zh; `evaluate.py` stops at a missing file." in capsys.readouterr().out


def test_nothing_at_all_leaves_no_folder(tmp_path, capsys):
    store = make_store(tmp_path / "store", [("pawsx",)], without_files=("pawsx",))
    assert main([str(store.root), "--out", str(tmp_path / "out")]) == 1
    assert "Nothing was written." in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["store"]
