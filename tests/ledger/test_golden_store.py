"""Stores that an earlier version wrote are read, reported and resumed (tests/golden/README.md)."""

from __future__ import annotations

import io
import json
import shutil
import sys
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pandas as pd
import pytest
from rich.console import Console

from analysis.report.command import main as report_main
from analysis.report.writer import write_report
from search_spaces.config_file import load_yaml
from search_spaces.presets import paper
from sweep.cluster.place import Place
from sweep.cluster.run import run_plan
from sweep.cluster.summary import Summary
from sweep.command_line.main import main as xstilts
from sweep.command_line.setup import rule_of
from sweep.grid import main
from sweep.planning.planner import build_plan
from sweep.planning.trials import with_trials
from trainables.ledger.cells import Cell, Row
from trainables.ledger.plan import Node, Plan
from trainables.ledger.race import Guarantee, Rule
from trainables.ledger.spec import Phase, RunSpec
from trainables.ledger.standing import cell_states, run_states
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.phases.options import Options

GOLDEN = Path(__file__).parents[1] / "golden"
PLAIN, SEARCHED, SECOND = "store-1", "store-1-search", "store-2"
PRUNED = "12fb7f93bc52"


def reversed_keys(value):
    if isinstance(value, dict):
        return {key: reversed_keys(value[key]) for key in reversed(value)}
    return [reversed_keys(item) for item in value] if isinstance(value, list) else value


@pytest.fixture(params=["as written", "fields reversed"])
def copied(request, tmp_path):
    """Copies a golden store into a folder of its own; the order of fields in its JSON must not matter."""

    def copy(name: str) -> Store:
        root = tmp_path / name
        shutil.copytree(GOLDEN / name, root)
        for path in root.rglob("*.json") if request.param == "fields reversed" else ():
            path.write_text(json.dumps(reversed_keys(json.loads(path.read_text()))))
        return Store(root)

    return copy


@pytest.fixture
def no_ray(monkeypatch):
    """Whoever imports the driver fails."""
    monkeypatch.setitem(sys.modules, "sweep.cluster.driver", None)


def old_scores(name: str) -> bytes:
    return (GOLDEN / name / "report" / "scores.csv").read_bytes()


def config_of(store: Store):
    return load_yaml(store.root / "config.yaml", paper())


def as_planned(store: Store) -> Plan:
    """The stored plan with every node as it was configured: format 1 kept winners in their place.

    A study remembers the configured run, though started from the winner of its parent.
    """
    stored = store.plan()
    studies = {study.winner: study for study in store.studies()}
    ids: dict[str, str] = {}
    nodes: dict[str, Node] = {}
    for run_id, node in stored.nodes.items():
        spec: RunSpec = store.record(studies[run_id].configured).spec if run_id in studies else node.spec
        spec = replace(spec, parent=ids.get(node.spec.parent, ""))
        ids[run_id] = spec.run_id
        nodes[spec.run_id] = replace(node, spec=spec)
        assert run_id not in studies or spec.run_id == studies[run_id].node
    return Plan(nodes=nodes, cells={cell: ids[run_id] for cell, run_id in stored.cells.items()})


def resume(store: Store, plan: Plan) -> Summary:
    config = config_of(store)
    whole, _ = with_trials(plan, config.search, store.allocation())
    place = Place(results=store.ray, name=config.name)
    options = Options(data="demo", encoder=config.encoder.name, executor="tests.made.executors:failing")
    return run_plan(
        whole, store, options, place, Console(file=io.StringIO()), search=config.search, race=rule_of(config)
    )


def test_the_stores_are_small():
    sizes = {
        name: sum(path.stat().st_size for path in (GOLDEN / name).rglob("*") if path.is_file())
        for name in (PLAIN, SEARCHED, SECOND)
    }
    assert sizes[PLAIN] < 200_000
    assert sizes[SEARCHED] < 600_000
    assert sizes[SECOND] < 600_000


def test_the_rows_of_a_plan_without_rows(copied):
    plan = copied(PLAIN).plan()
    baseline, anli = Row("none", False), Row("anli", False)
    assert {node.name: node.row for node in plan.nodes.values()} == {
        "anli #42": anli,
        "none -> xnli #42": baseline,
        "none -> pawsx #42": baseline,
        "anli -> xnli #42": anli,
        "anli -> pawsx #42": anli,
    }
    assert {(node.trials, len(node.space)) for node in plan.nodes.values()} == {(1, 0)}
    assert set(plan.cells) == {Cell(*row, target, 42) for row in (baseline, anli) for target in ("xnli", "pawsx")}
    assert all(plan.nodes[run_id].row == cell.row for cell, run_id in plan.cells.items())


def test_the_rows_of_a_plan_with_winners(copied):
    plan = copied(SEARCHED).plan()
    rows = [Row(name, False) for name in ("none", "qqp", "csqa")]
    assert set(plan.cells) == {
        Cell(*row, target, seed) for row in rows for target in ("xnli", "pawsx") for seed in (42, 43)
    }
    assert all(plan.nodes[run_id].row == cell.row for cell, run_id in plan.cells.items())
    trained = {node.name: node.row for node in plan.nodes.values() if node.spec.phase is Phase.INTERMEDIATE}
    assert trained == {f"{row} #{seed}": row for row in rows[1:] for seed in (42, 43)}


@pytest.mark.parametrize(("name", "runs", "cells"), [(PLAIN, 5, 4), (SEARCHED, 59, 12)])
def test_every_run_and_cell_is_done(copied, name, runs, cells, capsys):
    store = copied(name)
    plan = store.plan()
    assert len(store.run_ids()) == runs
    assert all(store.record(run_id).spec.run_id == run_id for run_id in store.run_ids())
    assert {found.state for found in run_states(plan, store).values()} == {State.DONE}
    states = cell_states(plan, store)
    assert len(states) == cells
    assert {found.state for found in states.values()} == {State.DONE}
    assert main(["status", "--store", str(store.root)]) == 0
    assert f"{cells} cells: {cells} done" in capsys.readouterr().out


def test_what_searches_and_race_left(copied):
    store = copied(SEARCHED)
    studies = {study.name: study for study in store.studies()}
    assert len(studies) == 16
    csqa = studies["csqa #43"]
    assert (csqa.row, csqa.seed, csqa.phase, csqa.tasks) == (None, None, Phase.INTERMEDIATE, ("csqa",))
    assert (csqa.node, csqa.configured, csqa.winner) == ("01b04f2e5521", "01b04f2e5521", "0284d4c00dff")
    assert csqa.best.number == 2
    child = studies["csqa -> xnli #43"]
    assert (child.node, child.winner) == ("4722e5a855b6", "923200591762")
    assert store.record(child.winner).spec.parent == csqa.winner
    states = [trial.state for study in studies.values() for trial in study.trials]
    assert (states.count(State.DONE), states.count(State.PRUNED), len(states)) == (59, 1, 60)
    pruned = store.pruned(PRUNED)
    assert pruned.reason == "pruned at 5/8 of training: 31.2, median 43.8"
    assert studies["csqa #42"].trials[1].run_id == PRUNED == pruned.spec.run_id
    race = store.race()
    assert race.rule == Rule(alpha=0.05, guarantee=Guarantee.PAIR, seed_sd=1.0)
    assert (race.seeds, race.sweep) == ((42, 43), "")
    assert [(each.target, each.held, each.rounds) for each in race.races] == [("xnli", 4, 4), ("pawsx", 4, 4)]
    assert race.races[0].contenders == (Row("none", False), Row("qqp", False), Row("csqa", False))
    assert store.race("any sweep") == race
    assert PRUNED not in store.run_ids()


@pytest.mark.parametrize("name", [PLAIN, SEARCHED, SECOND])
def test_the_complete_table_has_the_scores_that_the_earlier_version_reported(copied, name, tmp_path):
    """That version wrote all test scores; now they are in a file of its own, on request."""
    store = copied(name)
    before = {path: path.read_bytes() for path in store.root.rglob("*") if path.is_file()}
    write_report(store, tmp_path / "out", plan=store.plan(), open_test=True)
    assert (tmp_path / "out" / "scores-open.csv").read_bytes() == old_scores(name)
    assert report_main([str(store.root), "--out", str(tmp_path / "own"), "--open-test"]) == 0
    assert (tmp_path / "own" / "scores-open.csv").read_bytes() == old_scores(name)
    sections = json.loads((tmp_path / "own" / "report.json").read_text())["sections"]
    assert ("searches" in sections, "race" in sections) == (name != PLAIN, name != PLAIN)
    kept_for_speed = store.root / "cache"
    after = {
        path: path.read_bytes()
        for path in store.root.rglob("*")
        if path.is_file() and kept_for_speed not in path.parents
    }
    assert after.pop(store.root / "openings.json")
    assert after.pop(store.root / "receipts.json")
    for name in ("openings.lock", "receipts.lock"):
        after.pop(store.root / name)
    assert after == before


@pytest.mark.parametrize("name", [PLAIN, SEARCHED, SECOND])
def test_of_an_old_store_the_test_scores_of_what_was_selected_are_shown(copied, name, tmp_path):
    """Both targets have a dev set. The rows it selected are worked out from the old table; ties go to the first."""
    store = copied(name)
    assert report_main([str(store.root), "--out", str(tmp_path)]) == 0
    old = pd.read_csv(io.BytesIO(old_scores(name)), keep_default_na=False)
    targets = old[old["phase"] == "target"]
    dev = targets[targets["split"] == "dev"].groupby(["target", "intermediate", "seed"])["value"].mean()
    means = dev.groupby(["target", "intermediate"]).mean().round(9)
    best = {target: max(means[target].index, key=lambda row: (means[target][row], row == "none"))
            for target in ("xnli", "pawsx")}  # fmt: skip
    shown = {(target, row) for target in best for row in ("none", best[target])}
    is_open = [
        split != "test" or (target, row) in shown
        for split, target, row in zip(old["split"], old["target"], old["intermediate"], strict=True)
    ]
    assert not all(is_open)
    found = pd.read_csv(tmp_path / "scores.csv", keep_default_na=False)
    pd.testing.assert_frame_equal(found, old[is_open].reset_index(drop=True))
    assert {path.name for path in tmp_path.iterdir() if "open" in path.name} == set()


def test_a_sweep_resumes_and_computes_nothing(copied, no_ray):
    store = copied(PLAIN)
    stored = store.plan()
    summary = resume(store, stored)
    assert (summary.exit_code, summary.computed, summary.failed) == (0, (), {})
    assert summary.done == tuple(stored.nodes)
    assert summary.plan == stored
    assert len(store.run_ids()) == 5


def test_searches_and_race_resume_with_the_same_winners(copied, no_ray):
    """The store has no predictions, so a race that were decided again would drop out of the record."""
    store = copied(SEARCHED)
    stored, before, race = store.plan(), store.studies(), store.race()
    journal = store.journal.read_bytes()
    planned = as_planned(store)
    assert set(planned.nodes) == {study.node for study in before} != set(stored.nodes)
    summary = resume(store, planned)
    assert (summary.exit_code, summary.computed, summary.failed, summary.dropped) == (0, (), {}, ())
    assert set(summary.done) == set(planned.nodes)
    assert list(summary.plan.nodes) == list(stored.nodes)
    assert summary.plan.cells == stored.cells
    assert store.journal.read_bytes() == journal
    after = store.studies()
    rows = {study.name: (str(study.row), study.seed) for study in after}
    assert (rows["csqa -> xnli #43"], rows["none -> pawsx #42"]) == (("csqa", 43), ("none", 42))
    undecorated = {study.node: replace(study, row=None, seed=None) for study in after}
    assert undecorated == {study.node: study for study in before}
    again = store.race()
    assert again.sweep == summary.plan.sweep
    assert replace(again, sweep="") == race
    assert list(store.plan().nodes) == list(stored.nodes)


@pytest.mark.parametrize("name", [PLAIN, SEARCHED, SECOND])
def test_the_command_line_goes_on_from_the_stored_configuration(copied, name, no_ray, rows_of_then, capsys):
    store = copied(name)
    rows_of_then(store)
    config = config_of(store)
    planned = as_planned(store)
    assert set(build_plan(config).nodes) == set(planned.nodes)
    stored = set(store.plan().nodes)
    command = ["run", "--config", str(store.root / "config.yaml"), "--store", str(store.root), "--open-test"]
    assert main(command) == 0
    assert "Table 2: bundled:2, demo data, 64 training rows" in capsys.readouterr().out
    assert set(store.plan().nodes) == stored
    assert (store.report / "scores-open.csv").read_bytes() == old_scores(name)
    [sweep] = store.sweeps()
    assert report_main([str(store.root), "--sweep", sweep]) == 0
    assert config_of(store) == config.model_copy(update={"store": str(store.root)})


def test_what_is_lost_is_asked_for_again_and_nothing_else(copied, monkeypatch):
    store = copied(PLAIN)
    stored = store.plan()
    [lost] = [run_id for run_id, node in stored.nodes.items() if node.name == "anli -> xnli #42"]
    (store.root / "runs" / lost / "record.json").unlink()
    asked = []

    def drive(graph, *_, **__):
        asked.extend(graph.runs)
        return "interrupted"

    monkeypatch.setitem(sys.modules, "sweep.cluster.driver", SimpleNamespace(drive=drive))
    summary = resume(store, stored)
    assert asked == [lost]
    assert summary.not_started == (lost,)
    assert cell_states(stored, store)[Cell("anli", False, "xnli", 42)].state is State.PENDING


def test_a_store_of_the_formats_before_digests_is_read_and_said_to_be_unchecked(copied, capsys):
    store = copied(SECOND)
    formats = [
        json.loads((store.root / name).read_text())["format"] for name in ("plan.json", "search.json", "race.json")
    ]
    assert formats == [2, 2, 2]
    assert store.race(store.plan().sweep).rule == Rule(alpha=0.05, guarantee=Guarantee.PAIR, seed_sd=1.0)
    assert {row.seed for row in store.studies()} == {42, 43}
    assert xstilts(["check", str(store.root)]) == 0
    assert "damaged" not in capsys.readouterr().out
