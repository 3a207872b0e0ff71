"""A receipt of every selection that stands is in the ledger before a test score is opened on the strength of it."""

import dataclasses
import shutil

import pytest

from analysis.report.command import main
from analysis.report.writer import write_report
from analysis.scores.load import load
from analysis.selection.receipts import selection_digest
from analysis.selection.sweep import gather
from analysis.submission.command import main as submit
from tests.made.submissions import FEW, make_store
from trainables.ledger.cells import Row
from trainables.ledger.inspection import Condition, inspect
from trainables.ledger.store import Store

CHOSEN = {
    "xnli": "anli", "pawsx": "anli", "udpos": "anli", "panx": "anli", "xquad": "squad", "mlqa": "squad",
    "tydiqa": "squad", "tatoeba": "anli",
}  # fmt: skip
"""What `tests.made.records.level` makes best."""


@pytest.fixture
def store(whole_grid):
    return whole_grid


def run_of(store, row, target):
    [run] = [run for run in load(store) if target in run.record.spec.tasks and run.variant == Row(row, False)]
    return run.record.run_id


def test_a_receipt_names_rule_table_candidates_choice_and_runs(store, tmp_path):
    write_report(store, tmp_path / "out")
    receipts = {receipt.target: receipt for receipt in store.receipts()}
    assert {target: str(receipt.selected) for target, receipt in receipts.items()} == CHOSEN
    of = receipts["xnli"]
    assert of.runs == (run_of(store, "anli", "xnli"),)
    assert (of.split, of.table) == ("dev", selection_digest(gather(store).results, ["xnli"]))
    assert of.rule.startswith("the highest dev score, mean over the seeds")
    # 60 points, ANLI+ 2 and the mixture 1 more, SQuAD 1 less, half a point less with MLM
    assert [(str(row), round(score, 6)) for row, score in of.candidates] == [
        ("anli", 62.0), ("anli+mlm", 61.5), ("multitask", 61.0), ("multitask+mlm", 60.5), ("none", 60.0),
        ("squad", 59.0), ("squad+mlm", 58.5),
    ]  # fmt: skip
    assert "one set" in receipts["tatoeba"].rule
    assert "one set" not in of.rule


def test_every_opening_follows_a_receipt_of_the_same_table(store, tmp_path):
    write_report(store, tmp_path / "out", open_test=True)
    tables = {receipt.target: receipt.table for receipt in store.receipts()}
    for opening in store.openings():
        assert opening.target == "all" or opening.selection == tables[opening.target]


def test_the_receipt_is_there_before_the_opening(store, tmp_path, monkeypatch):
    """If the opening cannot be noted the receipt stands; if the receipt cannot be written nothing is opened."""
    monkeypatch.setattr(Store, "note_openings", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    write_report(store, tmp_path / "out")
    assert len(store.receipts()) == len(CHOSEN)
    assert not store.openings()
    monkeypatch.undo()
    shutil.rmtree(tmp_path / "out")
    (store.root / "receipts.json").unlink()
    monkeypatch.setattr(Store, "note_receipts", lambda *_: (_ for _ in ()).throw(OSError(28, "No space left")))
    written = write_report(store, tmp_path / "out")
    assert "test scores stay closed" in written.warnings[0]
    assert not store.openings()


def test_a_target_without_a_standing_selection_has_no_receipt(store, tmp_path):
    shutil.rmtree(store.root / "runs" / run_of(store, "squad", "xnli"))
    write_report(store, tmp_path / "out")
    assert {receipt.target for receipt in store.receipts()} == set(CHOSEN) - {"xnli"}


def test_the_same_selection_is_written_once_and_another_is_added(store, tmp_path):
    write_report(store, tmp_path / "out")
    written = (store.root / "receipts.json").read_bytes()
    write_report(store, tmp_path / "again")
    assert (store.root / "receipts.json").read_bytes() == written
    record = store.record(run_of(store, "squad", "xnli"))
    store.finish(dataclasses.replace(record, scores=tuple(dataclasses.replace(s, value=99.0) for s in record.scores)))
    write_report(store, tmp_path / "out")
    assert [str(receipt.selected) for receipt in store.receipts() if receipt.target == "xnli"] == ["anli", "squad"]


def test_a_submission_writes_receipts_too(tmp_path):
    store = make_store(tmp_path / "store", FEW)
    assert submit([str(store.root), "--out", str(tmp_path / "out")]) == 0
    assert {receipt.target for receipt in store.receipts()} == {"xnli", "pawsx"}


def test_receipts_that_cannot_be_read_are_kept_named_and_nothing_is_opened(store, tmp_path, capsys):
    write_report(store, tmp_path / "out")
    whole = (store.root / "receipts.json").read_text()
    assert {each.condition for each in inspect(store) if each.what == "receipts.json"} == {Condition.SOUND}
    (store.root / "receipts.json").write_text(whole.replace("62.0", "82.0"))
    (store.root / "openings.json").unlink()
    assert main([str(store.root), "--out", str(tmp_path / "out")]) == 0
    assert "receipts.json" in capsys.readouterr().err
    assert "82.0" in (store.root / "receipts.json").read_text()
    assert not store.openings()
    assert [each.condition for each in inspect(store) if each.what == "receipts.json"] == [Condition.DAMAGED]
