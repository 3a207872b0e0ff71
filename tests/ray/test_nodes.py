"""Real training on several nodes: jobs that are stopped, nodes that die and join, a head that is lost; equal scores."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from contextlib import AbstractContextManager
from pathlib import Path

import pytest

from tests.made.nodes import RAY, Nodes, cluster, end_family, running, wait_for
from tests.made.swept_on_nodes import SWEEP, Scores, scores, trains
from trainables.ledger.store import Store

REPOSITORY = Path(__file__).parents[2]


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[Nodes]:
    with cluster(tmp_path / "nodes.log") as found:
        yield found


@pytest.mark.timeout(900)
def test_a_job_is_submitted_stopped_and_continued_on_two_nodes_of_which_one_is_killed(
    nodes: Nodes, undisturbed: Scores, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    first = nodes.add()
    nodes.add()
    log = tmp_path / "job.log"
    with submit(nodes, store, log, "--submission-id", "first") as job:
        wait_for(lambda: trains(store), said=log.read_text)
        assert nodes.ray("job", "stop", "first").returncode == 0
        job.wait(timeout=60)
    assert "was stopped" in log.read_text()
    assert "go on from a checkpoint" in log.read_text()
    assert store.driver() is None, "the driver has left in order, within the time that deploy/runtime_env.yaml gives it"
    with submit(nodes, store, log) as job:
        wait_for(lambda: trains(store), said=log.read_text)
        end_family(first)
        assert job.wait(timeout=280) == 0, log.read_text()
    assert scores(store) == undisturbed


@pytest.mark.timeout(900)
def test_the_only_node_dies_another_joins_and_the_head_is_lost_and_started_again(
    nodes: Nodes, undisturbed: Scores, tmp_path: Path
) -> None:
    store = Store(tmp_path / "store")
    only = nodes.add()
    log = tmp_path / "driver.log"
    with drive(nodes, store, log) as driver:
        wait_for(lambda: trains(store), said=log.read_text)
        end_family(only)
        wait_for(lambda: not trains(store))
        nodes.add()
        wait_for(lambda: trains(store), said=log.read_text)
        nodes.lose_all()
        assert driver.wait(timeout=150) == 1
    assert re.search(rf"the Ray cluster at \S+:{nodes.address.rpartition(':')[2]} has died", log.read_text())
    assert "the same command continues" in log.read_text()
    assert "Traceback" not in log.read_text()
    nodes.start_head()
    nodes.add(cpus=2)
    with drive(nodes, store, log) as driver:
        assert driver.wait(timeout=280) == 0, log.read_text()
    assert scores(store) == undisturbed


def submit(nodes: Nodes, store: Store, log: Path, *options: str) -> AbstractContextManager[subprocess.Popen[bytes]]:
    """The line of docs/cluster.md, in the folder of the code."""
    command = [sys.executable, *RAY, "job", "submit", *options]
    command += ["--working-dir", ".", "--runtime-env", "deploy/runtime_env.yaml", "--"]
    command += ["python", "-m", "sweep.grid", "run", *SWEEP, "--store", str(store)]
    return running(command, log, folder=REPOSITORY, environment=nodes.environment)


def drive(nodes: Nodes, store: Store, log: Path) -> AbstractContextManager[subprocess.Popen[bytes]]:
    command = [sys.executable, "-m", "sweep.grid", "run", *SWEEP, "--address", nodes.address, "--store", str(store)]
    return running(command, log, folder=REPOSITORY, environment=nodes.environment)
