"""Placement on a real Ray: parts of GPUs of two types, the ladder when memory is short, workers killed for memory.

The GPUs exist in Ray's books only; their memory comes from the table of types, since no driver answers.
"""

from __future__ import annotations

import contextlib
import dataclasses
import io
from collections.abc import Iterator

import pytest
import ray
from ray.cluster_utils import Cluster
from rich.console import Console

from sweep.cluster.inventory import Inventory
from sweep.cluster.placement import machines, resources, wanted_place
from sweep.cluster.run import Place, run_plan
from sweep.cluster.session import ENVIRONMENT, environment, ray_session
from sweep.cluster.summary import Summary
from sweep.graph.capacity import Machine, Seat, UnplaceableError
from sweep.planning.gpus import GPU_BYTES
from tests.made import executors, graphs
from tests.made.phases import ENCODER, planned_with, spec
from trainables.data.hub import open_data
from trainables.ledger.cells import Row
from trainables.ledger.plan import Node, Plan, Share
from trainables.ledger.record import Record
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store
from trainables.phases.options import Options

GB = 10**9


def sweep(plan: Plan, store: Store, executor: str, output: io.StringIO | None = None, **place: object) -> Summary:
    return run_plan(
        plan,
        store,
        Options(data="demo", encoder=ENCODER, executor=f"tests.made.executors:{executor}"),
        Place(results=store.root / "tune", name="test", **place),
        Console(file=output or io.StringIO(), width=100),
    )


def needing(gigabytes: int, least: int = 1) -> Share:
    return Share(gpus=1.0, gpu_bytes=gigabytes * GB, least_gpu_bytes=least * GB)


@contextlib.contextmanager
def one_node(gpu_type: str, *, cpus: int, gpus: int) -> Iterator[None]:
    """A local Ray with GPUs of a type."""
    kind = {f"accelerator_type:{gpu_type}": 1}
    with environment(ENVIRONMENT):
        ray.init(address="local", num_cpus=cpus, num_gpus=gpus, resources=kind, log_to_driver=False)
        try:
            yield
        finally:
            ray.shutdown()


@pytest.mark.timeout(600)
def test_runs_get_their_part_of_whichever_gpu_they_sit_on(store: Store) -> None:
    """An H100 of 76.8 GB and an A10G of 23.0: 30 GB are a half of the first, 9 a half of the other."""
    cluster = Cluster(
        initialize_head=True,
        head_node_args={"num_cpus": 16, "num_gpus": 1, "resources": {"accelerator_type:H100": 1}},
    )
    try:
        cluster.add_node(num_cpus=16, num_gpus=1, resources={"accelerator_type:A10G": 1})
        with ray_session(cluster.address, store.root / "ray.log"):
            types = {machine.name: machine.gpu_type for machine in machines()}
            assert sorted(types.values()) == ["A10G", "H100"]
            large = [graphs.node(f"large{place}", share=needing(30), cost=9.0) for place in range(2)]
            small = [graphs.node(f"small{place}", share=needing(9), cost=1.0) for place in range(2)]
            plan = graphs.plan([*large, *small])
            assert sweep(plan, store, "placed", address=cluster.address).exit_code == 0
            found = {node.name: store.record(run_id).notes[1:] for run_id, node in plan.nodes.items()}
            assert {(types[found[node.name][0]], found[node.name][1]) for node in large} == {("H100", "0.5")}
            assert {(types[found[node.name][0]], found[node.name][1]) for node in small} == {("A10G", "0.5")}
            huge = graphs.plan([graphs.node("huge", share=needing(90, least=80))])
            with pytest.raises(UnplaceableError, match=r"huge needs 80.0 GB .* has 76.8 GB \(H100\)"):
                sweep(huge, store, "placed", address=cluster.address)
    finally:
        ray.shutdown()
        cluster.shutdown()


def real(tasks: str) -> Node:
    """A fine-tuning on the built-in corpus, for which an eighth of a GPU is thought to suffice."""
    made = spec(Phase.TARGET, tasks, dev_rows=4)
    made = dataclasses.replace(made, data=dataclasses.replace(made.data, train_rows=8, eval_rows=2))
    made = planned_with(made, open_data("demo"))
    return Node(spec=made, name=tasks, row=Row("none", False), cost=1.0, share=needing(5))


@pytest.mark.timeout(600)
def test_a_run_without_memory_halves_its_passes_and_then_asks_for_more(store: Store) -> None:
    """The real engine: not a row fits into an eighth or a quarter, two fit into a half."""
    node = real("xnli")
    plan, output = graphs.plan([node]), io.StringIO()
    with one_node("H100", cpus=8, gpus=1):
        assert sweep(plan, store, "cramped", output).exit_code == 0, output.getvalue()
    record = store.record(node.run_id)
    assert (record.micro_batch, record.is_halved) == (2, True)
    tried = [note for note in record.notes if "out of memory" in note]
    assert tried == [
        "out of memory: at most 4 rows at once from there on",
        "out of memory: at most 2 rows at once from there on",
        "out of memory with 0.125 of a GPU, row by row: tried again with 19.2 GB of one",
        "out of memory with 0.25 of a GPU, row by row: tried again with 38.4 GB of one",
    ]
    assert output.getvalue().count("the attempt was lost") == 2
    assert Record.from_json(record.to_json()) == record


@pytest.mark.timeout(600)
def test_a_worker_that_ray_kills_for_memory_is_told_apart(store: Store, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ray is told to see its node as full; it kills the run each time."""
    monkeypatch.setenv("RAY_memory_usage_threshold", "0.001")
    monkeypatch.setenv("RAY_memory_monitor_refresh_ms", "250")
    plan = graphs.fan(["a"], [], share=Share(memory_bytes=GB))
    [run_id] = plan.nodes
    summary = sweep(plan, store, "hungry", cpus=2, gpus=0)
    assert summary.exit_code == 1
    assert executors.attempts(store, run_id) <= 3
    assert summary.failed[run_id].startswith("its worker was lost three times, 3 of them killed by Ray since its node")
    assert any("its node ran out of memory" in note for note in store.attempts(run_id))


def test_each_node_is_asked_once_and_the_table_answers_for_it() -> None:
    with one_node("L4", cpus=2, gpus=2):
        inventory = Inventory()
        [first] = inventory.machines(wait=60.0)
        assert (first.gpus, first.gpu_type, first.gpu_bytes) == (2, "L4", GPU_BYTES["L4"])
        assert first.memory_bytes > GB
        assert inventory.machines() == [first]
        assert machines() == [first]


def test_what_ray_is_asked_for() -> None:
    one = Machine(name="n1", cpus=8, gpus=1, gpu_type="H100")
    other = dataclasses.replace(one, name="n2")
    third = dataclasses.replace(one, name="n3", gpu_type="A10G")
    seat = Seat(machine="n1", gpus=(0,), share=Share(gpus=0.25, cpus=2))
    on_cores = Seat(machine="n1", gpus=(), share=Share(cpus=2))
    assert wanted_place(seat, [one]) == {}
    assert wanted_place(seat, [one], beside_others=True) == {"node": "n1"}, "Ray would take the others too"
    assert wanted_place(seat, [one, other]) == {"node": "n1"}
    assert wanted_place(seat, [one, other, third]) == {"node": "n1", "gpu_type": "H100"}
    assert wanted_place(on_cores, [one, other, third]) == {"node": "n1"}
    asked = resources({"share": seat.share.to_dict(), "node": "n1", "gpu_type": "H100"})
    assert asked.bundles == [{"CPU": 2.0, "GPU": 0.25, "accelerator_type:H100": 0.001}]
    assert asked.strategy == "STRICT_PACK"
    plain = resources({"share": on_cores.share.to_dict()})
    assert (plain.bundles, plain.strategy) == ([{"CPU": 2.0}], "PACK")
