"""Inventory: what the nodes of a Ray cluster have, as the machines of the graph."""

from __future__ import annotations

import logging
import subprocess
from collections.abc import Mapping
from typing import Any

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sweep.graph.capacity import Machine
from sweep.planning.gpus import GPU_BYTES

log = logging.getLogger(__name__)

ANSWER_SECONDS = 30.0
"""How long the start of a sweep waits for the nodes to say how much memory their GPUs have."""
_TYPE = "accelerator_type:"
_MEBIBYTE = 2**20
_GIVEN_OUT = 0.97
"""Of what the driver counts, what a process finds at least."""


class Inventory:
    """The living nodes of the connected cluster. Each with GPUs is asked once how much memory they have.

    Until it has answered, and where it cannot, the type of its GPUs decides, by a table. A call never waits for an
    answer longer than it is told to.
    """

    def __init__(self) -> None:
        self._asked: dict[str, ray.ObjectRef] = {}
        self._found: dict[str, int] = {}

    def machines(self, *, wait: float = 0.0) -> list[Machine]:
        """Their cores, GPUs and memory."""
        nodes = [node for node in ray.nodes() if node["Alive"]]
        for node in nodes:
            if node["Resources"].get("GPU") and node["NodeID"] not in self._found:
                self._asked.setdefault(node["NodeID"], _ask(node["NodeID"]))
        self._collect(wait)
        return [self._machine(node["NodeID"], node["Resources"]) for node in nodes]

    def _machine(self, name: str, resources: Mapping[str, float]) -> Machine:
        kind = next((each.removeprefix(_TYPE) for each in resources if each.startswith(_TYPE)), "")
        gpus = int(resources.get("GPU", 0))
        return Machine(
            name=name,
            cpus=int(resources.get("CPU", 0)),
            gpus=gpus,
            gpu_type=kind,
            gpu_bytes=(self._found.get(name) or GPU_BYTES.get(kind, 0)) if gpus else 0,
            memory_bytes=int(resources.get("memory", 0)),
        )

    def _collect(self, wait: float) -> None:
        """Take in the answers that are there; of a node that could not be asked the answer is 0."""
        if not self._asked:
            return
        ready, _ = ray.wait(list(self._asked.values()), num_returns=len(self._asked), timeout=wait)
        for name, answer in [each for each in self._asked.items() if each[1] in ready]:
            del self._asked[name]
            try:
                self._found[name] = ray.get(answer)
            except Exception as error:  # whatever befell the task: the table says what to expect
                log.warning("node %s does not say how much memory its GPUs have: %s", name, error)
                self._found[name] = 0


def least_gpu_bytes() -> int:
    """Memory of the smallest GPU of this machine as its driver has it; 0 where that cannot be asked."""
    command = ["nvidia-smi", "--query-gpu=memory.total", "--format=csv,noheader,nounits"]
    try:
        said = subprocess.run(command, capture_output=True, text=True, check=True, timeout=ANSWER_SECONDS / 2).stdout
        return int(min(int(line) for line in said.splitlines()) * _MEBIBYTE * _GIVEN_OUT)
    except (OSError, ValueError, subprocess.SubprocessError):
        return 0


def _ask(node: str) -> Any:
    """Have a node say how much memory its GPUs have, as a task that takes nothing of it."""
    there = NodeAffinitySchedulingStrategy(node, soft=False)
    return ray.remote(num_cpus=0, max_retries=0)(least_gpu_bytes).options(scheduling_strategy=there).remote()
