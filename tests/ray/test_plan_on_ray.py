"""A plan asks a running cluster for its nodes, holds the shares against them, and leaves nothing behind."""

from __future__ import annotations

import json

import pytest
import ray
from ray.cluster_utils import Cluster

from sweep.command_line.main import main
from tests.made.data import FakeData

SMALL = ["--encoder", "bundled:6", "--intermediates", "none,qqp", "--mlm", "off", "--targets", "xnli", "--json"]


@pytest.fixture(scope="module")
def address():
    """A head without GPUs and a node with two; logical ones."""
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1, "num_gpus": 0})
    cluster.add_node(num_cpus=4, num_gpus=2)
    cluster.wait_for_nodes()
    yield cluster.address
    cluster.shutdown()


@pytest.fixture(autouse=True)
def elsewhere(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sweep.planning.planner.open_data", lambda name, raw: FakeData())


def test_the_wall_clock_is_that_of_the_clusters_nodes(address, capsys, tmp_path):
    assert main(["plan", *SMALL, "--address", address, "--gpus", "8"]) == 0
    found = json.loads(capsys.readouterr().out)
    asked, other = found["clusters"]
    assert (asked["cluster"], asked["is_real"]) == ("2 nodes with 2 GPUs and 5 cores", True)
    assert (asked["nodes"], asked["gpus"], asked["cpus"]) == (2, 2, 5)
    assert (other["cluster"], other["is_real"]) == ("8 GPUs", False)
    assert found["hours"]["unit"] == "GPU-hours"
    assert not ray.is_initialized()
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("cluster.cpus=5", "asks for 1 GPUs and 5 CPU cores on one node; the largest node has 2 GPUs and 4 CPU cores"),
        ("cluster.cpus=9", "asks for 1 GPUs and 9 CPU cores on one node"),
    ],
)
def test_a_share_that_no_node_has_is_refused(address, capsys, setting, said):
    """Both nodes together have five cores; a run has to be on one."""
    assert main(["plan", *SMALL, "--address", address, "--set", setting]) == 2
    found = capsys.readouterr()
    assert said in " ".join(found.err.split())
    assert found.out == ""
