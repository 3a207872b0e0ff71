"""Searches inside the graph: trials, winners, children, restarts; on a made-up objective whose optimum is known."""

from __future__ import annotations

import io
import math
from collections import Counter
from dataclasses import replace

import optuna
import pytest
from rich.console import Console

from analysis.report import chosen_runs, planned_runs
from analysis.searches import SEARCH_FILE, read_searches, searches_section
from search_spaces.search_fields import SearchFields
from sweep.budget_file import trials_of
from sweep.capacity import Machine
from sweep.journal import Journal
from sweep.plan_file import load_plan, save_plan
from sweep.run import JOURNAL_FILE, _Sweep, run_plan
from sweep.samplers import make_sampler, seed
from sweep.scheduler import RunState
from sweep.searches import SearchScheduler
from sweep.status import State, run_states
from sweep.studies import TrialState
from tests import graphs
from tests.executors import quadratic_record
from trainables.phases.options import Options
from trainables.store import LocalStore

TWO_CORES = [Machine(name="here", cpus=2, gpus=0)]


def fields(intermediate=0, target=0, high=1e-4, **others):
    ranges = {"learning_rate": {"low": 1e-6, "high": high, "log": True}, "epochs": "fixed"}
    given = {"intermediate": intermediate, "target": target, "ranges": {"intermediate": ranges, "target": ranges}}
    return SearchFields.model_validate(given | others)


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store").prepare()


def scheduler(plan, search, store):
    trials = trials_of(plan, search, store.root, keep=True)
    return SearchScheduler(plan, search, store, Journal(store.root / JOURNAL_FILE), trials)


def drive(found, store, most=10_000, order=lambda live: live[0]):
    """Run a graph to its end, or until so many runs have ended; the runs in the order of their end."""

    def compute(node):
        store.finish(quadratic_record(node.spec, node.name))

    return graphs.drive(found, store, compute, TWO_CORES, most, order)


def test_children_start_from_the_winner_of_their_parent_and_from_nothing_else(store):
    plan = graphs.fan(["a", "b"], ["x", "y"])
    found = scheduler(plan, fields(intermediate=5, target=3), store)
    ended = drive(found, store)
    assert found.is_complete
    assert len(ended) == len(set(ended)) == 2 * 5 + 4 * 3
    for node_id, node in plan.nodes.items():
        search = found.searches[node_id]
        done = [trial for trial in search.trials if trial.state is TrialState.DONE]
        assert search.best.value == max(trial.value for trial in done)
        if node.parents:
            winner = found.searches[node.parents[0]].best.run_id
            assert {store.record(trial.run_id).spec.parent for trial in done} == {winner}
    resolved = found.resolved()
    assert set(resolved.cells) == set(plan.cells)
    assert all(store.is_finished(run_id) for run_id in resolved.nodes)
    assert {node.spec.parent for node in resolved.nodes.values() if node.parents} == {
        found.searches[node_id].best.run_id for node_id, node in plan.nodes.items() if not node.parents
    }


def test_a_node_without_a_budget_runs_once_as_it_is_configured(store):
    plan = graphs.fan(["a"], ["x"])
    found = scheduler(plan, fields(intermediate=3), store)
    drive(found, store)
    [target] = [node_id for node_id, node in plan.nodes.items() if node.parents]
    assert found.searches[target].study is None
    best = store.record(found.searches[target].best.run_id).spec
    assert best.optimisation == plan.nodes[target].spec.optimisation


def test_the_search_finds_as_good_a_value_as_optuna_alone(store):
    """Same sampler, seeds and number of trials, one after the other: the very same values."""
    plan = graphs.fan(["a"], [])
    found = scheduler(plan, fields(intermediate=14, parallel=1), store)
    drive(found, store)
    [search] = found.searches.values()
    alone = optuna.create_study(direction="maximize")
    alone.enqueue_trial({"learning_rate": 1e-5})
    for number in range(14):
        alone.sampler = make_sampler("tpe", seed(search.study.name, number), 5)
        trial = alone.ask()
        rate = trial.suggest_float("learning_rate", 1e-6, 1e-4, log=True)
        alone.tell(trial, 100 - 10 * math.log10(rate / 2e-5) ** 2)
    assert [trial.value for trial in search.trials] == pytest.approx([trial.value for trial in alone.trials])
    assert search.best.value == pytest.approx(alone.best_value)
    assert search.best.value > 99.5
    assert search.study.gain == pytest.approx(alone.best_value - (100 - 10 * math.log10(0.5) ** 2))


@pytest.mark.parametrize("killed_after", [1, 3, 7])
def test_a_killed_driver_loses_no_trial_and_tells_none_twice(store, killed_after):
    plan = graphs.fan(["a", "b"], ["x"])
    search = fields(intermediate=4, target=3)
    first = drive(scheduler(plan, search, store), store, most=killed_after)
    second = scheduler(plan, search, store)
    rest = drive(second, store)
    assert not set(first) & set(rest)
    assert second.is_complete
    for each in second.searches.values():
        assert [trial.number for trial in each.trials] == list(range(len(each.trials)))
        assert all(trial.state is TrialState.DONE for trial in each.trials)
        assert all(trial.value == store.record(trial.run_id).dev_curve[0].selection for trial in each.trials)
    assert {id_: len(each.trials) for id_, each in second.searches.items()} == {
        node_id: 3 if node.parents else 4 for node_id, node in plan.nodes.items()
    }
    third = scheduler(plan, search, store)
    assert third.is_complete
    assert third.resolved() == second.resolved()


def test_a_diverged_run_is_a_failed_trial_and_the_search_goes_on(store):
    plan = graphs.fan(["a"], ["x"])
    found = scheduler(plan, fields(intermediate=12, target=0, high=1e-2, startup=12), store)
    drive(found, store)
    assert found.is_complete
    [search] = [each for each in found.searches.values() if each.study]
    states = Counter(trial.state for trial in search.trials)
    assert states[TrialState.FAILED] > 0
    assert states[TrialState.DONE] > 0
    assert {trial.reason for trial in search.trials if trial.state is TrialState.FAILED} == {
        "ValueError: the loss is not finite"
    }
    assert all(found.state(node_id) is RunState.DONE for node_id in plan.nodes)


def test_a_search_without_any_success_fails_and_blocks_its_children_only(store):
    good, bad = graphs.node("good"), graphs.node("bad")
    plan = graphs.plan([good, bad, graphs.node("x", parent=good), graphs.node("x", parent=bad)])
    found = scheduler(plan, fields(intermediate=2, target=0), store)
    found.connect(TWO_CORES)
    while run_id := found.start(0.0):
        node = found.nodes[run_id]
        if "bad" in node.name:
            store.fail(run_id, node.name, "broken")
            found.fail(run_id)
        else:
            store.finish(quadratic_record(node.spec, node.name))
            found.finish(run_id)
    states = {node.name: found.state(node_id) for node_id, node in plan.nodes.items()}
    assert states == {
        "good": RunState.DONE, "bad": RunState.FAILED, "good -> x #42": RunState.DONE, "bad -> x #42": RunState.BLOCKED,
    }  # fmt: skip
    assert found.searches[bad.run_id].why_failed == "all 2 trials failed; the first: broken"


def test_a_setting_that_is_already_computed_is_not_computed_again(store):
    plan = graphs.fan(["a"], [])
    [node] = plan.nodes.values()
    store.finish(quadratic_record(node.spec, node.name))
    found = scheduler(plan, fields(intermediate=3), store)
    ended = drive(found, store)
    assert node.run_id not in ended
    assert len(ended) == 2
    [search] = found.searches.values()
    assert search.trials[0].run_id == node.run_id
    assert search.trials[0].state is TrialState.DONE


def test_studies_run_side_by_side_on_ray_and_a_second_start_computes_nothing(store):
    plan = graphs.fan(["a", "b"], ["x"])

    def sweep():
        return run_plan(
            plan, store, Options(data="demo", encoder="bundled"), address="local", results=store.root / "tune",
            name="test", console=Console(file=io.StringIO(), width=100), executor="tests.executors:quadratic", cpus=2,
            gpus=0, search=fields(intermediate=4, target=3),
        )  # fmt: skip

    summary = sweep()
    assert summary.exit_code == 0, summary
    assert len(summary.computed) == 2 * 4 + 2 * 3
    spans = {run_id: store.record(run_id) for run_id in summary.computed}
    by_task = {"a": [], "b": []}
    for record in spans.values():
        if record.spec.tasks[0] in by_task:
            by_task[record.spec.tasks[0]].append((record.seconds["begun"], record.seconds["ended"]))
    assert min(by_task["a"])[0] < max(by_task["b"])[0]
    assert min(by_task["b"])[0] < max(by_task["a"])[0]
    assert all(store.is_finished(run_id) for run_id in summary.resolved.nodes)
    assert (store.root / SEARCH_FILE).exists()
    studies = read_searches(store.root)
    assert [len(study["trials"]) for study in studies] == [4, 4, 3, 3]
    text = searches_section(studies)
    for study in studies:
        assert f"### {study['name']}" in text
        [winner] = [line for line in text.splitlines() if f"`{study['winner']}` **winner**" in line]
        assert winner.startswith("| ")
    again = sweep()
    assert (again.exit_code, again.computed) == (0, ())
    assert again.resolved == summary.resolved


# hours


def test_every_node_gets_the_trials_that_its_hours_pay_for_and_a_restart_the_same(store):
    """8 core-hours, spread by hand: `a` costs 1 hour a trial, its children 2."""
    parent = graphs.node("a", cost=3600)
    plan = graphs.plan([parent, *(graphs.node(task, parent=parent, cost=7200) for task in ("x", "y"))])
    search = fields(intermediate=4, gpu_hours=8)
    drive(scheduler(plan, search, store), store, most=3)
    measured = graphs.plan([replace(node, cost=3600 * 100) for node in plan.nodes.values()])
    found = scheduler(measured, search, store)
    drive(found, store)
    assert found.is_complete
    numbers = {node.name: len(found.searches[node_id].trials) for node_id, node in plan.nodes.items()}
    # two cells below `a`, of which 0.2 count: 0.4 * 0.564, 0.4 * 0.282, ... an hour; x and y 0.564 / 2, 0.282 / 2, ...
    # in order: x2 y2 (4 h), a2 (5 h), x3 (7 h); y3 no longer fits, a3 does (8 h)
    assert numbers == {"a": 3, "a -> x #42": 3, "a -> y #42": 2}


def test_a_study_with_more_trials_than_a_smaller_total_gives_is_complete(store):
    plan = graphs.plan([graphs.node("a", cost=3600)])
    first = scheduler(plan, fields(gpu_hours=5), store)
    drive(first, store)
    second = scheduler(plan, fields(gpu_hours=2), store)
    assert second.is_complete
    [search] = second.searches.values()
    assert len(search.trials) == 6
    assert second.resolved() == first.resolved()


# what a killed driver leaves


def sweep_of(plan, store):
    return _Sweep(plan, store, Options(data="demo", encoder="bundled"), store.root, Console(), "none", set())


def test_after_a_kill_the_plan_on_disk_holds_the_winners_so_far(store):
    """No driver ends here: what is on disk is what a SIGKILL would leave."""
    plan = graphs.fan(["a"], ["x"])
    save_plan(plan, store.root)
    sweep = sweep_of(plan, store)
    sweep.search(fields(intermediate=4, target=3))
    ended = drive(sweep._searches, store, most=5)
    kept = load_plan(store.root)
    [parent, child] = kept.nodes.values()
    values = {run_id: store.record(run_id).dev_curve[0].selection for run_id in ended[:4]}
    winner = max(values, key=values.get)
    assert winner not in plan.nodes  # the configured run does not win here
    assert parent.run_id == winner == child.spec.parent
    assert run_states(kept, store)[winner] == (State.DONE, "")
    assert planned_runs(store.root) == sorted(kept.nodes)
    assert chosen_runs(store.root, None) == (sorted(kept.nodes), None)
    [search] = [study for study in read_searches(store.root) if study["winner"]]
    assert search["winner"] == winner
    again = sweep_of(plan, store)
    save_plan(plan, store.root)
    again.search(fields(intermediate=4, target=3))
    assert load_plan(store.root).nodes.keys() == kept.nodes.keys()


def test_a_full_disk_when_a_winner_is_noted_ends_nothing(store, monkeypatch, caplog):
    def full(plan, folder):
        raise OSError(28, "No space left on device")

    monkeypatch.setattr("sweep.run.save_plan", full)
    plan = graphs.fan(["a"], ["x"])
    sweep = sweep_of(plan, store)
    sweep.search(fields(intermediate=2, target=2))
    drive(sweep._searches, store)
    assert sweep._searches.is_complete
    assert "cannot note the winners" in caplog.text


# a cause that has gone


def test_a_search_that_failed_wholly_is_tried_again_at_the_next_start(store):
    plan = graphs.fan(["a"], ["x"])
    search = fields(intermediate=3)
    first = scheduler(plan, search, store)
    first.connect(TWO_CORES)
    while run_id := first.start(0.0):
        store.fail(run_id, "a", "OSError: no space left on device")
        first.fail(run_id)
    assert {first.state(node_id) for node_id in plan.nodes} == {RunState.FAILED, RunState.BLOCKED}
    second = scheduler(plan, search, store)
    assert not second.is_complete
    assert len(drive(second, store)) == 3 + 1
    assert {second.state(node_id) for node_id in plan.nodes} == {RunState.DONE}
    assert scheduler(plan, search, store).is_complete
