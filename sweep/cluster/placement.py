"""Placement: from a run's seat to what Ray is asked for, and from Ray's nodes to the machines of the graph."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from ray import tune

from sweep.cluster.inventory import ANSWER_SECONDS, Inventory
from sweep.graph.capacity import Machine, Seat

_TRACE = 0.001
"""Of the resource that says the type of a node's GPUs, of which a node has 1: enough to be there, whoever else is."""


def machines() -> list[Machine]:
    """The living nodes of the connected Ray cluster with their cores, GPUs and memory, asked now."""
    return Inventory().machines(wait=ANSWER_SECONDS)


def resources(config: Mapping[str, Any]) -> tune.PlacementGroupFactory:
    """What Ray reserves for a trial: one bundle, so that cores and GPU share lie on one node.

    In a cluster of several nodes it is the node of the run's seat (`node`), so that Ray's own table and the graph's
    stay in step. That is a wish which Ray follows while the node is there and has room: a run whose node dies before it
    has started is not left waiting for it. The type of the GPU (`gpu_type`) is a condition where there are several,
    since a share is worth another number of bytes on another type.
    """
    share = config["share"]
    bundle = {"CPU": share["cpus"], "GPU": share["gpus"]}
    if kind := config.get("gpu_type"):
        bundle[f"accelerator_type:{kind}"] = _TRACE
    bundle = {name: amount for name, amount in bundle.items() if amount}
    if node := config.get("node"):
        return tune.PlacementGroupFactory([bundle], strategy="STRICT_PACK", _soft_target_node_id=node)
    return tune.PlacementGroupFactory([bundle])


def wanted_place(seat: Seat, machines: Sequence[Machine], *, beside_others: bool = False) -> dict[str, str]:
    """What `resources` reads of a seat besides its share; nothing where there is one machine only.

    `beside_others` says that the cluster has nodes that get no runs.
    """
    if len(machines) < 2 and not beside_others:
        return {}
    types = {machine.name: machine.gpu_type for machine in machines if machine.gpus}
    kind = types.get(seat.machine, "") if seat.gpus and len(set(types.values())) > 1 else ""
    return {"node": seat.machine} | ({"gpu_type": kind} if kind else {})
