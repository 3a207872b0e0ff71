"""Several sweeps in one store: whose decisions stand in a race, whose searches a report shows."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest

from analysis.report.command import main as report_main
from analysis.report.writer import write_report
from analysis.scores.load import load
from sweep.cluster.keeper import Keeper
from sweep.cluster.run import make_graph
from sweep.cluster.summary import Summary
from sweep.grid import main
from tests.made.data import FakeData
from tests.made.graphs import searched
from tests.made.races import GOOD_AND_BAD, ROWS, decisions, drive, graph_of, grid, searching
from tests.made.records import fill, language_scores, plan_of, record, target_spec
from tests.made.reports import in_json
from trainables.ledger.cells import Row
from trainables.ledger.plan import Node, Plan
from trainables.ledger.seal import sealed
from trainables.ledger.spec import DataRef, EncoderRef, Phase
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.ledger.studies import StudyResult, Trial


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
    drive(graph_of(plan, store), store, GOOD_AND_BAD)
    assert decisions(store) == [("qqp", "xnli", "squad", 1, False)]
    second = changed(plan, **other)
    ended = drive(graph_of(second, store), store, {"none": 0.7, "squad": 0.3, "qqp": 0.75})
    assert decisions(store) == [("squad", "xnli", "qqp", 1, False)]
    assert {"qqp #2", "qqp -> xnli #2"} <= set(ended)
    drive(graph_of(plan, store), store, GOOD_AND_BAD)
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
    drive(graph_of(plan, store, search=searching(2, **search)), store, GOOD_AND_BAD)
    assert decisions(store) == [("qqp", "xnli", "squad", 1, True)]
    write_that_squad_was_dropped(store)
    graph_of(plan, store, search=searching(2, **search, startup=3, pruning="median"))
    assert decisions(store) == [("squad", "xnli", "squad", 1, True)]
    another = graph_of(plan, store, search=searching(2, **search | other))
    drive(another, store, GOOD_AND_BAD)
    assert decisions(store) == [("qqp", "xnli", "squad", 1, True)]


def test_a_record_that_does_not_say_what_it_compared_is_of_another_sweep(store):
    plan = grid(ROWS, [("xnli",)], [1, 2])
    drive(graph_of(plan, store), store, GOOD_AND_BAD)
    fields = write_that_squad_was_dropped(store)
    graph_of(plan, store)
    assert decisions(store) == [("squad", "xnli", "squad", 1, False)]
    del fields["races"][0]["compared"]
    fields.pop("digest", None)
    (store.root / "race.json").write_text(sealed(fields))
    assert store.race().races[0].compared == ""
    graph_of(plan, store)
    assert decisions(store) == [("qqp", "xnli", "squad", 1, False)]


def write_that_squad_was_dropped(store):
    """Instead of QQP, so that what is read can be told from what is decided."""
    fields = json.loads((store.root / "race.json").read_text())
    decision = fields["races"][0]["dropped"][0]
    decision["row"], decision["dropped"]["contender"] = ["squad", False], "squad"
    fields.pop("digest", None)
    (store.root / "race.json").write_text(sealed(fields))
    return fields


# searches in the report


def study(name, winner, *run_ids):
    trials = tuple(
        Trial(number=number, params={"epochs": 1.0}, run_id=run_id, state=State.DONE, value=1.0)
        for number, run_id in enumerate(run_ids)
    )
    return StudyResult(
        node=run_ids[0] if run_ids else "", name=name, row=Row("none", False), phase=Phase.TARGET, tasks=("xnli",),
        mlm=False, seed=42, winner=winner, gain=None, importances={}, trials=trials,
    )  # fmt: skip


def shown(folder):
    """Names of the searches in a report."""
    return [block["text"] for block in in_json(folder, "searches") if block["kind"] == "folded"]


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
    store.save_studies(studies)
    whole = plan_of(store)
    assert shown(write_report(store, tmp_path / "report").path.parent) == ["won", "has no winner yet"]
    assert shown(write_report(store, tmp_path / "report", plan=whole).path.parent) == ["won", "has no winner yet"]
    nodes = {run_id: node for run_id, node in whole.nodes.items() if here not in (run_id, node.spec.parent)}
    cells = {cell: run_id for cell, run_id in whole.cells.items() if run_id in nodes}
    without = Plan(nodes=nodes, cells=cells)
    assert shown(write_report(store, tmp_path / "report", plan=without).path.parent) == []


def watched(plan, store, search):
    """A graph whose searches are noted in the store as they end, as a driver has it."""
    keeper = Keeper(store, None)
    whole = searched(plan, search, store)
    store.save_plan(whole)
    found = make_graph(whole, store, search, on_close=keeper.note)
    keeper.note(found)
    return found, keeper


@pytest.mark.parametrize("killed_after", [3, 8, 100])
def test_the_report_of_a_sweep_that_was_killed_shows_all_its_searches(store, killed_after):
    plan, search = grid(ROWS, [("xnli",)], [1]), searching(3, intermediate=2)
    found, _ = watched(plan, store, search)
    drive(found, store, GOOD_AND_BAD, most=killed_after)
    assert report_main([str(store.root)]) == 0
    names = [study.name for study in store.studies()]
    assert shown(store.root / "report") == names
    again, keeper = watched(plan, store, search)
    drive(again, store, GOOD_AND_BAD)
    keeper.keep(again)
    assert report_main([str(store.root)]) == 0
    assert len(shown(store.root / "report")) == 5


def test_a_sweep_without_a_search_shows_none_though_a_configured_run_has_won_one(tmp_path, monkeypatch, capsys):
    def computed(plan, store, *_, **__):
        for node in plan.nodes.values():
            store.finish(record(node.spec, language_scores(node.spec.tasks[0], 50.0)))
        return Summary(plan=plan, done=tuple(plan.nodes))

    monkeypatch.setattr("sweep.planning.planner.open_data", lambda name, raw: FakeData())
    monkeypatch.setattr("sweep.command_line.compute.run_plan", computed)
    monkeypatch.setattr("sweep.command_line.compute.code_commit", lambda: "")
    store = Store(tmp_path / "store")
    command = ["run", "--store", str(store.root), "--encoder", "bundled:6", "--intermediates", "none", "--targets"]
    assert main([*command, "xnli"]) == 0
    assert not (store.root / "search.json").exists()
    [run_id] = store.plan().nodes
    loser = record(target_spec("xnli", learning_rate=1e-4), language_scores("xnli", 99.0))
    store.finish(loser)
    store.save_studies([study("none -> xnli #42", run_id, run_id, loser.run_id)])
    assert report_main([str(store.root)]) == 0
    assert shown(store.root / "report") == ["none -> xnli #42"]
    assert main([*command, "xnli"]) == 0
    assert shown(store.root / "report") == []
    assert report_main([str(store.root)]) == 0
    assert shown(store.root / "report") == []
    for name in ("report.md", "report.html", "report.json"):
        assert "99.0" not in (store.root / "report" / name).read_text()
