"""Placement: from a run's share to what Ray is asked for, and from Ray's nodes to the machines of the scheduler."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import ray
from ray import tune

from sweep.capacity import EPSILON, Machine
from sweep.nodes import Node, Share


def check_share(share: Share, name: str) -> None:
    """Raise ValueError unless `gpus` is 0, a fraction 1/n or whole (Ray hangs on others) and `cpus` is at least 1."""
    if share.cpus < 1:
        raise ValueError(f"{name} must ask for at least 1 CPU core, got {share.cpus}")
    whole = share.gpus >= 0 and abs(share.gpus - round(share.gpus)) < EPSILON
    parts = 1 / share.gpus if 0 < share.gpus < 1 else 0.0
    if not whole and (not parts or abs(parts - round(parts)) > EPSILON * parts**2):
        raise ValueError(f"{name} must ask for 0, 1/n or whole GPUs, got {share.gpus!r}")


def on_machines(nodes: Mapping[str, Node], machines: Sequence[Machine]) -> dict[str, Node]:
    """The nodes as they run on these machines: without a GPU anywhere, runs take cores alone."""
    if any(machine.gpus for machine in machines):
        return dict(nodes)
    return {run_id: replace(node, share=replace(node.share, gpus=0.0)) for run_id, node in nodes.items()}


def cluster_slots() -> list[Machine]:
    """The living nodes of the connected Ray cluster with their cores and GPUs."""
    return [
        Machine(
            name=node["NodeID"],
            cpus=int(node["Resources"].get("CPU", 0)),
            gpus=int(node["Resources"].get("GPU", 0)),
        )
        for node in ray.nodes()
        if node["Alive"]
    ]


def resources(config: Mapping[str, Any]) -> tune.PlacementGroupFactory:
    """What Ray reserves for a trial: one bundle, so that cores and GPU share lie on one node."""
    share = config["share"]
    bundle = {"CPU": share["cpus"], "GPU": share["gpus"]}
    return tune.PlacementGroupFactory([{name: amount for name, amount in bundle.items() if amount}])
