"""Placement: from a run's share to what Ray is asked for, and from Ray's nodes to the machines of the graph."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import ray
from ray import tune

from sweep.graph.capacity import Machine


def machines() -> list[Machine]:
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
