"""Probing a cluster: one node of each kind, each by a task that is pinned to it."""

from __future__ import annotations

from sweep.cluster.probing import Kind, kinds, probe_cluster
from sweep.cluster.session import ray_session
from sweep.planning.known_costs import core_name
from trainables.phases.geometry import ProbeRequest


def listed(node: str, *, alive: bool = True, **resources: float) -> dict[str, object]:
    return {"NodeID": node, "Alive": alive, "Resources": {"memory": 1e9, **resources}}


def test_nodes_of_one_kind_are_probed_once():
    h100, a100 = {"accelerator_type:H100": 1.0}, {"accelerator_type:A100": 1.0}
    nodes = [
        listed("a", CPU=8), listed("b", CPU=8), listed("c", CPU=64, GPU=8, **h100), listed("d", CPU=64, GPU=8, **h100),
        listed("e", CPU=64, GPU=8, **a100), listed("gone", alive=False, CPU=2), listed("empty"),
    ]  # fmt: skip
    assert kinds(nodes) == {
        Kind(gpu_type="", cpus=8, has_gpu=False): "a",
        Kind(gpu_type="H100", cpus=64, has_gpu=True): "c",
        Kind(gpu_type="A100", cpus=64, has_gpu=True): "e",
    }


def test_a_node_of_a_running_cluster_is_probed(tmp_path):
    tiny = ProbeRequest(layers=1, hidden=16, inner=32, vocabulary=9000, bf16=False, device="cpu", threads=1, folder="")
    with ray_session("local", tmp_path / "ray.log", cpus=2):
        [found] = probe_cluster(lambda on_gpu: [] if on_gpu else [tiny], "x", "auto", tmp_path / "probe.log")
    assert (found.device, found.encoder, found.bf16, found.address) == (core_name(1), "x", False, "auto")
    assert found.rates.flops > 0
    assert found.rates.worker_seconds > 0.1
