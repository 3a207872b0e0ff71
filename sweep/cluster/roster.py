"""Roster: the nodes of a Ray cluster that compute as the driver does, of the same code with the same libraries."""

from __future__ import annotations

import hashlib
import logging
import platform
import time
from collections.abc import Iterable, Mapping, Sequence
from importlib.metadata import PackageNotFoundError, version
from pathlib import Path

import ray
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

import sweep
import trainables
from sweep.cluster.errors import RayError
from sweep.graph.capacity import Machine

log = logging.getLogger(__name__)

ANSWER_SECONDS = 120.0
"""How long the start of a sweep waits for nodes to say what they run; the first worker of a node is a new process."""
JOIN_SECONDS = 120.0
"""How long it waits for the first node with cores; a head often has none, and is there before its nodes."""
JOIN_LOOK_SECONDS = 0.5
LIBRARIES = ("torch", "transformers", "tokenizers", "sentencepiece", "safetensors", "numpy", "pyarrow")
"""Distributions that have a part in what a run computes or reads."""
CODE = "the code of xstilts"
REMEDY = "Install the same versions on every node (docs/cluster.md: what nodes need), or take the node away"


class Roster:
    """What the living nodes of the connected cluster run, asked of each once, by a task that takes nothing of it.

    Where the driver itself has started Ray, on its own machine, it `asks` nothing: all nodes may compute.
    """

    def __init__(self, *, asks: bool) -> None:
        self._asks = asks
        self._here = identity() if asks else {}
        self._asked: dict[str, ray.ObjectRef] = {}
        self._why_not: dict[str, str] = {}
        """Node -> why it may not compute; empty for those that may."""

    def check(self, wait: float = ANSWER_SECONDS, join: float = JOIN_SECONDS) -> None:
        """Raise RayError naming the nodes that run something else, or do not say what within `wait` seconds.

        The first node with cores may take `join` seconds to join.
        """
        if not self._asks:
            return
        _wait_for_cores(join)
        self._ask(_living())
        self._collect(wait)
        silent = dict.fromkeys(self._asked, f"does not say within {wait:g} s what it runs")
        names = _living()
        found = [(names[node], why) for node, why in (self._why_not | silent).items() if node in names]
        if wrong := [f"node {name} {why}" for name, why in found if why]:
            raise RayError(f"not every node computes as this driver does: {'; '.join(wrong)}. {REMEDY}")

    def admitted(self, machines: Sequence[Machine]) -> list[Machine]:
        """Those that may compute. A node that has joined is left out until it has answered, and for good if it differs.

        Never waits.
        """
        if not self._asks:
            return list(machines)
        self._ask(machine.name for machine in machines)
        self._collect(0.0)
        return [machine for machine in machines if self._why_not.get(machine.name) == ""]

    @property
    def refuses(self) -> bool:
        """Whether a node gets no runs, or none yet."""
        return bool(self._asked) or any(self._why_not.values())

    def _ask(self, nodes: Iterable[str]) -> None:
        for node in nodes:
            if node not in self._why_not and node not in self._asked:
                there = NodeAffinitySchedulingStrategy(node, soft=False)
                task = ray.remote(num_cpus=0, max_retries=0)(identity)
                self._asked[node] = task.options(scheduling_strategy=there, name="what this node runs").remote()

    def _collect(self, wait: float) -> None:
        if not self._asked:
            return
        ready, _ = ray.wait(list(self._asked.values()), num_returns=len(self._asked), timeout=wait)
        for node, answer in [each for each in self._asked.items() if each[1] in ready]:
            del self._asked[node]
            try:
                self._why_not[node] = difference(self._here, ray.get(answer))
            except Exception as error:  # whatever befell the task
                self._why_not[node] = f"cannot say what it runs ({_last_line(error)})"
            if self._why_not[node]:
                log.warning("node %s gets no runs: it %s", node, self._why_not[node])


def identity() -> dict[str, str]:
    """What this process would compute with: Python, libraries, and a digest of this project's code."""
    found = {"python": platform.python_version()}
    for name in LIBRARIES:
        try:
            found[name] = version(name)
        except PackageNotFoundError:
            found[name] = "missing"
    return found | {CODE: _code()}


def difference(here: Mapping[str, str], there: Mapping[str, str]) -> str:
    """What another process has that this one has not, in words; empty where they are the same."""
    others = [
        f"{name} {there.get(name, 'missing')}, here {has}" for name, has in here.items() if there.get(name) != has
    ]
    return f"has {'; '.join(others)}" if others else ""


def _code() -> str:
    """Digest of the source that workers import."""
    digest = hashlib.sha256()
    for package in (sweep, trainables):
        root = Path(next(iter(package.__path__)))
        for path in sorted(root.rglob("*.py")):
            digest.update(f"{path.relative_to(root)}\0".encode())
            digest.update(path.read_bytes())
    return digest.hexdigest()[:12]


def _wait_for_cores(seconds: float) -> None:
    deadline = time.monotonic() + seconds
    while not any(node["Alive"] and node["Resources"].get("CPU") for node in ray.nodes()):
        if time.monotonic() > deadline:
            raise RayError(
                f"no node of the Ray cluster has cores, after {seconds:g} s. Start one with "
                f"`ray start --address={ray.get_runtime_context().gcs_address}`"
            )
        time.sleep(JOIN_LOOK_SECONDS)


def _living() -> dict[str, str]:
    """Id -> name of the living nodes."""
    return {node["NodeID"]: node["NodeName"] for node in ray.nodes() if node["Alive"]}


def _last_line(error: Exception) -> str:
    return (str(error).strip().splitlines() or [type(error).__name__])[-1].strip()
