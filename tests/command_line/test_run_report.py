"""The report only shows: whatever goes wrong with it, a finished sweep is finished, and says how to get the report."""

from __future__ import annotations

import shutil
import sys
from pathlib import Path

import pytest

from analysis.report.command import main as report
from analysis.tables import table2
from sweep.grid import main
from trainables.ledger.store import Store

GOLDEN = Path(__file__).parents[1] / "golden" / "store-1"


@pytest.fixture
def store(tmp_path, monkeypatch, rows_of_then):
    """A finished sweep."""
    monkeypatch.setitem(sys.modules, "sweep.cluster.driver", None)
    made = Store(shutil.copytree(GOLDEN, tmp_path / "a store"))
    rows_of_then(made)
    return made


def run(store, *more):
    return main(["run", "--config", str(store.root / "config.yaml"), "--store", str(store.root), *more])


def test_a_report_folder_that_is_a_file_does_not_decide(store, tmp_path, capsys):
    shutil.rmtree(store.report)
    store.report.write_text("mine")
    assert run(store) == 0
    found = capsys.readouterr()
    [line] = found.err.splitlines()
    assert line.startswith("no report (FileExistsError: ")
    command = f"xstilts report '{store.root}' --out DIR"
    assert line.endswith(f"; the sweep itself is complete. To write the report: {command}")
    assert "Traceback" not in found.out + found.err
    assert store.report.read_text() == "mine"
    assert report([str(store.root), "--out", str(tmp_path / "elsewhere")]) == 0
    assert report([str(store.root)]) == 2


def test_any_fault_of_the_report_is_said_in_one_line(store, capsys, monkeypatch):
    def faulty(*_):
        raise KeyError("[/word]\n\x1b[31m")

    monkeypatch.setattr(table2, "_legend", faulty)
    assert run(store) == 0
    [line] = capsys.readouterr().err.splitlines()
    assert "[/word]" in line
    assert "\x1b" not in line
    assert run(store, "--debug") == 0
    assert "Traceback (most recent call last)" in capsys.readouterr().err


def test_a_sweep_that_failed_keeps_its_exit_code(store, capsys, monkeypatch):
    plan = store.plan()
    [lost] = [run_id for run_id, node in plan.nodes.items() if node.name == "anli -> xnli #42"]
    (store.root / "runs" / lost / "record.json").unlink()
    store.fail(lost, "anli -> xnli #42", "out of memory")
    shutil.rmtree(store.report)
    store.report.write_text("mine")
    monkeypatch.setattr("sweep.cluster.run.Graph.is_complete", True)
    assert run(store) == 1
    assert "; what the sweep has computed is in its store. To write the report: " in capsys.readouterr().err


def test_a_finished_sweep_shows_its_table_and_all_scores_on_request(store, capsys):
    assert run(store, "--open-test") == 0
    found = capsys.readouterr()
    assert "Test, models selected on dev" in found.out
    assert found.err == ""
    assert (store.report / "scores-open.csv").exists()
    assert [opening.by for opening in store.openings()] == ["report", "report", "open-test"]


def test_plan_and_status_take_the_words_of_such_a_run_and_open_nothing(store, capsys):
    for command in ("plan", "status"):
        words = ["--config", str(store.root / "config.yaml"), "--store", str(store.root), "--open-test"]
        assert main([command, *words]) == 0
    assert store.openings() == ()
