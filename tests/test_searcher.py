"""GraphSearcher told by hand, without a cluster: how runs end that left no record, and what a full disk costs."""

from __future__ import annotations

import pytest
from ray.tune.search import Searcher

from sweep.run import JOURNAL_FILE
from sweep.scheduler import RunState, Scheduler
from sweep.searcher import WORKER_LOST, GraphSearcher
from sweep.status import State, run_states
from sweep.studies import TrialState
from tests import graphs
from tests.executors import quadratic_record
from tests.study_fixtures import full_disk, told_values
from tests.test_searches import TWO_CORES, fields, scheduler
from trainables.store import LocalStore


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store").prepare()


def searcher_of(found, store):
    return GraphSearcher(found, store, lambda node: {"run_id": node.run_id}, list)


def searched(plan, search, store):
    found = scheduler(plan, search, store)
    found.connect(TWO_CORES)
    return found, searcher_of(found, store)


def plain(store):
    """A single run without a search, started as trial `t`."""
    plan = graphs.fan(["a"], [])
    found = Scheduler(plan.nodes, (), TWO_CORES)
    searcher = searcher_of(found, store)
    return plan, found, searcher, searcher.suggest("t")["run_id"]


# runs that left no record


def test_a_run_whose_worker_was_lost_has_that_as_its_reason(store):
    plan, found, searcher, run_id = plain(store)
    searcher.on_trial_complete("t", error=True)
    assert found.state(run_id) is RunState.FAILED
    assert run_states(plan, store)[run_id] == (State.FAILED, WORKER_LOST)


def test_a_trial_whose_worker_was_lost_has_that_as_its_reason(store):
    plan = graphs.fan(["a"], [])
    found, searcher = searched(plan, fields(intermediate=2), store)
    for trial_id in ("t0", "t1"):
        searcher.suggest(trial_id)
    for trial_id in ("t0", "t1"):
        searcher.on_trial_complete(trial_id, error=True)
    [search] = found.searches.values()
    assert [trial.reason for trial in search.trials] == 2 * [WORKER_LOST]
    assert search.why_failed == f"all 2 trials failed; the first: {WORKER_LOST}"
    assert list(run_states(plan, store).values()) == [(State.FAILED, WORKER_LOST)]


def test_a_failure_of_an_earlier_start_is_not_the_reason_of_a_lost_worker(store):
    run_id = plain(store)[-1]
    store.fail(run_id, "a", "OSError: no space left on device")
    searcher = plain(store)[2]
    searcher.on_trial_complete("t", error=True)
    assert store.failure(run_id) == WORKER_LOST


@pytest.mark.parametrize("earlier", ["", "ValueError: no labels", "OSError: no space left on device"])
def test_a_run_that_says_why_it_fails_keeps_its_reason(store, earlier):
    run_id = plain(store)[-1]
    if earlier:
        store.fail(run_id, "a", earlier)
    searcher = plain(store)[2]
    store.fail(run_id, "a", "ValueError: no labels")
    searcher.on_trial_result("t", {"failed": "ValueError: no labels"})
    searcher.on_trial_complete("t", error=True)
    assert store.failure(run_id) == "ValueError: no labels"


def test_what_a_worker_could_not_note_is_noted_by_the_driver(store):
    _, _, searcher, run_id = plain(store)
    searcher.on_trial_result("t", {"failed": "OSError: no space left on device"})
    searcher.on_trial_complete("t", error=True)
    assert store.failure(run_id) == "OSError: no space left on device"


@pytest.mark.parametrize("earlier", ["", "ConnectionError: reset by peer"])
def test_an_error_that_was_tried_again_and_noted_keeps_its_reason(store, earlier):
    """Errors that may pass are noted, but not reported."""
    run_id = plain(store)[-1]
    if earlier:
        store.fail(run_id, "a", earlier)
    searcher = plain(store)[2]
    store.fail(run_id, "a", "ConnectionError: reset by peer")
    searcher.on_trial_complete("t", error=True)
    assert store.failure(run_id) == "ConnectionError: reset by peer"


def test_a_reason_that_cannot_be_written_keeps_no_run_alive(store, monkeypatch):
    def full(run_id, name, reason):
        raise OSError(28, "No space left on device")

    _, found, searcher, run_id = plain(store)
    monkeypatch.setattr(store, "fail", full)
    searcher.on_trial_complete("t", error=True)
    assert found.state(run_id) is RunState.FAILED
    assert searcher.suggest("t1") == Searcher.FINISHED


# a full disk


def end(found, searcher, store, trial_id, run_id):
    store.finish(quadratic_record(found.nodes[run_id].spec, "a"))
    searcher.on_trial_complete(trial_id, {"finished": True})


def test_a_figure_that_a_full_disk_kept_from_a_study_is_told_with_the_next_one(store):
    journal = store.root / JOURNAL_FILE
    found, searcher = searched(graphs.fan(["a"], []), fields(intermediate=4, parallel=2), store)
    runs = {trial_id: searcher.suggest(trial_id)["run_id"] for trial_id in ("t0", "t1")}
    store.finish(quadratic_record(found.nodes[runs["t0"]].spec, "a"))
    with full_disk(journal):
        searcher.on_trial_complete("t0", {"finished": True})
    assert searcher.suggest("t2") is None
    end(found, searcher, store, "t1", runs["t1"])
    for trial_id in ("t3", "t4"):
        end(found, searcher, store, trial_id, searcher.suggest(trial_id)["run_id"])
    assert found.is_complete
    [search] = found.searches.values()
    assert {trial.state for trial in search.trials} == {TrialState.DONE}
    assert [len(values) for values in told_values(journal).values()] == 4 * [1]


def test_a_figure_that_a_full_disk_kept_from_a_study_is_told_at_the_next_start(store):
    journal = store.root / JOURNAL_FILE
    plan, search = graphs.fan(["a"], ["x"]), fields(intermediate=2, parallel=1)
    first, searcher = searched(plan, search, store)
    run_id = searcher.suggest("t0")["run_id"]
    store.finish(quadratic_record(first.nodes[run_id].spec, "a"))
    with full_disk(journal):
        searcher.on_trial_complete("t0", {"finished": True})
    assert searcher.suggest("t1") == Searcher.FINISHED
    assert not first.is_complete
    second, searcher = searched(plan, search, store)
    [parent, _] = plan.nodes
    assert [trial.state for trial in second.searches[parent].trials] == [TrialState.DONE, TrialState.RUNNING]
    for trial_id in ("t0", "t1"):
        rest = searcher.suggest(trial_id)["run_id"]
        assert rest != run_id
        end(second, searcher, store, trial_id, rest)
    assert second.is_complete
    assert [len(values) for values in told_values(journal).values()] == 2 * [1]


def test_a_failure_that_a_full_disk_kept_from_a_study_is_tried_again(store):
    """As a run whose driver was killed before it could tell: the cause may be the full disk itself."""
    found, searcher = searched(graphs.fan(["a"], []), fields(intermediate=2, parallel=2), store)
    runs = {trial_id: searcher.suggest(trial_id)["run_id"] for trial_id in ("t0", "t1")}
    store.fail(runs["t0"], "a", "OSError: no space left on device")
    with full_disk(store.root / JOURNAL_FILE):
        searcher.on_trial_complete("t0", error=True)
    end(found, searcher, store, "t1", runs["t1"])
    assert searcher.suggest("t2")["run_id"] == runs["t0"]
    end(found, searcher, store, "t2", runs["t0"])
    assert found.is_complete
    [search] = found.searches.values()
    assert {trial.state for trial in search.trials} == {TrialState.DONE}
