"""Sweeps on Ray that remove what they do not need: what is left, and what is computed again when it is needed."""

from __future__ import annotations

import io
from collections.abc import Iterator
from dataclasses import replace

import pytest
from rich.console import Console

from search_spaces.search_fields import SearchFields
from sweep.cluster.run import NO_SEARCH, Place, run_plan
from sweep.cluster.searcher import WORKER_LOST
from sweep.cluster.session import ray_session
from sweep.cluster.summary import Summary
from tests.made import graphs
from tests.made.graphs import fields
from tests.made.leaving import holding
from trainables.ledger.artefacts import ENCODER, Keep
from trainables.ledger.plan import Plan
from trainables.ledger.standing import run_states
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.phases.options import Options

ONE, TWO = ["xnli"], ["xnli", "udpos"]


@pytest.fixture(scope="module")
def ray_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[None]:
    with ray_session("local", tmp_path_factory.mktemp("ray") / "ray.log", cpus=2, gpus=0):
        yield


def sweep(plan: Plan, store: Store, keep: Keep, search: SearchFields = NO_SEARCH, executor: str = "run") -> Summary:
    whole = graphs.searched(plan, search, store)
    store.save_plan(whole)
    return run_plan(
        whole,
        store,
        Options(data="demo", encoder="bundled", executor=f"tests.made.leaving:{executor}"),
        Place(results=store.root / "tune", name="test"),
        Console(file=io.StringIO(), width=100),
        search=search,
        keep=keep,
    )


def scores(store: Store) -> dict[str, object]:
    return {run_id: store.record(run_id).scores for run_id in store.run_ids()}


@pytest.mark.usefixtures("ray_cluster")
class TestRemovals:
    def test_a_further_target_has_the_winners_encoder_computed_again_and_the_scores_are_those_of_keep_all(
        self, store: Store, tmp_path
    ) -> None:
        search = fields(intermediate=4, target=2)
        first = sweep(graphs.fan(["squad", "qqp"], ONE), store, Keep.SELECTED, search)
        assert first.exit_code == 0
        assert len(holding(store)) == 1
        again = sweep(graphs.fan(["squad", "qqp"], TWO), store, Keep.SELECTED, search)
        assert again.exit_code == 0
        tasks = sorted(store.record(run_id).spec.tasks[0] for run_id in again.computed)
        assert tasks == ["qqp", "squad", "udpos", "udpos", "udpos", "udpos"]
        parents = {node.spec.parent for node in again.plan.nodes.values() if node.parents}
        for parent in parents:
            assert store.record(parent).notes[-1] == "computed again, bit for bit as before"
        assert len(holding(store)) == 2
        every = Store(tmp_path / "every").prepare()
        sweep(graphs.fan(["squad", "qqp"], ONE), every, Keep.ALL, search)
        sweep(graphs.fan(["squad", "qqp"], TWO), every, Keep.ALL, search)
        assert scores(store) == scores(every)
        assert len([run_id for run_id in every.run_ids() if every.holds(run_id, ENCODER)]) == len(every.run_ids()) == 16

    def test_a_second_start_computes_nothing(self, store: Store) -> None:
        plan, search = graphs.fan(["squad"], TWO), fields(intermediate=3)
        sweep(plan, store, Keep.NONE, search)
        assert holding(store) == set()
        again = sweep(plan, store, Keep.NONE, search)
        assert (again.exit_code, again.computed) == (0, ())

    def test_a_record_that_stands_is_not_taken_for_the_end_of_an_attempt_that_was_lost(self, store: Store) -> None:
        sweep(graphs.fan(["squad"], ONE), store, Keep.NONE)
        plan = graphs.fan(["squad"], TWO)
        parent, done, left = plan.nodes
        before = store.record(parent)
        lost = sweep(plan, store, Keep.NONE, executor="lost")
        assert lost.exit_code == 1
        assert lost.blocked == {left: parent}
        assert lost.computed == ()
        assert store.record(parent) == before
        states = run_states(plan, store)
        assert [states[each].state for each in (parent, done, left)] == [State.DONE, State.DONE, State.BLOCKED]
        assert WORKER_LOST in states[left].reason
        assert sweep(plan, store, Keep.NONE).exit_code == 0
        assert replace(store.record(parent), notes=()) == replace(before, notes=())
        assert store.failure(parent) == ""
