"""GraphSearcher told by hand: runs that had too little memory, and nodes that have gone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest
from ray.tune.search import Searcher

from sweep.cluster.losses import Loss
from sweep.cluster.searcher import NO_MORE, WORKER_LOSSES, GraphSearcher
from sweep.graph.capacity import Machine
from sweep.graph.graph import Graph
from tests.made import graphs
from tests.made.executors import quadratic_record
from trainables.ledger.plan import Share
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.report import Failed, Finished

GB = 10**9
H100 = Machine(name="h", cpus=8, gpus=1, gpu_type="H100", gpu_bytes=80 * GB, memory_bytes=64 * GB)
AUTO = Share(gpus=1.0, gpu_bytes=9 * GB, least_gpu_bytes=2 * GB, memory_bytes=4 * GB)
TOO_SMALL = Failed(reason="OutOfMemoryError: CUDA out of memory", needs_more=True).to_result()


class Sweep:
    """A sweep whose trials are ended by hand."""

    def __init__(self, store: Store, share: Share, machines: Sequence[Machine] = (H100,), names: str = "a") -> None:
        self.store = store
        self.machines = list(machines)
        self.losses: dict[str, Loss] = {}
        self.asked: list[Share] = []
        self.halting: list[str] = []
        self.graph: Graph = graphs.graph_of(
            graphs.fan([*names], [], share=share), store, machines=machines
        )  # fmt: skip
        self.searcher = GraphSearcher(
            self.graph,
            store,
            lambda run, seat: {"run_id": run.run_id, "gpus": seat.share.gpus, "node": seat.machine},
            lambda: self.machines,
            halts=lambda: bool(self.halting),
            loss=lambda trial_id: self.losses.get(trial_id, Loss.UNKNOWN),
            on_more=lambda spec, asked: self.asked.append(asked),
        )

    def start(self, trial_id: str) -> dict:
        given = self.searcher.suggest(trial_id)
        assert isinstance(given, dict)
        return given

    def lack(self, trial_id: str, run_id: str) -> None:
        """The worker of a trial notes and reports that it had too little of its GPU."""
        self.store.fail(run_id, "a", "OutOfMemoryError: CUDA out of memory")
        self.searcher.on_trial_result(trial_id, TOO_SMALL)
        self.searcher.on_trial_complete(trial_id, error=True)

    def lose(self, trial_id: str, loss: Loss = Loss.UNKNOWN) -> None:
        self.losses[trial_id] = loss
        self.searcher.on_trial_complete(trial_id, error=True)

    def end(self, trial_id: str, run_id: str) -> None:
        self.store.finish(quadratic_record(self.graph.runs[run_id].spec, "a"))
        self.searcher.on_trial_complete(trial_id, Finished(run_id=run_id).to_result())


# a part of a GPU that was too small


def test_a_run_that_had_too_little_climbs_to_a_whole_gpu_and_then_fails_with_its_reason(store):
    sweep = Sweep(store, AUTO)
    parts = []
    for trial_id in ("t0", "t1", "t2", "t3"):
        given = sweep.start(trial_id)
        parts.append(given["gpus"])
        assert store.failure(given["run_id"]) == "", "of an earlier attempt"
        sweep.lack(trial_id, given["run_id"])
    assert parts == [1 / 8, 1 / 4, 1 / 2, 1]
    assert [share.gpu_bytes for share in sweep.asked] == [20 * GB, 40 * GB, 80 * GB]
    run_id = next(iter(sweep.graph.plan.nodes))
    assert sweep.graph.state(run_id) is State.FAILED
    assert store.failure(run_id) == f"OutOfMemoryError: CUDA out of memory; {NO_MORE}"
    assert sweep.searcher.suggest("t4") == Searcher.FINISHED


def test_what_was_tried_is_noted_for_the_record(store):
    sweep = Sweep(store, AUTO)
    run_id = sweep.start("t0")["run_id"]
    sweep.lack("t0", run_id)
    assert (sweep.searcher.tries_again(run_id), sweep.searcher.has_lost_worker(run_id)) == (True, False)
    given = sweep.start("t1")
    assert not sweep.searcher.tries_again(run_id)
    assert store.attempts(run_id) == ("out of memory with 0.125 of a GPU, row by row: tried again with 20.0 GB of one",)
    sweep.end("t1", given["run_id"])
    assert sweep.graph.state(run_id) is State.DONE
    assert not sweep.graph.live


def test_a_share_that_was_given_as_a_number_is_doubled_too(store):
    sweep = Sweep(store, Share(gpus=1 / 3))
    run_id = sweep.start("t0")["run_id"]
    sweep.lack("t0", run_id)
    assert sweep.start("t1")["gpus"] == 1.0
    assert store.attempts(run_id) == ("out of memory with 0.333333 of a GPU, row by row: tried again with 1 of one",)


def test_a_run_that_needs_more_waits_until_there_is_room(store):
    """Eight eighths; one of them asks for a quarter, which is there once another has ended."""
    sweep = Sweep(store, AUTO, names="abcdefgh")
    runs = {f"t{place}": sweep.start(f"t{place}")["run_id"] for place in range(8)}
    sweep.lack("t0", runs["t0"])
    assert sweep.searcher.suggest("t8") is None
    sweep.end("t1", runs["t1"])
    assert sweep.start("t8") == {"run_id": runs["t0"], "gpus": 0.25, "node": "h"}


def test_a_run_that_needs_more_while_the_sweep_halts_is_left_for_the_next_start(store):
    sweep = Sweep(store, AUTO)
    run_id = sweep.start("t0")["run_id"]
    sweep.halting.append("now")
    sweep.lack("t0", run_id)
    assert {*sweep.graph.live} == {run_id}
    assert sweep.searcher.suggest("t1") == Searcher.FINISHED


def test_another_failure_is_not_tried_with_more(store):
    sweep = Sweep(store, AUTO)
    run_id = sweep.start("t0")["run_id"]
    sweep.searcher.on_trial_result("t0", Failed(reason="ValueError: no labels").to_result())
    sweep.searcher.on_trial_complete("t0", error=True)
    assert sweep.graph.state(run_id) is State.FAILED
    assert sweep.asked == []


# a node without memory


def test_a_run_that_was_killed_for_memory_is_tried_again_with_twice_as_much(store):
    sweep = Sweep(store, AUTO)
    run_id = sweep.start("t0")["run_id"]
    sweep.lose("t0", Loss.MEMORY)
    assert sweep.searcher.has_lost_worker(run_id)
    assert [share.memory_bytes for share in sweep.asked] == [8 * GB]
    assert store.attempts(run_id) == ("its node ran out of memory where it was given 4.0 GB: tried again with 8.0 GB",)
    assert sweep.start("t1")["run_id"] == run_id
    assert sweep.graph.live[run_id].seat.share.memory_bytes == 8 * GB


def test_a_run_that_is_killed_for_memory_every_time_has_that_as_its_reason(store):
    sweep = Sweep(store, AUTO)
    for attempt in range(1 + WORKER_LOSSES):
        run_id = sweep.start(f"t{attempt}")["run_id"]
        sweep.lose(f"t{attempt}", Loss.MEMORY)
    assert sweep.graph.state(run_id) is State.FAILED
    assert store.failure(run_id).startswith(
        "its worker was lost three times, 3 of them killed by Ray since its node was running out of memory"
    )


def test_a_worker_that_was_lost_for_another_reason_keeps_its_room(store):
    sweep = Sweep(store, AUTO)
    run_id = sweep.start("t0")["run_id"]
    seat = sweep.graph.live[run_id].seat
    sweep.lose("t0")
    assert sweep.graph.live[run_id].seat == seat
    assert sweep.asked == []


# a node that has gone


@pytest.mark.parametrize("loss", [Loss.NODE, Loss.UNKNOWN])
def test_a_run_whose_node_has_gone_gets_a_place_on_another(store, loss):
    other = Machine(name="other", cpus=8, gpus=1, gpu_type="A10G", gpu_bytes=24 * GB, memory_bytes=64 * GB)
    sweep = Sweep(store, AUTO)
    run_id = sweep.start("t0")["run_id"]
    sweep.machines = [other]
    sweep.lose("t0", loss)
    assert (sweep.searcher.tries_again(run_id), sweep.searcher.has_lost_worker(run_id)) == (True, True)
    assert sweep.start("t1") == {"run_id": run_id, "gpus": 0.5, "node": "other"}
    sweep.end("t1", run_id)
    assert sweep.graph.state(run_id) is State.DONE


def test_a_run_whose_node_has_gone_waits_while_no_other_has_room(store):
    small = Machine(name="small", cpus=1, gpus=1, gpu_type="A10G", gpu_bytes=24 * GB)
    sweep = Sweep(store, AUTO, machines=[H100, small], names="abc")
    runs = {f"t{place}": sweep.start(f"t{place}") for place in range(3)}
    assert [given["node"] for given in runs.values()].count("small") == 1
    [(kept, on_small)] = [each for each in runs.items() if each[1]["node"] == "small"]
    sweep.machines = [small]
    for trial_id in runs.keys() - {kept}:
        sweep.lose(trial_id, Loss.NODE)
    assert sweep.searcher.suggest("t3") is None
    sweep.end(kept, on_small["run_id"])
    assert sweep.start("t3")["node"] == "small"
