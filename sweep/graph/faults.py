"""Faults: what goes wrong in a sweep on paper, drawn so that the same seed does the same to the same run.

A draw depends on the seed, the run and the attempt, never on when or where it starts: two clusters are told of the same
faults, and what differs between them is the cluster's doing. Losses come at a constant rate (exponential times), and
wrong estimates are lognormal.
"""

from __future__ import annotations

import math
import random
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from sweep.graph.capacity import Machine

WORKER_LOSSES = 2
"""How often a run may lose its worker and start again from its own checkpoint."""
NODE_LOSSES = 9
"""How often beside that it may lose its node: no fault of the run, unless it is one that brings its nodes down. Further
ones count as its workers.
"""
RESTART_SECONDS = 10.0
"""From the loss of a worker until another goes on from the checkpoint: Ray notices, a process starts, it reads."""


@dataclass(frozen=True, kw_only=True)
class Change:
    """Nodes that join and leave a cluster at a time, in seconds from the start of the sweep.

    `joins` have names that no node has had before, as Ray's; a name in `leaves` that is not there is nothing to lose.
    """

    time: float
    joins: Sequence[Machine] = ()
    leaves: Sequence[str] = ()


@dataclass(frozen=True, kw_only=True)
class Faults:
    """What goes wrong. The default is nothing.

    Attributes:
        seed: of all draws.
        failing: ids of nodes of the plan all of whose runs fail for good.
        failure_rate: chance of any other run to do so.
        wrong_by: factor by which runs take longer or shorter than estimated, in two cases of three; 1: not at all.
        worker_seconds: mean time of computing between two losses of a worker.
        hang_seconds: mean time of computing between two workers that hang.
        silence: how long one that hangs is waited for.
        node_seconds: mean time between two losses of one node of the cluster.
        node_back: until another takes its place; infinite: none does.
        checkpoint_seconds: between two checkpoints of a run; what it did since the last is lost with its worker.
        restart_seconds: until another worker goes on.
    """

    seed: int = 0
    failing: Collection[str] = ()
    failure_rate: float = 0.0
    wrong_by: float = 1.0
    worker_seconds: float = math.inf
    hang_seconds: float = math.inf
    silence: float = 600.0
    node_seconds: float = math.inf
    node_back: float = math.inf
    checkpoint_seconds: float = 60.0
    restart_seconds: float = RESTART_SECONDS

    @property
    def are_drawn(self) -> bool:
        """Whether another seed would be another sweep."""
        rates = (self.worker_seconds, self.hang_seconds, self.node_seconds)
        return bool(self.failure_rate) or self.wrong_by > 1 or any(map(math.isfinite, rates))

    def factor(self, run_id: str) -> float:
        """True seconds of a run, by those estimated."""
        if self.wrong_by == 1:
            return 1.0
        return math.exp(self._draw("estimate", run_id).gauss(0.0, math.log(self.wrong_by)))

    def fails_after(self, node_id: str, run_id: str, seconds: float) -> float:
        """Of so many seconds of work, those after which a run fails for good; infinite where it does not."""
        draw = self._draw("failure", run_id) if self.failure_rate or self.failing else None
        if draw is None or (draw.random() >= self.failure_rate and node_id not in self.failing):
            return math.inf
        return draw.random() * seconds

    def loses_worker_after(self, run_id: str, attempt: int) -> float:
        """Seconds of computing until an attempt loses its worker; it may end before."""
        return self._wait(self.worker_seconds, "worker", run_id, attempt)

    def hangs_after(self, run_id: str, attempt: int) -> float:
        """Seconds of computing until the worker of an attempt says nothing more; it may end before."""
        return self._wait(self.hang_seconds, "hang", run_id, attempt)

    def loses_node_after(self, name: str) -> float:
        """Seconds that a node stays, from the start of the sweep or since it joined."""
        return self._wait(self.node_seconds, "node", name)

    def kept(self, seconds: float) -> float:
        """Of so many seconds of work, those that the last checkpoint holds."""
        return seconds - math.fmod(seconds, self.checkpoint_seconds)

    def _wait(self, mean: float, *what: object) -> float:
        return self._draw(*what).expovariate(1 / mean) if math.isfinite(mean) else math.inf

    def _draw(self, *what: object) -> random.Random:
        return random.Random(" ".join(map(str, (self.seed, *what))))


NONE = Faults()
"""Nothing goes wrong."""
