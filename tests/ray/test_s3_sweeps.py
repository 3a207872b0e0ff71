"""Sweeps of a store in a bucket on Ray: nodes that share no disk, a node that dies, an outage, a lost lease."""

from __future__ import annotations

import io
import os
import re
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from ray.cluster_utils import Cluster
from rich.console import Console

from sweep.cluster.place import Place
from sweep.cluster.run import run_plan
from sweep.cluster.summary import Summary
from sweep.graph.node import Node
from tests.made import buckets, graphs
from tests.made.in_buckets import STEPS, told
from trainables.data.stores import store_at
from trainables.ledger.artefacts import Keep
from trainables.ledger.plan import Plan
from trainables.ledger.s3.lease import LOST, Holding
from trainables.ledger.store import Store
from trainables.phases.options import Options

LONG = 120.0


@pytest.fixture(autouse=True)
def own_cache(tmp_path: Path) -> None:
    os.environ["XSTILTS_CACHE"] = str(tmp_path / "driver")


@pytest.fixture
def cluster() -> Iterator[Cluster]:
    """A head without cores, to which nodes are added that have a cache, and so a copy of the store, of their own."""
    found = Cluster(initialize_head=True, head_node_args={"num_cpus": 0}, shutdown_at_exit=False)
    try:
        yield found
    finally:
        found.shutdown()


def add(cluster: Cluster, cache: Path) -> Node:
    return cluster.add_node(num_cpus=1, env_vars={"XSTILTS_CACHE": str(cache)})


def sweep(plan: Plan, store: Store) -> Summary:
    store.save_plan(plan)
    options = Options(data="demo", encoder="bundled", executor="tests.made.in_buckets:leaving")
    place = Place(results=store.ray, name="test", cpus=2, gpus=0)
    return run_plan(plan, store, options, place, Console(file=io.StringIO(), width=100), keep=Keep.ALL)


def in_the_background(condition: Callable[[], bool], then: Callable[[], object]) -> threading.Thread:
    def wait() -> None:
        until = time.monotonic() + LONG
        while not condition() and time.monotonic() < until:
            time.sleep(0.1)
        then()

    thread = threading.Thread(target=wait, daemon=True)
    thread.start()
    return thread


def weights(store: Store, run_id: str) -> bytes:
    return (store.fetch(run_id, "encoder") / "weights").read_bytes()


DRIVER = """
import sys
from rich.console import Console
from sweep.cluster.run import Place, run_plan
from tests.made import graphs
from trainables.data.stores import store_at
from trainables.phases.options import Options
parent = graphs.node("qqp")
plan = graphs.plan([parent, graphs.node("xnli slower", parent=parent)])
store = store_at(sys.argv[1])
store.save_plan(plan)
options = Options(data="demo", encoder="bundled", executor="tests.made.in_buckets:leaving")
place = Place(address=sys.argv[2], results=store.ray, name="test")
summary = run_plan(plan, store, options, place, Console(width=100))
print(summary.failed, summary.ending)
sys.exit(summary.exit_code)
"""
"""A process of its own, since the nodes are children of this one."""


@pytest.mark.timeout(600)
def test_a_node_that_dies_with_a_parents_encoder_and_a_half_trained_child_takes_nothing_along(
    cluster: Cluster, s3_place, tmp_path: Path
) -> None:
    store = store_at(str(s3_place)).prepare()
    parent = graphs.node("qqp")
    child = graphs.node("xnli slower", parent=parent)
    first = add(cluster, tmp_path / "first")

    def half_trained() -> bool:
        content = store._bucket.get(f"runs/{child.run_id}/.work/checkpoint.safetensors")
        return content is not None and int(content.body) >= 5

    command = [sys.executable, "-c", DRIVER, str(s3_place), cluster.address]
    log = tmp_path / "log"
    with log.open("w") as stream, subprocess.Popen(command, stdout=stream, stderr=stream) as driver:
        until = time.monotonic() + LONG
        while not half_trained():
            assert driver.poll() is None, log.read_text()
            assert time.monotonic() < until, log.read_text()
            time.sleep(0.1)
        add(cluster, tmp_path / "second")
        cluster.remove_node(first, allow_graceful=False)
        assert driver.wait(300) == 0, log.read_text()
    machine, begun = told(store.record(child.run_id))
    assert told(store.record(parent.run_id))[0].is_relative_to(tmp_path / "first")
    assert machine.is_relative_to(tmp_path / "second")
    assert 5 <= begun < STEPS
    expected = (parent.run_id.encode() * 90_000)[-1000:] + child.run_id.encode() * 90_000
    assert weights(store, child.run_id) == expected
    assert not store.has_checkpoint(child.run_id)


@pytest.mark.timeout(600)
def test_an_outage_in_the_middle_of_a_sweep_is_waited_out(s3_port: int, tmp_path: Path) -> None:
    os.environ.update(buckets.KEYS)
    gate = buckets.Gate(s3_port)
    place = buckets.place(gate.port, buckets.new_place(s3_port).bucket, wait_seconds=60.0, lease_seconds=5.0)
    store = store_at(str(place)).prepare()
    plan = graphs.fan(["qqp slow"], ["xnli", "udpos"])
    watching = store_at(str(buckets.place(s3_port, place.bucket)))
    slow = next(iter(plan.nodes))

    def cut() -> None:
        gate.state = "fail"
        threading.Timer(8.0, setattr, (gate, "state", "open")).start()

    in_the_background(lambda: watching.has_checkpoint(slow), cut)
    summary = sweep(plan, store)
    assert summary.exit_code == 0, summary
    assert gate.turned_away
    assert len(summary.computed) == 3
    assert all(weights(store, run_id).endswith(run_id.encode() * 90_000) for run_id in plan.nodes)
    gate.close()


@pytest.mark.timeout(600)
def test_a_service_that_does_not_come_back_ends_the_sweep_and_the_same_one_goes_on_later(s3_port: int) -> None:
    os.environ.update(buckets.KEYS)
    gate = buckets.Gate(s3_port)
    place = buckets.place(gate.port, buckets.new_place(s3_port).bucket, wait_seconds=5.0, lease_seconds=3.0)
    store = store_at(str(place)).prepare()
    plan = graphs.fan(["qqp slow"], ["xnli"])
    watching = store_at(str(buckets.place(s3_port, place.bucket)))
    slow = next(iter(plan.nodes))
    in_the_background(lambda: watching.has_checkpoint(slow), lambda: setattr(gate, "state", "refuse"))
    summary = sweep(plan, store)
    assert re.search(r"(has not answered for \d+ s|the service has not answered for too long): ", summary.ending)
    assert "the same command continues" in summary.ending
    assert summary.exit_code == 1
    assert not summary.computed
    gate.state = "open"
    again = sweep(plan, store_at(str(place)))
    assert again.exit_code == 0, again
    assert told(watching.record(slow))[1] > 0
    gate.close()


@pytest.mark.timeout(600)
def test_a_driver_whose_store_was_taken_over_stops_and_leaves_it_to_the_other(s3_place) -> None:
    store = store_at(str(s3_place)).prepare()
    plan = graphs.fan(["qqp slow"], ["xnli"])
    slow = next(iter(plan.nodes))
    other = Holding(holder="process 7 on elsewhere", token="other", machine="elsewhere", seconds=600.0)
    watching = store_at(str(s3_place))
    in_the_background(
        lambda: watching.has_checkpoint(slow), lambda: watching._bucket.put("driver.lock", other.to_json())
    )
    summary = sweep(plan, store)
    assert summary.stopped == f"{LOST} (process 7 on elsewhere)"
    assert summary.exit_code == 1
    assert Holding.from_json(watching._bucket.get("driver.lock").body) == other
    assert watching.plan() == plan
