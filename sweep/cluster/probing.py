"""Probing a cluster: one node of each kind, by a Ray task that is pinned to it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sweep.cluster.session import ray_session
from sweep.planning.probing import ProbeError, probe_here
from sweep.planning.rates_file import Probe
from trainables.phases.geometry import ProbeRequest

_TYPE = "accelerator_type:"
"""Prefix of the resource by which Ray names the kind of a node's GPUs."""
_LONGEST_SECONDS = 900.0
"""A task that has not come back by then has found no room on its node."""


@dataclass(frozen=True, kw_only=True)
class Kind:
    """What nodes have in common: GPUs of a type, or only so many cores."""

    gpu_type: str
    cpus: int
    has_gpu: bool


def probe_cluster(
    requests: Callable[[bool], Sequence[ProbeRequest]], encoder: str, address: str, log_file: Path
) -> list[Probe]:
    """Probe one node of each kind; `requests` are those for a node with or without GPUs.

    Raises RayError where the cluster cannot be reached, ProbeError where a node cannot be probed.
    """
    with ray_session(address, log_file):
        asked = [
            _ask(node, request, encoder, address)
            for kind, node in kinds(ray.nodes()).items() for request in requests(kind.has_gpu)
        ]  # fmt: skip
        try:
            found: list[Probe] = ray.get(asked, timeout=_LONGEST_SECONDS)
        except ray.exceptions.GetTimeoutError:
            raise ProbeError(f"a node had no room for the probe within {_LONGEST_SECONDS:.0f} s") from None
        except ray.exceptions.RayError as error:
            raise ProbeError(f"a node cannot be probed: {str(error).strip().splitlines()[-1]}") from error
    return found


def kinds(nodes: Sequence[dict[str, Any]]) -> dict[Kind, str]:
    """Kinds of the living nodes, as Ray lists them -> the id of the first of each."""
    found: dict[Kind, str] = {}
    for node in nodes:
        resources = node["Resources"]
        if not node["Alive"] or not (resources.get("CPU") or resources.get("GPU")):
            continue
        types = sorted(name.removeprefix(_TYPE) for name in resources if name.startswith(_TYPE))
        kind = Kind(gpu_type=",".join(types), cpus=int(resources.get("CPU", 0)), has_gpu=resources.get("GPU", 0) >= 1)
        found.setdefault(kind, node["NodeID"])
    return found


def _ask(node: str, request: ProbeRequest, encoder: str, address: str) -> Any:
    pinned = NodeAffinitySchedulingStrategy(node_id=node, soft=False)
    task = ray.remote(probe_here).options(
        num_cpus=1 if request.device == "cuda" else request.threads,
        num_gpus=1 if request.device == "cuda" else 0,
        scheduling_strategy=pinned,
        max_retries=0,
    )
    return task.remote(request, encoder, address)
