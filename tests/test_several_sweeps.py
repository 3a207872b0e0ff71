"""Several sweeps in one store: whose decisions stand in a race, whose searches a report shows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from analysis.cells import RACE_FILE
from analysis.load import load
from analysis.races import read_race
from analysis.report import main as report_main
from analysis.report import write_report
from analysis.searches import SEARCH_FILE, read_searches
from sweep.grid import main
from sweep.nodes import Node, Plan
from sweep.plan_file import load_plan, save_plan
from sweep.run import Summary
from tests.analysis_fixtures import fill, language_scores, record, target_spec
from tests.race_fixtures import GOOD_AND_BAD, ROWS, drive, grid, scheduler, searching
from tests.test_plan import FakeData
from tests.test_races import decisions
from tests.test_searches import sweep_of
from trainables.spec import DataRef, EncoderRef
from trainables.store import LocalStore


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store").prepare()


def changed(plan: Plan, *, learning_rate: float = 0.0, **others: Any) -> Plan:
    """The same plan with other fields in the spec of every run, or another learning rate."""
    ids = {"": ""}
    nodes: dict[str, Node] = {}
    for node_id, node in plan.nodes.items():
        spec = replace(node.spec, parent=ids[node.spec.parent], **others)
        if learning_rate and spec.optimisation:
            spec = replace(spec, optimisation=replace(spec.optimisation, learning_rate=learning_rate))
        ids[node_id] = spec.run_id
        nodes[spec.run_id] = replace(node, spec=spec)
    return Plan(nodes=nodes, cells={cell: ids[node_id] for cell, node_id in plan.cells.items()})


@pytest.mark.parametrize(
    "other",
    [
        {"encoder": EncoderRef(name="bundled:6", revision="1")},
        {"encoder": EncoderRef(name="bundled:3", revision="2")},
        {"data": DataRef(source="mirror", fingerprint="f", train_rows=64, eval_rows=32)},
        {"data": DataRef(source="demo", fingerprint="f", train_rows=64, eval_rows=64)},
        {"learning_rate": 5e-6},
    ],
    ids=["encoder", "revision", "data", "row cap", "learning rate"],
)
def test_what_another_sweep_in_the_same_store_dropped_is_not_dropped_here(store, other):
    plan = grid(ROWS, [("xnli",)], [1, 2])
    drive(scheduler(plan, store), store, GOOD_AND_BAD)
    assert decisions(store) == [("qqp", "xnli", "squad", 1, False)]
    second = changed(plan, **other)
    ended = drive(scheduler(second, store), store, {"none": 0.7, "squad": 0.3, "qqp": 0.75})
    assert decisions(store) == [("squad", "xnli", "qqp", 1, False)]
    assert {"qqp #2", "qqp -> xnli #2"} <= set(ended)
    drive(scheduler(plan, store), store, GOOD_AND_BAD)
    assert decisions(store) == [("qqp", "xnli", "squad", 1, False)]


@pytest.mark.parametrize(
    "other",
    [
        {"sampler": "random"},
        {"ranges": {"target": {"learning_rate": {"low": 1e-6, "high": 1e-5}, "epochs": "fixed"}}},
        {"intermediate": 4},
        {"ranges": searching().ranges.model_dump(exclude_unset=True)
            | {"intermediate": {"learning_rate": {"low": 1e-6, "high": 1e-4}}}},
    ],
    ids=["sampler", "ranges", "trials of the intermediates", "ranges of the intermediates"],
)  # fmt: skip
def test_decisions_of_another_search_do_not_stand(store, other):
    plan = grid(ROWS, [("xnli",)], [1, 2])
    search = {"intermediate": 2, "parallel": 1}
    drive(scheduler(plan, store, search=searching(2, **search)), store, GOOD_AND_BAD)
    assert decisions(store) == [("qqp", "xnli", "squad", 1, True)]
    write_that_squad_was_dropped(store)
    same = scheduler(plan, store, search=searching(2, **search, startup=3, pruning="median"))
    assert set(same._races.record.decisions) == {("squad", "xnli")}
    another = scheduler(plan, store, search=searching(2, **search | other))
    drive(another, store, GOOD_AND_BAD)
    assert decisions(store) == [("qqp", "xnli", "squad", 1, True)]


def test_a_record_that_does_not_say_what_it_compared_is_of_another_sweep(store):
    plan = grid(ROWS, [("xnli",)], [1, 2])
    drive(scheduler(plan, store), store, GOOD_AND_BAD)
    fields = write_that_squad_was_dropped(store)
    assert set(scheduler(plan, store)._races.record.decisions) == {("squad", "xnli")}
    del fields["races"][0]["compared"]
    (store.root / RACE_FILE).write_text(json.dumps(fields))
    assert read_race(store.root).races[0].compared == ""
    assert set(scheduler(plan, store)._races.record.decisions) == {("qqp", "xnli")}


def write_that_squad_was_dropped(store):
    """Instead of QQP, so that what is read can be told from what is decided."""
    fields = json.loads((store.root / RACE_FILE).read_text())
    fields["races"][0]["dropped"][0]["dropped"]["contender"] = "squad"
    (store.root / RACE_FILE).write_text(json.dumps(fields))
    return fields


# searches in the report


def study(name, winner, *run_ids):
    trials = [
        {"number": number, "params": {"epochs": 1.0}, "run_id": run_id, "state": "done", "value": 1.0, "reason": ""}
        for number, run_id in enumerate(run_ids)
    ]
    return {"name": name, "winner": winner, "gain": None, "importances": {}, "trials": trials}


def shown(report):
    """Names of the searches in a report."""
    text = report.read_text()
    section = text.partition("## Searches\n")[2].partition("\n## ")[0]
    return [line.removeprefix("### ") for line in section.splitlines() if line.startswith("### ")]


def test_a_report_shows_the_searches_whose_outcome_is_in_its_table(tmp_path):
    """The outcome is the winner, or the configured run while there is none."""
    store = fill(tmp_path / "store")
    here, other = (run.record.run_id for run in load(store)[:2])
    studies = [
        study("won", here, other, here),
        study("has no winner yet", "", here, "elsewhere"),
        study("was won by a run of another sweep", "elsewhere", here, "elsewhere"),
        study("is of another sweep and has no winner yet", "", "elsewhere", here),
        study("has no trial yet", ""),
    ]
    (store.root / SEARCH_FILE).write_text(json.dumps(studies))
    every = [run.record.run_id for run in load(store)]
    assert shown(write_report(store, tmp_path / "report")) == ["won", "has no winner yet"]
    assert shown(write_report(store, tmp_path / "report", run_ids=every)) == ["won", "has no winner yet"]
    without = [run_id for run_id in every if run_id != here]
    assert shown(write_report(store, tmp_path / "report", run_ids=without)) == []


@pytest.mark.parametrize("killed_after", [3, 8, 100])
def test_the_report_of_a_sweep_that_was_killed_shows_all_its_searches(store, killed_after):
    plan = grid(ROWS, [("xnli",)], [1])
    sweep = sweep_of(plan, store)
    sweep.search(searching(3, intermediate=2))
    drive(sweep._searches, store, GOOD_AND_BAD, most=killed_after)
    assert report_main([str(store.root)]) == 0
    names = [study["name"] for study in read_searches(store.root)]
    assert shown(store.root / "report" / "report.md") == names
    again = sweep_of(plan, store)
    save_plan(plan, store.root)
    again.search(searching(3, intermediate=2))
    drive(again._searches, store, GOOD_AND_BAD)
    again.keep_searches()
    assert report_main([str(store.root)]) == 0
    assert len(shown(store.root / "report" / "report.md")) == 5


def test_a_sweep_without_a_search_shows_none_though_a_configured_run_has_won_one(tmp_path, monkeypatch, capsys):
    def computed(plan, store, *_, **__):
        for node in plan.nodes.values():
            store.finish(record(node.spec, language_scores(node.spec.tasks[0], 50.0)))
        return Summary(done=tuple(plan.nodes))

    monkeypatch.setattr("sweep.plan.open_data", lambda name, raw: FakeData())
    monkeypatch.setattr("sweep.run.run_plan", computed)
    monkeypatch.setattr("sweep.commands.code_commit", lambda: "")
    store = LocalStore(tmp_path / "store")
    command = ["run", "--store", str(store.root), "--encoder", "bundled:6", "--intermediates", "none", "--targets"]
    assert main([*command, "xnli"]) == 0
    assert not (store.root / SEARCH_FILE).exists()
    [run_id] = load_plan(store.root).nodes
    loser = record(target_spec("xnli", learning_rate=1e-4), language_scores("xnli", 99.0))
    store.finish(loser)
    (store.root / SEARCH_FILE).write_text(json.dumps([study("none -> xnli #42", run_id, run_id, loser.run_id)]))
    assert report_main([str(store.root)]) == 0
    assert shown(store.root / "report" / "report.md") == ["none -> xnli #42"]
    assert main([*command, "xnli"]) == 0
    assert shown(store.root / "report" / "report.md") == []
    assert report_main([str(store.root)]) == 0
    assert shown(store.root / "report" / "report.md") == []
    assert "99.0" not in (store.root / "report" / "report.md").read_text()
