"""Sweeps on a real local Ray with executors that do next to nothing."""

from __future__ import annotations

import io
import itertools
import json
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from rich.console import Console

from search_spaces.search_fields import SearchFields
from sweep.cluster.event_file import EventFile
from sweep.cluster.run import NO_SEARCH, Place, run_plan
from sweep.cluster.searcher import WORKER_LOSSES, WORKER_LOST
from sweep.cluster.session import ray_session
from sweep.cluster.summary import Summary
from sweep.graph.capacity import UnplaceableError
from sweep.terminal.board import Board
from tests.made import executors, graphs
from tests.made.graphs import fields
from trainables.ledger.errors import StoreError
from trainables.ledger.plan import Plan, Share
from trainables.ledger.standing import cell_states, run_states
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.phases.options import Options

HALF, WHOLE = Share(gpus=0.5), Share(gpus=1.0)


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    """One local Ray for all tests here: two cores and one GPU that exists in Ray's books only."""
    with ray_session("local", tmp_path_factory.mktemp("ray") / "ray.log", cpus=2, gpus=1):
        yield


def sweep(
    plan: Plan,
    store: Store,
    executor: str,
    output: io.StringIO | None = None,
    search: SearchFields = NO_SEARCH,
    hang_seconds: float = 600.0,
) -> Summary:
    return run_plan(
        graphs.searched(plan, search, store),
        store,
        Options(data="demo", encoder="bundled", executor=f"tests.made.executors:{executor}"),
        Place(results=store.root / "tune", name="test", hang_seconds=hang_seconds),
        Console(file=output or io.StringIO(), width=100),
        search=search,
    )


def fail_after(times: int, first: Callable[..., None], then: Callable[..., None]) -> Callable[..., None]:
    """A function that is another one from its second or later call on."""
    calls = itertools.count()

    def call(*arguments: object) -> None:
        (first if next(calls) < times else then)(*arguments)

    return call


def span(store: Store, run_id: str) -> tuple[float, float]:
    seconds = store.record(run_id).seconds
    return seconds["begun"], seconds["ended"]


@pytest.mark.usefixtures("ray_cluster")
class TestSweep:
    def test_children_start_after_their_parents_and_soon(self, store: Store) -> None:
        plan = graphs.fan(["a", "b"], ["x", "y"])
        output = io.StringIO()
        summary = sweep(plan, store, "empty", output)
        assert summary.exit_code == 0
        assert summary.done == summary.computed == tuple(plan.nodes)
        for node in plan.nodes.values():
            for parent in node.parents:
                assert span(store, parent)[1] <= span(store, node.run_id)[0]
        assert output.getvalue().count("done   ") == 6
        assert "6 of 6 runs done" in output.getvalue()
        assert "GPU" not in output.getvalue()
        events = list((store.root / "tune" / "test").glob("*/events.out.tfevents.*"))
        assert {path.parent.name for path in events} >= {f"a-x-42-{plan.cells[cell]}" for cell in list(plan.cells)[:1]}
        assert len(events) == 6

    def test_two_sizes_share_a_gpu_without_overlap(self, store: Store) -> None:
        halves = [graphs.node(f"half{i}", share=HALF, cost=0.3) for i in range(2)]
        whole = graphs.node("whole", share=WHOLE, cost=0.3)
        plan = graphs.plan([halves[0], whole, *halves[1:]])
        assert sweep(plan, store, "short").exit_code == 0
        begun, ended = span(store, whole.run_id)
        for half in halves:
            other = span(store, half.run_id)
            assert other[1] <= begun or other[0] >= ended
        notes = [json.loads(store.record(run_id).notes[0]) for run_id in plan.nodes]
        assert {note["gpus"] for note in notes} == {""}, "device cpu: no GPU may be seen"

    def test_failure_is_not_repeated_and_blocks_its_descendants_only(self, store: Store) -> None:
        plan = graphs.fan(["bad", "good"], ["x", "y"])
        output = io.StringIO()
        summary = sweep(plan, store, "failing", output)
        names = {node.name: run_id for run_id, node in plan.nodes.items()}
        bad = names["bad"]
        assert summary.exit_code == 1
        assert set(summary.done) == {names["good"], names["good -> x #42"], names["good -> y #42"]}
        assert list(summary.failed) == [bad]
        assert summary.failed[bad].startswith("ValueError: labels are missing (executors.py:")
        assert summary.blocked == {names["bad -> x #42"]: bad, names["bad -> y #42"]: bad}
        assert executors.attempts(store, bad) == 1
        assert "failed bad: ValueError: labels are missing" in output.getvalue()
        blocked = [reason for state, reason in cell_states(plan, store).values() if state is State.BLOCKED]
        assert len(blocked) == 2
        assert blocked[0].startswith("bad failed: ValueError: labels are missing")

    def test_killed_worker_is_tried_again(self, store: Store) -> None:
        plan = graphs.fan(["killed"], ["x"])
        summary = sweep(plan, store, "killed_once")
        assert summary.exit_code == 0
        parent = next(iter(plan.nodes))
        assert executors.attempts(store, parent) == 2
        assert store.failure(parent) == ""

    def test_worker_killed_between_two_runs_costs_the_next_one_no_more_than_an_attempt(self, store: Store) -> None:
        """Tune counts the death of a worker that it has kept for the next run twice, and asks no kept worker again."""
        plan = graphs.fan(["killed"], ["x", "y"])
        output = io.StringIO()
        summary = sweep(plan, store, "killed_after", output)
        assert (summary.exit_code, summary.failed) == (0, {})
        assert output.getvalue().count("the attempt was lost") == 1
        assert set(summary.done) == {*plan.nodes}

    def test_run_that_is_killed_every_time_fails_with_that_reason(self, store: Store) -> None:
        plan = graphs.fan(["killed"], ["x"])
        [parent, child] = plan.nodes
        output = io.StringIO()
        summary = sweep(plan, store, "killed", output)
        assert executors.attempts(store, parent) == 1 + WORKER_LOSSES == 3
        assert (summary.failed, summary.blocked) == ({parent: WORKER_LOST}, {child: parent})
        assert run_states(plan, store)[parent] == (State.FAILED, WORKER_LOST)
        assert f"failed killed: {WORKER_LOST}" in output.getvalue()

    def test_a_worker_that_hangs_is_ended_and_its_run_tried_again(self, store: Store) -> None:
        """It is stopped like a process that hangs, which no request of Ray's reaches."""
        plan = graphs.fan(["hung"], [])
        summary = sweep(plan, store, "hung_once", hang_seconds=2.0)
        assert summary.exit_code == 0
        [run_id] = plan.nodes
        assert executors.attempts(store, run_id) == 2
        [noted] = store.record(run_id).notes[1:]
        assert noted.startswith("the worker of an attempt said nothing for 2 s and was ended (1 of 4 steps, train, ")

    def test_a_worker_that_hangs_between_two_runs_is_ended_and_the_next_one_tried_again(self, store: Store) -> None:
        plan = graphs.fan(["hung"], ["x"])
        output = io.StringIO()
        summary = sweep(plan, store, "hung_after", output, hang_seconds=2.0)
        assert (summary.exit_code, summary.done) == (0, tuple(plan.nodes))
        assert output.getvalue().count("the attempt was lost") == 1
        [noted] = store.record([*plan.nodes][1]).notes[1:]
        assert noted.startswith("the worker of an attempt said nothing for 2 s and was ended (0 of 0 steps, start, ")

    def test_a_run_that_hangs_every_time_fails_with_that_reason(self, store: Store) -> None:
        plan = graphs.fan(["hung"], ["x"])
        [parent, child] = plan.nodes
        summary = sweep(plan, store, "hung", hang_seconds=1.0)
        assert executors.attempts(store, parent) == 1 + WORKER_LOSSES
        reason = "its worker was lost three times, 3 of them ended for having said nothing for 1 s"
        assert (summary.failed, summary.blocked) == ({parent: reason}, {child: parent})

    def test_what_only_shows_ends_no_sweep(self, store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
        """A board that cannot be drawn, and a disk without room for what TensorBoard reads."""

        def fail(*arguments: object) -> None:
            raise OSError(28, "No space left on device")

        monkeypatch.setattr(Board, "start", fail)
        monkeypatch.setattr(EventFile, "write", fail)
        monkeypatch.setattr(Store, "beat", fail_after(1, Store.beat, fail))
        plan, output = graphs.fan(["a", "b"], ["x"]), io.StringIO()
        summary = sweep(plan, store, "empty", output)
        assert (summary.exit_code, summary.done) == (0, tuple(plan.nodes))
        said = output.getvalue()
        for what in ("the progress on the terminal", "TensorBoard"):
            assert said.count(f"{what} is off from here on") == 1

    def test_a_failure_is_not_repeated_where_it_cannot_be_shown(
        self, store: Store, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        def fail(*arguments: object) -> None:
            raise ValueError("no board")

        monkeypatch.setattr(Board, "start", fail)
        plan = graphs.fan(["bad"], [])
        sweep(plan, store, "failing")
        assert executors.attempts(store, next(iter(plan.nodes))) == 1

    def test_trials_that_are_killed_every_time_fail_with_that_reason(self, store: Store) -> None:
        plan = graphs.fan(["killed", "good"], [])
        [bad, good] = plan.nodes
        summary = sweep(plan, store, "killed", search=fields(intermediate=2))
        assert summary.exit_code == 1
        assert summary.failed == {bad: f"all 2 trials failed; the first: {WORKER_LOST}"}
        states = run_states(summary.plan, store)
        assert states[bad] == (State.FAILED, WORKER_LOST)
        assert [state for run_id, (state, _) in states.items() if run_id != bad] == [State.DONE]
        reasons = {study.node: [trial.reason for trial in study.trials] for study in store.studies()}
        assert reasons == {bad: 2 * [WORKER_LOST], good: ["", ""]}

    def test_finished_runs_are_skipped(self, store: Store) -> None:
        first = graphs.fan(["a"], ["x"])
        sweep(first, store, "empty")
        records = {run_id: store.record(run_id) for run_id in first.nodes}
        summary = sweep(graphs.fan(["a"], ["x", "y"]), store, "empty")
        assert len(summary.done) == 3
        assert len(summary.computed) == 1
        assert {run_id: store.record(run_id) for run_id in first.nodes} == records

    def test_unknown_executor_is_a_reason_not_a_hang(self, store: Store) -> None:
        summary = sweep(graphs.fan(["a"], []), store, "no_such_function")
        assert "no_such_function" in next(iter(summary.failed.values()))

    def test_impossible_share_is_refused_before_anything_starts(self, store: Store) -> None:
        plan = graphs.plan([graphs.node("a"), graphs.node("huge", share=Share(gpus=4.0))])
        with pytest.raises(UnplaceableError, match="huge asks for 4 GPUs and 1 CPU cores on one node; the largest"):
            sweep(plan, store, "empty")
        assert store.run_ids() == []

    def test_store_in_use_is_refused(self, store: Store) -> None:
        with store.driver_lock(), pytest.raises(StoreError, match="in use by another sweep"):
            sweep(graphs.fan(["a"], []), store, "empty")


def test_nothing_to_do_returns_without_ray(store: Store) -> None:
    plan = graphs.fan(["a"], ["x"])
    options = Options(data="demo", encoder="bundled")
    for node in plan.nodes.values():
        list(executors.empty(node.spec, node.name, store, options))
    code = f"""
import io, sys
from pathlib import Path
from rich.console import Console
from sweep.cluster.run import Place, run_plan
from tests.made import graphs
from trainables.phases.options import Options
from trainables.ledger.store import Store
store = Store(Path({str(store.root)!r}))
summary = run_plan(graphs.fan(["a"], ["x"]), store, Options(data="demo", encoder="bundled"),
    Place(results=store.root, name="n"), Console(file=io.StringIO()))
assert len(summary.done) == 2 and summary.exit_code == 0
assert "ray" not in sys.modules and "torch" not in sys.modules
"""
    subprocess.run([sys.executable, "-c", code], check=True, cwd=Path(__file__).parents[2])
