"""The other files of a store: plans, studies, races, allocations come back as they were; what is none is named."""

from __future__ import annotations

import json
import os
import re
from dataclasses import replace

import pytest

from tests.made import graphs
from trainables.ledger.allocation import Allocation
from trainables.ledger.cells import Cell, Row
from trainables.ledger.errors import LedgerError
from trainables.ledger.plan import Node, Plan, Share, resolve
from trainables.ledger.race import Decision, Dropped, RaceRecord, Rule, TargetRace
from trainables.ledger.space import Choices, Interval
from trainables.ledger.spec import Phase
from trainables.ledger.states import State
from trainables.ledger.studies import StudyResult, Trial

SPACE = {
    "learning_rate": Interval(parameter="learning_rate", low=1e-6, high=1e-4, log=True),
    "epochs": Choices(parameter="epochs", choices=(1, 2)),
}
NO_DATA = Cell("ccg", False, "xnli", 42)


def planned() -> Plan:
    """Two rows on XNLI; one run is searched, one cell has no data."""
    fan = graphs.fan(["squad", "qqp"], ["xnli"], share=Share(gpus=0.25, cpus=2))
    first, *others = fan.nodes.values()
    searched = replace(first, trials=3, space=SPACE)
    nodes = {node.run_id: node for node in (searched, *others)}
    return replace(fan, nodes=nodes, without_data={NO_DATA: "ccg: no rows"}, notes=("a stand-in — ü",), sweep="")


def winner_of(plan: Plan) -> Node:
    """Another setting of the searched run."""
    [node] = [node for node in plan.nodes.values() if node.is_searched]
    assert node.spec.optimisation
    return replace(node, spec=replace(node.spec, optimisation=replace(node.spec.optimisation, learning_rate=5e-5)))


STUDY = StudyResult(
    node="a" * 12, name="squad #42", row=Row("squad", True), phase=Phase.INTERMEDIATE, tasks=("squad",), mlm=True,
    seed=42, winner="b" * 12, gain=0.5, importances={"epochs": 0.7, "learning_rate": 0.3},
    trials=(
        Trial(number=0, params={"epochs": 1}, run_id="a" * 12, state=State.DONE, value=60.0),
        Trial(number=1, params={"epochs": 2}, run_id="b" * 12, state=State.DONE, value=60.5),
        Trial(number=2, params={"epochs": 2}, run_id="c" * 12, state=State.FAILED, reason="the loss is not finite"),
    ),
)  # fmt: skip
SQUAD, QQP = Row("squad", True), Row("qqp", False)
DROPPED = Dropped(contender="qqp", target="xnli", round=1, leader="squad+mlm", difference=4.25, p=0.001, level=0.02,
                  rows=60)  # fmt: skip
RACE = RaceRecord(
    rule=Rule(alpha=0.1),
    seeds=(42, 43, 44),
    races=(
        TargetRace(
            target="xnli", contenders=(SQUAD, QQP), rounds=3, compared="x", held=1,
            dropped=(Decision(row=QQP, leader=SQUAD, dropped=DROPPED, seed=42, halfway=False, at="2026-01-01"),),
        ),
    ),
    saved={"target": 2},
    sweep="0123456789ab",
)  # fmt: skip
ALLOCATION = Allocation(hours=20.0, unit="h", most={"target": 6}, trials={"a": 3, "b": 0})


def test_a_plan_comes_back_with_all_that_was_decided(store):
    plan = planned()
    store.save_plan(plan)
    found = store.plan()
    assert found == plan
    assert list(found.nodes) == list(plan.nodes)
    [searched] = [node for node in found.nodes.values() if node.is_searched]
    assert (searched.trials, dict(searched.space), searched.row) == (3, SPACE, Row("squad", False))
    assert found.without_data == {NO_DATA: "ccg: no rows"}


def test_the_id_of_a_sweep_is_that_of_its_plan_and_no_winner_changes_it(store):
    plan = planned()
    assert re.fullmatch("[0-9a-f]{12}", plan.sweep)
    assert planned().sweep == plan.sweep
    assert replace(plan, sweep="", cells={}).sweep != plan.sweep
    [searched] = [node for node in plan.nodes.values() if node.is_searched]
    won = resolve(plan, {searched.run_id: winner_of(plan).spec})
    assert won.sweep == plan.sweep
    assert set(won.nodes) != set(plan.nodes)
    store.save_plan(plan)
    store.save_plan(won)
    assert store.sweeps() == [plan.sweep]
    assert store.plan() == store.plan(plan.sweep) == won


def test_a_winner_takes_its_node_and_children_follow():
    plan = planned()
    [searched] = [node for node in plan.nodes.values() if node.is_searched]
    winner = winner_of(plan).spec
    won = resolve(plan, {searched.run_id: winner})
    assert [node.name for node in won.nodes.values()] == [node.name for node in plan.nodes.values()]
    assert [node.row for node in won.nodes.values()] == [node.row for node in plan.nodes.values()]
    child = won.nodes[won.cells[Cell("squad", False, "xnli", 42)]]
    assert child.parents == (winner.run_id,)
    beside = Cell("qqp", False, "xnli", 42)
    assert won.cells[beside] == plan.cells[beside]


def test_every_sweep_of_a_store_is_kept_the_last_one_first(store):
    plans = [planned(), graphs.fan(["mnli"], ["pawsx"])]
    for age, plan in enumerate(reversed(plans)):
        store.save_plan(plan)
        os.utime(store.root / "plans" / f"{plan.sweep}.json", ns=(age, age))
    assert store.sweeps() == [plan.sweep for plan in plans]
    assert [store.plan(plan.sweep) for plan in plans] == plans
    assert store.plan() == plans[0]


def test_a_store_without_a_sweep_says_so(store):
    assert (store.has_plan, store.sweeps(), store.studies(), store.race(), store.allocation()) == (
        False, [], (), None, None,
    )  # fmt: skip
    with pytest.raises(LedgerError, match=r"no sweep in .*plan\.json does not exist"):
        store.plan()
    with pytest.raises(LedgerError, match=r"plans/0123\.json does not exist"):
        store.plan("0123")


def test_studies_come_back(store):
    assert not store.holds_trials
    store.save_studies([STUDY])
    assert store.studies() == (STUDY,)
    assert (STUDY.configured, STUDY.best) == ("a" * 12, STUDY.trials[1])
    store.save_studies(())
    assert store.studies() == ()
    assert store.holds_trials


def test_a_race_comes_back_to_the_sweep_that_it_was_of(store):
    store.save_race(RACE)
    assert store.race() == store.race(RACE.sweep) == RACE
    assert store.race("another sweep") is None
    assert set(RACE.cells) == {Cell("qqp", False, "xnli", 43), Cell("qqp", False, "xnli", 44)}
    assert list(RACE.decisions) == [(QQP, "xnli")]
    store.forget_race()
    assert store.race() is None


def test_an_allocation_comes_back(store):
    store.save_allocation(ALLOCATION)
    assert store.allocation() == ALLOCATION


READERS = {
    "plan.json": lambda store: store.plan(),
    "search.json": lambda store: store.studies(),
    "race.json": lambda store: store.race(),
    "search_budget.json": lambda store: store.allocation(),
}


def fill(store):
    store.save_plan(planned())
    store.save_studies([STUDY])
    store.save_race(RACE)
    store.save_allocation(ALLOCATION)


@pytest.mark.parametrize("name", READERS)
@pytest.mark.parametrize("text", ["", "{", "7", "null", '{"format": 1}', '[{"node": 1}]', "\x00"])
def test_a_broken_file_is_named_with_what_to_do(store, name, text):
    fill(store)
    (store.root / name).write_text(text)
    with pytest.raises(LedgerError, match=rf"{re.escape(str(store.root / name))} is not .*; .*move it away"):
        READERS[name](store)


@pytest.mark.parametrize("name", READERS)
def test_a_cut_file_and_one_that_is_not_text_are_named_too(store, name):
    fill(store)
    whole = (store.root / name).read_bytes()
    for broken in (whole[: len(whole) // 2], b"\xff\xfe\x00" + whole):
        (store.root / name).write_bytes(broken)
        with pytest.raises(LedgerError, match=re.escape(str(store.root / name))):
            READERS[name](store)


@pytest.mark.parametrize("name", READERS)
def test_a_later_format_is_refused_with_the_numbers_that_are_read(store, name):
    fill(store)
    fields = json.loads((store.root / name).read_text())
    known = fields["format"]
    (store.root / name).write_text(json.dumps(fields | {"format": 77}))
    with pytest.raises(LedgerError, match=rf"reads (\d to )?{known}\b"):
        READERS[name](store)


@pytest.mark.parametrize("gpus", [-1.0, 0.3, 1.5, 0.15])
def test_a_share_that_ray_cannot_give_is_refused(gpus):
    with pytest.raises(ValueError, match=f"0, 1/n or whole GPUs, got {gpus}"):
        Share(gpus=gpus)


@pytest.mark.parametrize("gpus", [0.0, 0.25, 1 / 3, 0.333333, 1.0, 2.0])
def test_shares_that_ray_can_give(gpus):
    assert Share(gpus=gpus).gpus == gpus
    with pytest.raises(ValueError, match="at least 1 CPU core, got 0"):
        Share(gpus=gpus, cpus=0)
