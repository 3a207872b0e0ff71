"""Runs that have learnt nothing are marked in the table and named in the report, in every form."""

import dataclasses
import re
import shutil

import pytest

from analysis.report.writer import write_report
from analysis.scores.load import load
from analysis.submission.command import main as submit
from analysis.tables.latex import latex
from analysis.tables.rendering import markdown, printed
from sweep.grid import main as grid
from tests.made.records import fill, plan_of
from tests.made.reports import texts, whole
from tests.made.submissions import FEW, make_store
from trainables.ledger.record import Finding, Symptom
from trainables.ledger.store import Store


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    return fill(tmp_path_factory.mktemp("filled"), seeds=(42, 43)).root


@pytest.fixture
def store(filled, tmp_path):
    """The whole grid, two seeds."""
    return Store(shutil.copytree(filled, tmp_path / "store"))


def find(store, name, *findings):
    """Note findings in the record of the run of this name."""
    [run] = [run for run in load(store) if run.record.name == name]
    store.finish(dataclasses.replace(run.record, findings=findings))
    return run.record.run_id


def finding(task, symptom=Symptom.CONSTANT, split="dev", text="every prediction is the same"):
    return Finding(symptom=symptom, task=task, split=split, languages=("en",), text=f"{task} {split}: {text}")


def row(table, block, label):
    [line] = [line for line in table.blocks[block].rows if line.label.rstrip("!") == label]
    return line.label, {column.title: str(entry) for column, entry in zip(table.columns, line.entries, strict=True)}


def test_a_cell_is_marked_if_the_run_of_any_seed_has_a_finding(store, tmp_path):
    find(store, "squad -> xnli #43", finding("xnli"))
    find(store, "none -> panx #42", finding("panx", Symptom.BELOW_TRIVIAL, text="F1 3.0 is below the 6.7"))
    table = write_report(store, tmp_path / "out").table
    label, squad = row(table, 1, "SQuAD")
    assert (label, squad["XNLI"], squad["PAWS-X"]) == ("SQuAD", "-1.0!", "-1.0")
    _, baseline = row(table, 0, "baseline")
    assert (baseline["NER"], baseline["XNLI"]) == ("50.1!", "60.1")
    assert "! collapsed, constant predictions: SQuAD -> XNLI." in table.notes
    assert "! collapsed, below the trivial score: baseline -> NER." in table.notes
    find(store, "squad -> pawsx #43", finding("pawsx"), finding("pawsx", Symptom.BELOW_TRIVIAL))
    both = write_report(store, tmp_path / "out").table
    assert "! collapsed, constant predictions, below the trivial score: SQuAD -> PAWS-X." in both.notes
    for form in (markdown(table), printed(table, 120), latex(table)):
        assert len(re.findall(r"1\.0!", form)) == 1
        assert len(re.findall(r"50\.1!", form)) == 1
        assert "! collapsed, constant predictions: SQuAD" in form


def test_a_clean_sweep_has_neither_mark_nor_section(store, tmp_path):
    written = write_report(store, tmp_path / "out")
    assert "!" not in printed(written.table)
    assert "## Collapsed runs" not in whole(written)


def test_an_intermediate_run_that_collapsed_marks_its_row(store, tmp_path):
    find(store, "squad+mlm #42", finding("squad", split="stopping"))
    written = write_report(store, tmp_path / "out")
    assert row(written.table, 2, "SQuAD")[0] == "SQuAD!"
    assert row(written.table, 1, "SQuAD")[0] == "SQuAD"
    assert "! the intermediate run of SQuAD + MLM has itself collapsed: constant predictions." in written.table.notes
    assert "  SQuAD! " in printed(written.table, 120)
    text = written.path.read_text()
    assert "- squad+mlm #42 (`" in text.partition("## Collapsed runs\n")[2]


def test_the_report_names_the_runs_and_says_when_one_was_selected(store, tmp_path):
    run_id = find(store, "anli -> xnli #42", finding("xnli"), finding("xnli", Symptom.BELOW_TRIVIAL, text="30 < 33.3"))
    text = write_report(store, tmp_path / "out").path.read_text()
    collapsed = text.partition("## Collapsed runs\n")[2].partition("\n## ")[0]
    assert f"- anli -> xnli #42 (`{run_id}`): xnli dev: every prediction is the same\n" in collapsed
    assert f"- anli -> xnli #42 (`{run_id}`): xnli dev: 30 &lt; 33.3\n" in collapsed
    selection = text.partition("## Selection\n")[2].partition("\n## ")[0]
    assert "| XNLI | acc | ANLI+ ! | 62.1 |" in selection
    assert "! What was selected shows signs of collapse" in selection
    assert selection.count(" ! |") == 1
    # the best dev score is selected all the same, and its test score is marked too
    assert "| best | 63.1! |" in text


def test_a_finding_on_a_closed_test_set_is_not_shown(store, tmp_path):
    find(store, "squad -> xnli #42", finding("xnli", split="test", text="31.4 on test"))
    written = write_report(store, tmp_path / "out")
    assert "!" not in printed(written.table)
    assert [name for name, text in texts(tmp_path / "out").items() if "31.4" in text] == []
    find(store, "squad -> tatoeba #42", finding("tatoeba", split="test"))
    written = write_report(store, tmp_path / "out")
    assert row(written.table, 1, "SQuAD")[1]["Tatoeba"] == "-1.0!"


def test_a_submission_says_that_a_model_has_collapsed(tmp_path, capsys):
    store = make_store(tmp_path / "store", FEW)
    find(store, "squad -> xnli #42", finding("xnli"))
    find(store, "squad -> pawsx #42", finding("pawsx"))
    assert submit([str(store.root)]) == 0
    assert "XNLI: the submitted model shows signs of collapse (the report names them).\n" in capsys.readouterr().out


def test_status_says_how_many(store, capsys):
    store.save_plan(plan_of(store))
    assert grid(["status", "--store", str(store.root)]) == 0
    assert "collapsed" not in capsys.readouterr().out
    find(store, "squad -> xnli #43", finding("xnli"))
    find(store, "squad #43", finding("squad", split="stopping"))
    assert grid(["status", "--store", str(store.root)]) == 0
    assert "! 2 finished runs have collapsed (constant or below the trivial score)" in capsys.readouterr().out
