"""What the plan decides before anything runs: rows, shares, spaces and trials, once; and the file that keeps hours."""

from __future__ import annotations

import dataclasses
import json
import re

import pytest

from benchmarks.paper_plan import paper_plan
from search_spaces.config_file import ConfigError
from search_spaces.search_fields import SearchFields
from sweep.cluster.run import opener
from sweep.graph.capacity import Machine
from sweep.planning import planner
from sweep.planning.budget import trial_hours
from sweep.planning.courses import courses_of
from sweep.planning.outlook import look_at
from sweep.planning.trials import with_trials
from tests.made import graphs
from tests.made.data import node, plan
from trainables.ledger.cells import BASELINE, Row
from trainables.ledger.errors import LedgerError
from trainables.ledger.plan import Node, Plan, Share
from trainables.ledger.space import Interval
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store

ONE_GPU = Share(gpus=1.0)


def hours_of(plan: Plan, trials: dict[str, int]) -> float:
    return sum((n - 1) * trial_hours(plan.nodes[node_id], plan) for node_id, n in trials.items())


# what a node is told


def test_every_run_has_the_row_of_the_encoder_that_it_makes_or_starts_from():
    found = plan("grid.intermediates=none,qqp,multitask", "grid.targets=xquad,mlqa,tatoeba", "grid.seeds=1,2")
    rows = [Row("qqp", False), Row("multitask", False), Row("qqp", True), Row("multitask", True)]
    assert {it.row for it in found.nodes.values() if it.spec.phase is Phase.INTERMEDIATE} == {*rows}
    assert {it.row for it in found.nodes.values()} == {Row(BASELINE, False), *rows}
    for it in found.nodes.values():
        assert {found.nodes[parent].row for parent in it.parents} <= {it.row}
        assert it.name.startswith(f"{it.row} ")
    assert {found.nodes[run_id].row == cell.row for cell, run_id in found.cells.items()} == {True}


def test_trials_and_spaces_are_those_of_the_phase_and_retrieval_has_none():
    sets = ["grid.intermediates=none,qqp", "grid.targets=xnli,tatoeba", "search.ranges.tasks.xnli.epochs=fixed"]
    found, allocation = with_trials(plan(*sets), SearchFields.model_validate({"intermediate": 5, "target": 3}))
    assert allocation is None
    assert {it.name: it.trials for it in found.nodes.values()} == {
        "qqp #42": 5, "qqp+mlm #42": 5,
        "none -> xnli #42": 3, "qqp -> xnli #42": 3, "qqp+mlm -> xnli #42": 3,
        "none -> tatoeba #42": 1, "qqp -> tatoeba #42": 1, "qqp+mlm -> tatoeba #42": 1,
    }  # fmt: skip
    # protocol.md 2.6; the learning rates with MLM lie around half the published one
    epochs = Interval(parameter="epochs", low=1, high=6)
    rates = [Interval(parameter="learning_rate", low=low, high=10 * low, log=True) for low in (3e-6, 1.5e-6)]
    assert node(found, "qqp #42").space == {"learning_rate": rates[0], "epochs": epochs}
    assert node(found, "qqp+mlm #42").space == {"learning_rate": rates[1], "epochs": epochs}
    assert node(found, "none -> tatoeba #42").space == {}


def test_a_phase_that_is_not_searched_has_one_trial_and_no_space():
    search = SearchFields.model_validate({"target": 2, "intermediate": 1})
    found, _ = with_trials(plan("grid.intermediates=qqp", "grid.targets=xnli"), search)
    assert {(it.trials, bool(it.space)) for it in found.nodes.values() if it.spec.phase is Phase.INTERMEDIATE} == {
        (1, False)
    }
    assert {(it.trials, bool(it.space)) for it in found.nodes.values() if it.spec.phase is Phase.TARGET} == {(2, True)}


def test_a_run_of_which_everything_is_fixed_is_not_searched():
    fixed = {"learning_rate": "fixed", "epochs": "fixed"}
    search = SearchFields.model_validate({"target": 4, "ranges": {"tasks": {"xnli": fixed}}})
    found, _ = with_trials(plan("grid.intermediates=none", "grid.targets=xnli,pawsx"), search)
    assert {it.name: it.is_searched for it in found.nodes.values()} == {
        "none -> xnli #42": False, "none -> pawsx #42": True,
    }  # fmt: skip


def test_a_plan_without_a_search_is_left_as_it_is():
    found = plan("grid.intermediates=none", "grid.targets=xnli")
    assert with_trials(found, SearchFields()) == (found, None)
    assert {(it.trials, len(it.space)) for it in found.nodes.values()} == {(1, 0)}


@pytest.mark.parametrize(
    ("gpus", "address", "share"),
    [
        (0, "", 0.0),
        (2, "", 0.5),
        (0, "auto", 0.5),  # of a cluster elsewhere the plan knows nothing
    ],
)
def test_shares_are_fitted_to_this_machine_when_it_is_where_the_runs_are(monkeypatch, gpus, address, share):
    monkeypatch.setattr(planner, "this_machine", lambda: Machine(name="here", cpus=8, gpus=gpus))
    sets = ["grid.targets=xnli", "cluster.gpus.target=1/2", "cluster.gpus.intermediate=1/2", "cluster.cpus=3"]
    found = plan(*sets, *([f"cluster.address={address}"] if address else []))
    assert {(it.share.gpus, it.share.cpus) for it in found.nodes.values()} == {(share, 3)}


@pytest.mark.parametrize("fields", [{"intermediate": 4, "target": 3}, {"gpu_hours": 700}, {"target": 2}])
def test_the_space_of_a_run_is_made_once(store, monkeypatch, fields):
    """It takes a resolution of all ranges each time; a plan has thousands of nodes."""
    asked = []
    original = SearchFields.space

    def counting(self, optimisation, **run):
        asked.append(optimisation)
        return original(self, optimisation, **run)

    monkeypatch.setattr(SearchFields, "space", counting)
    found = paper_plan(seeds=3)
    assert len(found.nodes) == 3 * 152
    search = SearchFields.model_validate(fields)
    whole, _ = with_trials(found, search)
    trained = [it for it in found.nodes.values() if it.spec.optimisation]
    assert len(asked) == sum("gpu_hours" in fields or search.trials(it.spec.phase) > 0 for it in trained)
    assert whole.nodes.keys() == found.nodes.keys()
    asked.clear()
    look_at(whole, store)
    courses_of(whole)
    opener(store, search)(next(it for it in whole.nodes.values() if it.is_searched), "")
    assert not asked


@pytest.mark.parametrize("gpus", [0.4, 0.66, 1.5, -1.0])
def test_a_fraction_that_is_not_one_nth_is_refused(gpus):
    """Ray would wait for ever."""
    with pytest.raises(ValueError, match=re.escape(f"a run must ask for 0, 1/n or whole GPUs, got {gpus}")):
        Share(gpus=gpus)
    with pytest.raises(ConfigError, match=re.escape("cluster.gpus.target")):
        plan(f"cluster.gpus.target={gpus}")


def test_a_run_needs_a_core():
    with pytest.raises(ValueError, match="at least 1 CPU core, got 0"):
        Share(cpus=0)


# hours, and the file that keeps them


def spread(plan: Plan, store: Store, **search: object) -> dict[str, int]:
    """Trials of the nodes that are searched, with the hours as the store keeps them."""
    found = graphs.searched(plan, SearchFields.model_validate(search), store)
    return {node_id: it.trials for node_id, it in found.nodes.items() if it.is_searched}


def costing(plan: Plan, factor: dict[str, float]) -> Plan:
    """The plan with other costs, by task."""
    nodes = {id_: dataclasses.replace(n, cost=n.cost * factor.get(n.spec.tasks[0], 1)) for id_, n in plan.nodes.items()}
    return dataclasses.replace(plan, nodes=nodes)


def hourly(*tasks: str) -> Plan:
    nodes: list[Node] = [graphs.node(task, cost=3600, share=ONE_GPU) for task in tasks]
    return graphs.plan(nodes)


def test_counts_alone_need_no_file(store):
    assert sorted(spread(graphs.fan(["a"], ["x"]), store, intermediate=5, target=1).values()) == [5]
    assert store.allocation() is None
    assert not (store.root / "search_budget.json").exists()


def test_a_plan_that_is_only_looked_at_leaves_no_file(tmp_path):
    store = Store(tmp_path / "none")
    found, _ = with_trials(hourly("a", "b"), SearchFields.model_validate({"gpu_hours": 4}), store.allocation())
    assert [it.trials for it in found.nodes.values()] == [3, 3]
    look_at(found, store)
    assert not list(tmp_path.iterdir())


def test_hours_are_spread_once_although_costs_change(store):
    plan = hourly("a", "b")
    first = spread(plan, store, gpu_hours=6)
    assert sorted(first.values()) == [4, 4]
    slower = costing(plan, {"a": 50})
    assert spread(slower, store, gpu_hours=6) == first
    (store.root / "search_budget.json").unlink()
    assert spread(slower, store, gpu_hours=6) != first


def test_more_hours_take_no_trial_away(store):
    plan = hourly("a", "b")
    first = spread(plan, store, gpu_hours=6)
    slower = costing(plan, {"a": 2})
    more = spread(slower, store, gpu_hours=12)
    assert all(more[node_id] >= first[node_id] for node_id in first)
    assert hours_of(slower, more) <= 12
    assert store.allocation().hours == 12


def test_fewer_hours_are_spread_anew(store):
    plan = hourly("a", "b")
    spread(plan, store, gpu_hours=6)
    assert sorted(spread(plan, store, gpu_hours=2).values()) == [2, 2]


def test_runs_that_are_added_share_what_is_left_of_the_hours(store):
    first = spread(hourly("a", "b"), store, gpu_hours=6)
    larger = hourly("a", "b", "c")
    assert spread(larger, store, gpu_hours=6) == first
    more = spread(larger, store, gpu_hours=9)
    assert sorted(more.values()) == [4, 4, 4]


@pytest.mark.parametrize(
    "text",
    ["", "[]", "{}", '{"format": 99}', '{"format": 1, "hours": 3}', "\x00",
     '{"format": 1, "hours": 3, "unit": "GPU-hours", "most": {}, "trials": {"a": -1}}',
     '{"format": 1, "hours": "x", "unit": "GPU-hours", "most": {}, "trials": {}}'],
)  # fmt: skip
def test_a_broken_file_is_named(store, text):
    (store.root / "search_budget.json").write_text(text)
    with pytest.raises(LedgerError, match=r"search_budget\.json is not .* move it away"):
        spread(hourly("a"), store, gpu_hours=2)


def test_the_file_says_what_it_was_made_from(store):
    plan = hourly("a")
    spread(plan, store, gpu_hours=2, intermediate=5)
    [node_id] = plan.nodes
    written = json.loads((store.root / "search_budget.json").read_text())
    assert {name: value for name, value in written.items() if name != "digest"} == {
        "format": 2, "hours": 2.0, "unit": "GPU-hours", "most": {"intermediate": 5, "target": 0},
        "trials": {node_id: 3},
    }  # fmt: skip
