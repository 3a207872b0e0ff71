"""Examination: the same question to every node of a running cluster, each from an actor that sits there."""

from __future__ import annotations

import dataclasses
import tempfile
import time
from pathlib import Path
from typing import Any

import ray
from ray.exceptions import RayError as RaysError
from ray.util.scheduling_strategies import NodeAffinitySchedulingStrategy

from sweep.cluster.session import ray_session
from sweep.planning.preflight.facts import Answer, Facts
from sweep.planning.preflight.look import look
from sweep.planning.preflight.question import Question

ANSWER_SECONDS = 180.0
"""For all nodes together: to start a process there, import torch in another, and read what is to be read."""
CLOCK_SECONDS = 10.0
_TRIES = 3
"""Times that a clock is asked for; the quickest answer is the best."""


class Examiner:
    """Sits on one node and answers."""

    def look(self, question: Question) -> Facts:
        """What is asked."""
        return look(question)

    def now(self) -> float:
        """The clock, in seconds."""
        return time.time()


def examine(address: str, question: Question, seconds: float = ANSWER_SECONDS) -> list[Answer]:
    """Answers of all living nodes of the cluster at an address; raises RayError when it cannot be reached.

    A node that cannot answer has its reason. No cores are taken, so that a busy cluster answers, too.
    """
    with tempfile.TemporaryDirectory() as folder, ray_session(address, Path(folder) / "ray.log"):
        nodes = [node for node in ray.nodes() if node["Alive"]]
        addresses = [f"{node['NodeManagerAddress']}:{node['NodeManagerPort']}" for node in nodes]
        head = ray.get_runtime_context().gcs_address
        asked = dataclasses.replace(question, peers=(head, *addresses), all_gpus=True)
        actors = {node["NodeID"]: _seated(node["NodeID"]) for node in nodes}
        pending = {name: actor.look.remote(asked) for name, actor in actors.items()}
        until = time.monotonic() + seconds
        found = []
        for node in nodes:
            name = node["NodeID"]
            said = _answer(pending[name], until)
            answer = Answer(node=f"{node['NodeManagerHostname']}/{name[:6]}", gpus=int(node["Resources"].get("GPU", 0)))
            if isinstance(said, str):
                found.append(dataclasses.replace(answer, problem=said))
            else:
                skew, error = _skew(actors[name])
                found.append(dataclasses.replace(answer, facts=said, skew=skew, skew_error=error))
        return found


def _seated(node_id: str) -> Any:
    pinned = NodeAffinitySchedulingStrategy(node_id, soft=False)
    return ray.remote(Examiner).options(num_cpus=0, scheduling_strategy=pinned, max_restarts=0).remote()


def _answer(pending: Any, until: float) -> Facts | str:
    """The facts, or why there are none."""
    try:
        facts: Facts = ray.get(pending, timeout=max(until - time.monotonic(), 1.0))
        return facts
    except TimeoutError:
        return "does not answer"
    except (RaysError, ImportError, AttributeError, TypeError) as error:  # the last: its code is another
        lines = [line for line in str(error).strip().splitlines() if line.strip()]
        return f"cannot answer: {lines[-1].strip() if lines else type(error).__name__}"


def _skew(actor: Any) -> tuple[float, float]:
    """How far a clock is ahead of this one, and how far off that may be."""
    best: tuple[float, float] = (0.0, float("inf"))
    for _ in range(_TRIES):
        before = time.time()
        try:
            there = ray.get(actor.now.remote(), timeout=CLOCK_SECONDS)
        except RaysError:
            break
        after = time.time()
        best = min(best, (there - (before + after) / 2, (after - before) / 2), key=lambda each: each[1])
    return best if best[1] < float("inf") else (0.0, 0.0)
