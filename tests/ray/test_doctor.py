"""`doctor` on a cluster of two nodes: every node is asked, and nothing is left."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Iterator
from pathlib import Path

import pytest
import ray
from ray.cluster_utils import Cluster

from sweep.cluster.examination import examine
from sweep.command_line.main import main
from sweep.planning.preflight.probe import probe
from sweep.planning.preflight.question import Question
from tests.made.encoders import encoder_folder
from tests.made.offline import mirror

GRID = [
    "--intermediates", "none", "--targets", "pawsx", "--languages", "en,de", "--set", "cluster.gpus.target=0.5",
]  # fmt: skip


def free_port() -> int:
    with socket.create_server(("127.0.0.1", 0)) as server:
        return int(server.getsockname()[1])


@pytest.fixture(scope="module")
def cluster() -> Iterator[Cluster]:
    """A head with two cores, and a node that says that it has a GPU; another Ray may run beside them."""
    made = Cluster(initialize_head=True, head_node_args={"num_cpus": 2, "num_gpus": 0, "dashboard_port": free_port()})
    made.add_node(num_cpus=1, num_gpus=1)
    yield made
    ray.shutdown()
    made.shutdown()


@pytest.mark.timeout(240)
def test_every_node_answers_for_itself_and_the_gpu_that_is_not_there_is_found(
    cluster: Cluster, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    source = mirror(tmp_path / "mirror", "google/xtreme")
    encoder = encoder_folder(tmp_path / "tiny", "xlm-roberta")
    words = [*GRID, "--data", str(source), "--encoder", str(encoder), "--store", str(tmp_path / "store")]
    before = set(tmp_path.iterdir())
    assert main(["doctor", *words, "--address", cluster.address, "--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert len(told["nodes"]) == 2
    problems = [each for each in told["findings"] if each["level"] == "problem"]
    assert [each["check"] for each in problems] == ["gpus"]
    assert problems[0]["text"].startswith("Ray has 1 GPUs, torch 0 (")
    assert problems[0]["remedy"]
    for check in ("versions", "code", "data", "encoder", "store", "locks", "clock", "network"):
        nodes = {each["node"] for each in told["findings"] if each["check"] == check and each["level"] == "good"}
        assert nodes == set(told["nodes"]), [each for each in told["findings"] if each["check"] == check]
    assert set(tmp_path.iterdir()) == before


@pytest.mark.timeout(240)
def test_what_a_node_does_not_have_is_said_of_that_node(cluster: Cluster, tmp_path: Path) -> None:
    with probe(tmp_path) as made:
        question = Question(
            files={str(tmp_path / "gone.parquet"): 3}, encoder=str(tmp_path / "no encoder"),
            probe=str(made.file), token="another", lock=str(made.lock),
        )  # fmt: skip
        answers = examine(cluster.address, question)
    assert len({answer.node for answer in answers}) == 2
    for answer in answers:
        assert answer.facts
        assert answer.facts.files == {str(tmp_path / "gone.parquet"): "No such file or directory"}
        assert "no such folder" in answer.facts.encoder_problem
        assert not answer.facts.is_same_disk, "the token is not the one of the probe"
        assert set(answer.facts.peers.values()) == {""}
        assert len(answer.facts.peers) == 3, "the head's own, and each node"
        assert abs(answer.skew) <= answer.skew_error + 0.5


def test_an_address_without_a_cluster_is_a_finding(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    source = mirror(tmp_path / "mirror", "google/xtreme")
    encoder = encoder_folder(tmp_path / "tiny", "xlm-roberta")
    words = [*GRID, "--data", str(source), "--encoder", str(encoder), "--store", str(tmp_path / "store")]
    assert main(["doctor", *words, "--address", "127.0.0.1:9"]) == 1
    said = capsys.readouterr().out
    assert re.search(r"^problem  cluster: no Ray cluster answers at '[\d.]+:9'", said, re.MULTILINE)
    assert "good     versions on here" in said, "this machine was looked at all the same"
