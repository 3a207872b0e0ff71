"""One broken record or damaged run stops neither report nor submission: its cells say why they are empty."""

import dataclasses

import pytest

from analysis.report.command import main
from analysis.report.writer import write_report
from analysis.scores.load import load, load_usable
from analysis.submission.command import main as submit
from tests.made.records import plan_of
from tests.made.submissions import FEW, make_store, tree
from trainables.ledger.digests import digests
from trainables.ledger.errors import DamagedRunError


@pytest.fixture
def store(whole_grid):
    return whole_grid


def run_of(store, name):
    """Id of the run of this name."""
    [run_id] = [run_id for run_id in store.run_ids() if store.record(run_id).name == name]
    return run_id


def record_of(store, run_id):
    return store.root / "runs" / run_id / "record.json"


def section(text, title):
    return text.partition(f"## {title}\n")[2].partition("\n## ")[0]


def test_every_kind_of_broken_record_is_named_and_the_rest_reported(store, tmp_path, capsys):
    run_id = run_of(store, "squad -> xnli #42")
    store.save_plan(plan_of(store))
    path = record_of(store, run_id)
    whole = path.read_text()
    for text in ("{", '{"format": 9}', "[]", "\x00", "", whole.replace("59.0", "89.0"), whole[: len(whole) // 2]):
        path.write_text(text)
        assert main([str(store.root), "--out", str(tmp_path / "out")]) == 0
        report = (tmp_path / "out" / "report.md").read_text()
        failures = section(report, "Failures and gaps")
        assert "- **failed**, 1 cell: its record is broken (" in failures
        assert "SQuAD -> XNLI" in failures
        assert f"- `{run_id}`: its record is broken ({path}: " in failures.replace("\\", "")
        assert "the next `run` computes it again" in failures.replace("\\", "")
        assert (
            f"Without finished runs that cannot be used, for reasons that stand in the report: {run_id}."
            in " ".join(capsys.readouterr().out.split())
        )
        assert "| XNLI | acc | ANLI+ | 62.0 |" in report
        assert path.read_text() == text


def test_a_record_that_is_a_folder_is_no_record(store, tmp_path):
    path = record_of(store, run_of(store, "squad -> xnli #42"))
    path.unlink()
    path.mkdir()
    report = write_report(store, tmp_path / "out").path.read_text()
    assert "Is a directory" in section(report, "Failures and gaps")


def test_without_a_plan_the_cell_is_not_finished_and_the_selection_waits(store, tmp_path):
    record_of(store, run_of(store, "squad -> xnli #42")).write_text("{")
    report = write_report(store, tmp_path / "out").path.read_text()
    assert "- **pending**, 1 cell: no finished run" in section(report, "Failures and gaps")
    assert "| XNLI | acc | not selected: 1 of 7 candidates without a dev score: SQuAD |" in report


def test_children_of_a_broken_parent_are_listed_as_such(store, tmp_path):
    plan = plan_of(store)
    parent = run_of(store, "squad #42")
    children = [run.record.run_id for run in load(store) if run.record.spec.parent == parent]
    assert len(children) == 7
    record_of(store, parent).write_text("{")
    for known in (plan, None):
        report = write_report(store, tmp_path / "out", plan=known).path.read_text()
        failures = section(report, "Failures and gaps").replace("\\", "")
        why = f"it starts from run {parent}, whose record is broken; the next `run` computes that one again"
        assert f"- {', '.join(f'`{run_id}`' for run_id in sorted(children))}: {why}\n" in failures
        assert f"- `{parent}`: its record is broken (" in failures
        assert (f"- **blocked**, 8 cells: {why}\n" in failures) == (known is plan)
        assert "| SQuAD |" not in section(report, "Selection")
    report = write_report(store, tmp_path / "out", plan=plan).path.read_text()
    assert "| SQuAD | blocked | blocked |" in report


def test_a_damaged_run_counts_as_not_finished(tmp_path):
    store = make_store(tmp_path / "store", FEW)
    run_id = run_of(store, "squad -> xnli #42")
    folder = store.root / "runs" / run_id
    record = dataclasses.replace(store.record(run_id), files=digests(folder / "predictions"))
    store.finish(record)
    store.check(run_id)
    plan = plan_of(store)
    (folder / "predictions" / "xnli.parquet").write_bytes(b"\0" * 100)
    with pytest.raises(DamagedRunError):
        store.check(run_id)
    report = write_report(store, tmp_path / "out", plan=plan).path.read_text()
    failures = section(report, "Failures and gaps").replace("\\", "")
    assert f"- **failed**, 1 cell: run {run_id} (squad -> xnli #42) is damaged: " in failures
    assert f"--recompute {run_id}" in failures
    assert "| SQuAD | failed |" in report
    # what the damaged encoder of an intermediate run once gave its children stands
    encoder = run_of(store, "squad #42")
    (store.root / "runs" / encoder / "damage.json").write_text('{"reason": "its encoder is damaged"}')
    loaded = load_usable(store)
    assert set(loaded.unusable) == {run_id, encoder}
    assert {run.record.name for run in loaded.runs if run.parent} == {"squad -> pawsx #42"}


def test_a_store_without_any_usable_run_says_why(store, tmp_path, capsys):
    for run_id in store.run_ids():
        record_of(store, run_id).write_text("{")
    assert main([str(store.root), "--out", str(tmp_path / "out")]) == 2
    message = capsys.readouterr().err
    assert "there is no finished run that can be used\n" in message
    assert str(record_of(store, store.run_ids()[0])) in message
    assert not (tmp_path / "out").exists()


def test_a_submission_goes_on_without_a_broken_run_that_it_does_not_need(tmp_path, capsys):
    store = make_store(tmp_path / "store", FEW)
    store.save_plan(plan_of(store))
    broken = run_of(store, "none -> xnli #42")
    record_of(store, broken).write_text("{")
    assert submit([str(store.root), "--out", str(tmp_path / "out")]) == 0
    shown = capsys.readouterr().out
    assert f"Run {broken} is finished and cannot be used: its record is broken (" in shown
    assert {name.split("/")[1] for name in tree(tmp_path / "out") if "/" in name} == {"xnli", "pawsx"}


def test_a_submission_lacks_the_target_of_a_broken_run_that_it_needs(tmp_path, capsys):
    store = make_store(tmp_path / "store", FEW)
    record_of(store, run_of(store, "squad -> xnli #42")).write_text("{")
    assert submit([str(store.root), "--out", str(tmp_path / "out")]) == 1
    assert "- xnli: no model selected: 1 of 2 candidates without a dev score: SQuAD" in capsys.readouterr().out
    assert {name.split("/")[1] for name in tree(tmp_path / "out") if "/" in name} == {"pawsx"}
