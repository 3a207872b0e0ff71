"""GraphSearcher told by hand, without a cluster: how runs end that left no record, and what a full disk costs."""

from __future__ import annotations

import pytest
from ray.tune.search import Searcher

from search_spaces.search_fields import SearchFields
from sweep.cluster.run import NO_SEARCH
from sweep.cluster.searcher import WORKER_LOSSES, WORKER_LOST, GraphSearcher
from sweep.graph.capacity import Machine
from sweep.graph.faults import NODE_LOSSES
from sweep.graph.graph import Graph
from tests.made import graphs
from tests.made.executors import quadratic_record
from tests.made.graphs import TWO_CORES, fields
from tests.made.studies import full_disk, told_values
from trainables.ledger.plan import Plan
from trainables.ledger.standing import run_states
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.report import Failed, Finished

FINISHED = Finished(run_id="abc").to_result()


def graph_and_searcher(plan: Plan, store: Store, search: SearchFields = NO_SEARCH) -> tuple[Graph, GraphSearcher]:
    graph = graphs.graph_of(plan, store, search, machines=TWO_CORES)
    return graph, GraphSearcher(graph, store, lambda run, share: {"run_id": run.run_id}, list)


def plain(store):
    """A single run without a search, started as trial `t`."""
    plan = graphs.fan(["a"], [])
    graph, searcher = graph_and_searcher(plan, store)
    return plan, graph, searcher, searcher.suggest("t")["run_id"]


def lose(searcher: GraphSearcher, trial_id: str) -> list[str]:
    """Lose worker after worker of a run, from the one of this trial on; the runs that were handed out in between."""
    again = []
    for attempt in range(WORKER_LOSSES):
        searcher.on_trial_complete(trial_id, error=True)
        trial_id = f"{trial_id} {attempt}"
        again.append(searcher.suggest(trial_id)["run_id"])
    searcher.on_trial_complete(trial_id, error=True)
    return again


# runs that left no record


def test_a_node_that_leaves_is_no_fault_of_the_run_that_was_on_it(store):
    """Nine nodes may go under a run beside the workers that it may lose; the tenth counts as a worker."""
    graph = graphs.graph_of(graphs.fan(["a"], []), store, machines=TWO_CORES)
    there = list(TWO_CORES)
    searcher = GraphSearcher(graph, store, lambda run, share: {"run_id": run.run_id}, lambda: there)
    run_id = searcher.suggest("t0")["run_id"]
    for number in range(NODE_LOSSES + WORKER_LOSSES):
        there[:] = [Machine(name=f"node {number}", cpus=2)]
        searcher.on_trial_complete(f"t{number}", error=True)
        assert searcher.suggest(f"t{number + 1}")["run_id"] == run_id
    there[:] = [Machine(name="the last", cpus=2)]
    searcher.on_trial_complete(f"t{NODE_LOSSES + WORKER_LOSSES}", error=True)
    assert graph.state(run_id) is State.FAILED
    assert NODE_LOSSES == 9


def test_a_run_that_has_lost_its_worker_is_handed_out_before_all_others_in_the_room_that_it_had(store):
    found, searcher = graph_and_searcher(graphs.fan(["a", "b", "c"], []), store)
    first, second = (searcher.suggest(trial_id)["run_id"] for trial_id in ("t0", "t1"))
    searcher.on_trial_complete("t1", error=True)
    assert {*found.live} == {first, second}
    assert [searcher.tries_again(run_id) for run_id in (first, second)] == [False, True]
    assert searcher.suggest("t2")["run_id"] == second
    assert not searcher.tries_again(second)
    assert searcher.suggest("t3") is None, "two cores, two runs"
    end(found, searcher, store, "t2", second)
    assert found.state(second) is State.DONE


def test_a_lost_worker_of_a_sweep_that_halts_leaves_its_run_live(store):
    halting = []
    graph = graphs.graph_of(graphs.fan(["a"], []), store, NO_SEARCH, machines=TWO_CORES)
    searcher = GraphSearcher(graph, store, lambda run, share: {"run_id": run.run_id}, list, halts=lambda: bool(halting))
    run_id = searcher.suggest("t")["run_id"]
    halting.append("now")
    searcher.on_trial_complete("t", error=True)
    assert searcher.suggest("t1") == Searcher.FINISHED
    assert ({*graph.live}, searcher.tries_again(run_id), store.failure(run_id)) == ({run_id}, False, "")


def test_a_run_whose_worker_was_lost_has_that_as_its_reason(store):
    plan, found, searcher, run_id = plain(store)
    assert lose(searcher, "t") == [run_id, run_id]
    assert found.state(run_id) is State.FAILED
    assert run_states(plan, store)[run_id] == (State.FAILED, WORKER_LOST)


def test_a_trial_whose_worker_was_lost_has_that_as_its_reason(store):
    plan = graphs.fan(["a"], [])
    found, searcher = graph_and_searcher(plan, store, fields(intermediate=2))
    for trial_id in ("t0", "t1"):
        searcher.suggest(trial_id)
    for trial_id in ("t0", "t1"):
        lose(searcher, trial_id)
    [search] = found.trials.values()
    assert [trial.reason for trial in search.trials] == 2 * [WORKER_LOST]
    assert search.why_failed == f"all 2 trials failed; the first: {WORKER_LOST}"
    assert list(run_states(plan, store).values()) == [(State.FAILED, WORKER_LOST)]


def test_a_failure_of_an_earlier_start_is_not_the_reason_of_a_lost_worker(store):
    run_id = plain(store)[-1]
    store.fail(run_id, "a", "OSError: no space left on device")
    searcher = plain(store)[2]
    lose(searcher, "t")
    assert store.failure(run_id) == WORKER_LOST


@pytest.mark.parametrize("earlier", ["", "ValueError: no labels", "OSError: no space left on device"])
def test_a_run_that_says_why_it_fails_keeps_its_reason(store, earlier):
    run_id = plain(store)[-1]
    if earlier:
        store.fail(run_id, "a", earlier)
    searcher = plain(store)[2]
    store.fail(run_id, "a", "ValueError: no labels")
    searcher.on_trial_result("t", Failed(reason="ValueError: no labels").to_result())
    searcher.on_trial_complete("t", error=True)
    assert store.failure(run_id) == "ValueError: no labels"


def test_what_a_worker_could_not_note_is_noted_by_the_driver(store):
    _, _, searcher, run_id = plain(store)
    searcher.on_trial_result("t", Failed(reason="OSError: no space left on device").to_result())
    searcher.on_trial_complete("t", error=True)
    assert store.failure(run_id) == "OSError: no space left on device"


@pytest.mark.parametrize("diverged", [False, True])
def test_the_driver_notes_whether_a_run_diverged_where_its_worker_could_not(store, diverged):
    """Else every restart of a search would compute it again."""
    _, _, searcher, run_id = plain(store)
    searcher.on_trial_result("t", Failed(reason="the loss is not finite", diverged=diverged).to_result())
    searcher.on_trial_complete("t", error=True)
    assert store.diverged(run_id) is diverged


@pytest.mark.parametrize("earlier", ["", "ConnectionError: reset by peer"])
def test_an_error_that_was_tried_again_and_noted_keeps_its_reason(store, earlier):
    """Errors that may pass are noted, but not reported."""
    run_id = plain(store)[-1]
    if earlier:
        store.fail(run_id, "a", earlier)
    searcher = plain(store)[2]
    store.fail(run_id, "a", "ConnectionError: reset by peer")
    assert lose(searcher, "t") == [run_id, run_id]
    assert store.failure(run_id) == "ConnectionError: reset by peer"


def test_a_reason_that_cannot_be_written_keeps_no_run_alive(store, monkeypatch):
    def full(run_id, name, reason, *, diverged=False):
        raise OSError(28, "No space left on device")

    _, found, searcher, run_id = plain(store)
    monkeypatch.setattr(store, "fail", full)
    lose(searcher, "t")
    assert found.state(run_id) is State.FAILED
    assert searcher.suggest("t1") == Searcher.FINISHED


# a full disk


def end(found, searcher, store, trial_id, run_id):
    store.finish(quadratic_record(found.runs[run_id].spec, "a"))
    searcher.on_trial_complete(trial_id, FINISHED)


def test_a_figure_that_a_full_disk_kept_from_a_study_is_told_with_the_next_one(store):
    journal = store.journal
    found, searcher = graph_and_searcher(graphs.fan(["a"], []), store, fields(intermediate=4, parallel=2))
    runs = {trial_id: searcher.suggest(trial_id)["run_id"] for trial_id in ("t0", "t1")}
    store.finish(quadratic_record(found.runs[runs["t0"]].spec, "a"))
    with full_disk(journal):
        searcher.on_trial_complete("t0", FINISHED)
    assert searcher.suggest("t2") is None
    end(found, searcher, store, "t1", runs["t1"])
    for trial_id in ("t3", "t4"):
        end(found, searcher, store, trial_id, searcher.suggest(trial_id)["run_id"])
    assert found.is_complete
    [search] = found.trials.values()
    assert {trial.state for trial in search.trials} == {State.DONE}
    assert [len(values) for values in told_values(journal).values()] == 4 * [1]


def test_a_figure_that_a_full_disk_kept_from_a_study_is_told_at_the_next_start(store):
    journal = store.journal
    plan, search = graphs.fan(["a"], ["x"]), fields(intermediate=2, parallel=1)
    first, searcher = graph_and_searcher(plan, store, search)
    run_id = searcher.suggest("t0")["run_id"]
    store.finish(quadratic_record(first.runs[run_id].spec, "a"))
    with full_disk(journal):
        searcher.on_trial_complete("t0", FINISHED)
    assert searcher.suggest("t1") == Searcher.FINISHED
    assert not first.is_complete
    second, searcher = graph_and_searcher(plan, store, search)
    [parent, _] = plan.nodes
    assert [trial.state for trial in second.trials[parent].trials] == [State.DONE, State.RUNNING]
    for trial_id in ("t0", "t1"):
        rest = searcher.suggest(trial_id)["run_id"]
        assert rest != run_id
        end(second, searcher, store, trial_id, rest)
    assert second.is_complete
    assert [len(values) for values in told_values(journal).values()] == 2 * [1]


def test_a_divergence_that_a_full_disk_kept_from_a_study_is_tried_again(store):
    """As a run whose driver was killed before it could tell."""
    found, searcher = graph_and_searcher(graphs.fan(["a"], []), store, fields(intermediate=2, parallel=2))
    runs = {trial_id: searcher.suggest(trial_id)["run_id"] for trial_id in ("t0", "t1")}
    store.fail(runs["t0"], "a", "DivergedError: the loss is not finite", diverged=True)
    searcher.on_trial_result("t0", Failed(reason="the loss is not finite", diverged=True).to_result())
    with full_disk(store.journal):
        searcher.on_trial_complete("t0", error=True)
    end(found, searcher, store, "t1", runs["t1"])
    assert searcher.suggest("t2")["run_id"] == runs["t0"]
    end(found, searcher, store, "t2", runs["t0"])
    assert found.is_complete
    [search] = found.trials.values()
    assert {trial.state for trial in search.trials} == {State.DONE}


def test_a_failure_by_a_full_disk_stands_until_the_next_start_which_tries_it_first(store):
    """It is told to no study, so there is nothing that the full disk could keep from one."""
    plan, search = graphs.fan(["a"], []), fields(intermediate=2, parallel=2)
    first, searcher = graph_and_searcher(plan, store, search)
    runs = {trial_id: searcher.suggest(trial_id)["run_id"] for trial_id in ("t0", "t1")}
    store.fail(runs["t0"], "a", "OSError: no space left on device")
    searcher.on_trial_result("t0", Failed(reason="OSError: no space left on device").to_result())
    with full_disk(store.journal):
        searcher.on_trial_complete("t0", error=True)
    end(first, searcher, store, "t1", runs["t1"])
    assert searcher.suggest("t2") == Searcher.FINISHED
    assert first.is_complete
    [trials] = first.trials.values()
    assert [(trial.state, trial.reason) for trial in trials.trials] == [
        (State.FAILED, "OSError: no space left on device"), (State.DONE, "")
    ]  # fmt: skip
    second, searcher = graph_and_searcher(plan, store, search)
    assert searcher.suggest("t0")["run_id"] == runs["t0"]
    end(second, searcher, store, "t0", runs["t0"])
    assert searcher.suggest("t1") == Searcher.FINISHED
    [trials] = second.trials.values()
    assert {trial.state for trial in trials.trials} == {State.DONE}
    assert [len(values) for values in told_values(store.journal).values()] == 2 * [1]
