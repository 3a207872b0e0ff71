"""Test scores appear only for what was selected; all of them on request; and every look is noted before it is taken."""

import dataclasses
import datetime
import io
import shutil

import pandas as pd
import pytest

from analysis.report import writer
from analysis.report.command import main
from analysis.report.writer import write_report
from analysis.scores.load import load
from analysis.selection.receipts import selection_digest
from analysis.selection.sweep import gather
from analysis.submission.command import main as submit
from analysis.tables.rendering import printed
from tests.made.records import language_scores, level, plan_of, record, target_spec
from tests.made.reports import in_json, part, table2, texts
from tests.made.submissions import FEW, make_store
from trainables.ledger.cells import Row
from trainables.ledger.store import Store

ONE_SET = {"xquad", "tydiqa", "tatoeba"}
"""Of the targets that `fill` has: those whose only set selects."""
CHOSEN = {"xnli": "anli", "pawsx": "anli", "udpos": "anli", "panx": "anli", "mlqa": "squad"}
"""Of the others: the row with the highest level."""


def table(folder, name="scores"):
    frame = pd.read_csv(folder / f"{name}.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(frame, pd.read_parquet(folder / f"{name}.parquet"), check_dtype=False)
    return frame


@pytest.fixture
def store(whole_grid):
    return whole_grid


def without(store, row, target, *, mlm=False):
    """The store, where one run is not finished."""
    [run] = [run for run in load(store) if target in run.record.spec.tasks and run.variant == Row(row, mlm)]
    shutil.rmtree(store.root / "runs" / run.record.run_id)
    return store


def test_the_rows_that_should_be_chosen():
    for target, chosen in CHOSEN.items():
        assert chosen == max(("none", "anli", "squad", "multitask"), key=lambda row: level(row, False, target, 42))


def test_the_long_table_has_the_test_scores_of_what_was_selected_and_of_the_baseline(store, tmp_path):
    write_report(store, tmp_path / "out")
    frame = table(tmp_path / "out")
    test = frame[(frame["split"] == "test") & ~frame["target"].isin(ONE_SET)]
    shown = {tuple(each) for each in test[["target", "intermediate", "mlm"]].itertuples(index=False)}
    assert shown == {(target, row, False) for target, chosen in CHOSEN.items() for row in ("none", chosen)}
    is_open = [
        s.split != "test" or s.task in ONE_SET or str(run.variant) in ("none", CHOSEN[s.task])
        for run in load(store)
        for s in run.record.scores
    ]
    assert len(frame) == sum(is_open)
    assert is_open.count(False) > 500


def test_nothing_that_is_written_or_shown_has_a_closed_test_score(store, tmp_path, capsys):
    """The closed rows have test scores that no other figure has."""
    for run in load(store):
        if run.record.spec.tasks == ("xnli",) and str(run.variant) not in ("none", "anli"):
            scores = [dataclasses.replace(s, value=77.7123) if s.split == "test" else s for s in run.record.scores]
            store.finish(dataclasses.replace(run.record, scores=tuple(scores)))
    assert main([str(store.root), "--out", str(tmp_path / "out")]) == 0
    assert "77.7" not in capsys.readouterr().out
    assert [name for name, text in texts(tmp_path / "out").items() if "77.7" in text] == []
    assert 77.7123 not in set(table(tmp_path / "out")["value"])
    assert main([str(store.root), "--out", str(tmp_path / "out"), "--open-test"]) == 0
    assert 77.7123 in set(table(tmp_path / "out", "scores-open")["value"])
    assert 77.7123 not in set(table(tmp_path / "out")["value"])


def test_a_target_whose_selection_does_not_stand_has_no_test_score_at_all(store, tmp_path):
    without(store, "squad", "xnli")
    write_report(store, tmp_path / "out")
    frame = table(tmp_path / "out")
    assert set(frame[frame["target"] == "xnli"]["split"]) == {"dev"}
    assert "test" in set(frame[frame["target"] == "pawsx"]["split"])
    assert {opening.target for opening in store.openings()} == set(CHOSEN) - {"xnli"}


def test_a_task_that_nobody_asked_for_stays_closed(store, tmp_path):
    """A fine-tuning measures MLQA too where XQuAD alone was asked for."""
    plan = plan_of(store)
    cells = {cell: run_id for cell, run_id in plan.cells.items() if cell.target != "mlqa"}
    plan = dataclasses.replace(plan, cells=cells, sweep="")
    write_report(store, tmp_path / "out", plan=plan)
    frame = table(tmp_path / "out")
    assert set(frame[frame["target"] == "mlqa"]["split"]) == {"dev"}


def test_on_request_all_scores_are_written_beside_the_open_ones(store, tmp_path):
    write_report(store, tmp_path / "out", open_test=True)
    everything = table(tmp_path / "out", "scores-open")
    assert len(everything) == len([s for run in load(store) for s in run.record.scores])
    assert len(table(tmp_path / "out")) < len(everything)
    # the next report without it leaves no table of the last one
    write_report(store, tmp_path / "out")
    assert not list((tmp_path / "out").glob("*open*"))


# the note in the ledger


def test_what_is_opened_is_noted_once(store, tmp_path):
    before = datetime.datetime.now(datetime.UTC).replace(microsecond=0)
    write_report(store, tmp_path / "out")
    noted = {opening.target: opening for opening in store.openings()}
    assert set(noted) == set(CHOSEN)
    for target, opening in noted.items():
        assert opening.selected == Row(CHOSEN[target], False)
        runs = {run.record.run_id for run in load(store)
                if target in run.record.spec.tasks and str(run.variant) in ("none", CHOSEN[target])}  # fmt: skip
        assert set(opening.runs) == runs
        assert opening.by == "report"
        assert datetime.datetime.fromisoformat(opening.opened_at) >= before
    written = (store.root / "openings.json").read_bytes()
    write_report(store, tmp_path / "again")
    assert (store.root / "openings.json").read_bytes() == written
    write_report(store, tmp_path / "out", open_test=True)
    [last] = store.openings()[len(noted) :]
    assert (last.target, last.selected, last.by) == ("all", None, "open-test")
    scored = {run.record.run_id for run in load(store) if run.cells}
    assert set(last.runs) == scored


def test_it_is_noted_before_it_is_written(store, tmp_path, monkeypatch):

    def full(*_):
        assert store.openings()
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(writer, "_replace_all", full)
    with pytest.raises(OSError, match="No space left"):
        write_report(store, tmp_path / "out")
    assert len(store.openings()) == len(CHOSEN)


def test_a_selection_that_changed_after_a_look_is_said(store, tmp_path):
    first = part(write_report(store, tmp_path / "out"), "openings")
    assert "- XNLI: opened 1 time after one selection\n" in first
    [run] = [run for run in load(store) if run.record.spec.tasks == ("xnli",) and str(run.variant) == "squad"]
    scores = [dataclasses.replace(s, value=99.0) for s in run.record.scores]
    store.finish(dataclasses.replace(run.record, scores=tuple(scores)))
    text = part(write_report(store, tmp_path / "out"), "openings")
    assert (
        "- XNLI: opened 2 times after 2 different selections: **it changed after the test set had been seen**" in text
    )
    assert "- PAWS-X: opened 1 time after one selection\n" in text
    rows = [line for line in text.splitlines() if line.startswith("| 2") and "| XNLI |" in line]
    assert ["| ANLI+ |" in rows[0], "| SQuAD |" in rows[1]] == [True, True]


def test_the_digest_is_of_the_dev_scores_alone(store, tmp_path):
    without(store, "squad", "xnli", mlm=True)
    results = gather(store).results
    [run] = [run for run in load(store) if run.record.spec.tasks == ("xnli",) and str(run.variant) == "none"]

    def digest(split):
        scores = [dataclasses.replace(s, value=s.value + 1) if s.split == split else s for s in run.record.scores]
        store.finish(dataclasses.replace(run.record, scores=tuple(scores)))
        found = selection_digest(gather(store).results, ["xnli"])
        store.finish(run.record)
        return found

    before = selection_digest(results, ["xnli"])
    assert digest("test") == before
    assert digest("dev") != before
    # a candidate that has a score now may change the choice
    up = next(each.record.run_id for each in load(store) if each.record.name == "squad+mlm #42")
    store.finish(record(target_spec("xnli", parent=up), language_scores("xnli", 10.0)))
    assert selection_digest(gather(store).results, ["xnli"]) != before


def test_a_submission_notes_what_it_opens(tmp_path):
    store = make_store(tmp_path / "store", [*FEW, ("tatoeba",)])
    assert submit([str(store.root), "--out", str(tmp_path / "out")]) == 0
    noted = {opening.target: opening for opening in store.openings()}
    assert {target: str(opening.selected) for target, opening in noted.items()} == {"xnli": "squad", "pawsx": "none"}
    assert {opening.by for opening in noted.values()} == {"submission"}
    assert {len(opening.runs) for opening in noted.values()} == {1}
    assert submit([str(store.root), "--out", str(tmp_path / "out")]) == 0
    assert len(store.openings()) == 2
    report = part(write_report(store, tmp_path / "report"), "openings")
    assert "- XNLI: opened 2 times after one selection" in report


# a store that cannot note it


def refuse_writing(monkeypatch, store):
    make = io.open

    def read_only(file, mode="r", *args, **options):
        if set(mode) & set("wax+") and str(file).startswith(str(store.root)):
            raise OSError(30, "Read-only file system", str(file))
        return make(file, mode, *args, **options)

    monkeypatch.setattr("io.open", read_only)


@pytest.fixture
def not_noted(store, monkeypatch):
    """A store on a disk that is mounted read-only."""
    refuse_writing(monkeypatch, store)
    return store


def check_closed(folder):
    frame = table(folder)
    assert set(frame[~frame["target"].isin(ONE_SET)]["split"]) == {"dev", "stopping"}
    assert "test" in set(frame[frame["target"] == "tatoeba"]["split"])
    text = (folder / "report.md").read_text()
    assert "| XNLI | acc | ANLI+ | 62.0 | 0.5 (ANLI+ + MLM) | … | … |" in text
    folded = [block["text"] for block in in_json(folder, "languages") if block["kind"] == "folded"]
    assert "XNLI, dev (acc)" in folded
    assert "XNLI, test (acc)" not in folded
    assert "63.0" not in (folder / "table2.tex").read_text()
    assert "xnli-test" not in (folder / "languages.tex").read_text()
    [cell] = {
        str(cell["score"])
        for (block, *_, target), cell in table2(folder).items()
        if "Test" in block and target == "XNLI"
    }
    assert cell == "None"


def test_what_cannot_be_noted_stays_closed_and_the_rest_is_reported(not_noted, tmp_path, capsys):
    assert main([str(not_noted.root), "--out", str(tmp_path / "out")]) == 0
    found = capsys.readouterr()
    assert (
        f"test scores stay closed: what is opened could not be noted in the store {not_noted}: Read-only" in found.err
    )
    assert "test scores stay closed" in " ".join(found.out.split())
    check_closed(tmp_path / "out")


def test_asked_for_all_it_refuses_and_writes_nothing(not_noted, tmp_path, capsys):
    assert main([str(not_noted.root), "--out", str(tmp_path / "out"), "--open-test"]) == 2
    assert "test scores stay closed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_submission_that_cannot_be_noted_is_not_written(tmp_path, capsys, monkeypatch):
    store = make_store(tmp_path / "store", FEW)
    refuse_writing(monkeypatch, store)
    assert submit([str(store.root), "--out", str(tmp_path / "out")]) == 2
    assert "test scores stay closed" in capsys.readouterr().err
    assert not (tmp_path / "out").exists()


def test_a_list_of_openings_that_cannot_be_read_is_kept_and_nothing_is_opened(store, tmp_path, capsys):
    (store.root / "openings.json").write_text("{")
    assert main([str(store.root), "--out", str(tmp_path / "out")]) == 0
    assert "openings.json is not the list of opened test scores" in capsys.readouterr().err
    check_closed(tmp_path / "out")
    assert (store.root / "openings.json").read_text() == "{"


def test_what_was_noted_earlier_may_be_shown_from_a_store_that_cannot_be_written(store, tmp_path, monkeypatch):
    write_report(store, tmp_path / "out")
    refuse_writing(monkeypatch, store)
    written = write_report(Store(store.root), tmp_path / "two")
    assert written.warnings == ()
    assert "63.0" in printed(written.table)
