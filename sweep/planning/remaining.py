"""Remaining: how long a sweep still takes, by simulating what is left of it, at the pace that its runs have shown.

Costs are those of the plan, corrected by the runs that have ended as the plan itself was by those before. A run that
is at work is taken by its own progress, and the more so the further it is. Times are seconds of any one clock.
"""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace

from sweep.graph.capacity import Machine, UnplaceableError
from sweep.graph.graph import Graph
from sweep.graph.simulation import simulate
from sweep.planning.correction import INTERVAL_WIDTH, Correction, Sample
from sweep.planning.cost import ASSUMED_SD
from sweep.planning.errors_so_far import ErrorSoFar
from sweep.planning.measured import key_of
from sweep.planning.rates import EVALUATE, SAVE, TRAIN
from trainables.ledger.plan import Node, Plan
from trainables.ledger.states import State

_HALF_TRUSTED = 0.1
"""Part of its training after which a run's own pace counts as much as the estimate."""
_OVERDUE = 0.1
"""What a run that has taken longer than expected is taken to need still, of what it has taken."""
_SHARE_OF_TIME = 0.05
"""Of the driver's time that simulating may take."""
_LEAST_SD = 0.05
"""Of costs, however narrow their intervals."""
_LAST = (EVALUATE, SAVE)
"""Stages after the training."""
OPEN = (State.WAITING, State.READY, State.RUNNING)
"""States of a node that something is left of."""


def runs_left(graph: Graph, node_id: str) -> int:
    """Runs that a node of the graph still needs, those at work among them; 0 where nothing will come of it."""
    if graph.state(node_id) not in OPEN:
        return 0
    told = graph.trials[node_id].trials if node_id in graph.trials else ()
    return max(graph.plan.nodes[node_id].trials - sum(trial.has_ended for trial in told), 1)


@dataclass(kw_only=True)
class Live:
    """A run that is at work: when it began, the part of its training that is done, and when that was first above 0."""

    started: float
    fraction: float = 0.0
    training_since: float = 0.0
    fraction_then: float = 0.0
    advanced: float = 0.0

    def advance(self, fraction: float, now: float) -> None:
        """It has done this part of its training."""
        self.fraction = min(max(fraction, 0.0), 1.0)
        self.advanced = now
        if not self.training_since and self.fraction:
            self.training_since, self.fraction_then = now, self.fraction


class Remaining:
    """What is left of a plan.

    Args:
        plan: with its costs.
        machines: that it runs on now.
        left: node -> runs that it still needs, those at work among them.
        parallel: trials of a node at the same time.
        max_concurrent: most runs at once; 0 is as many as fit.
    """

    def __init__(
        self,
        plan: Plan,
        machines: Callable[[], Sequence[Machine]],
        left: Callable[[str], int],
        *,
        parallel: int = 1,
        max_concurrent: int = 0,
    ) -> None:
        self._plan = plan
        self._machines = machines
        self._left = left
        self._parallel = parallel
        self._max_concurrent = max_concurrent
        self._correction = Correction(prior_sd=_sd(plan))
        self._ended: list[tuple[float, float, float, float]] = []
        self._told = (-math.inf, 0.0, 0.0)

    def end(self, node_id: str, seconds: float) -> None:
        """A run of a node has ended well after so long."""
        node = self._plan.nodes[node_id]
        if node.cost <= 0 or seconds <= 0:
            return
        self._ended.append((seconds, node.cost, node.cost_low, node.cost_high))
        self._correction.add(Sample(key=key_of(node.spec), log_ratio=math.log(seconds / node.cost)))

    @property
    def error(self) -> ErrorSoFar | None:
        """How far the plan's estimates of the runs that have ended were off; None before any has."""
        return ErrorSoFar.of(self._ended) if self._ended else None

    def seconds(self, live: Mapping[str, Live], now: float) -> float:
        """From now to the end, and never below 0."""
        told, found, spent = self._told
        if now - told < spent / _SHARE_OF_TIME:
            return max(found - (now - told), 0.0)
        began = time.perf_counter()
        found = self._simulated(live, now)
        self._told = (now, found, time.perf_counter() - began)
        return found

    def _simulated(self, live: Mapping[str, Live], now: float) -> float:
        left = {node_id: self._left(node_id) for node_id in self._plan.nodes}
        costs = {node_id: self._cost(node) for node_id, node in self._plan.nodes.items() if left[node_id]}
        for node_id in live.keys() & costs.keys():
            ahead = self._of_live(self._plan.nodes[node_id], costs[node_id], live[node_id], now)
            costs[node_id] = (ahead + (left[node_id] - 1) * costs[node_id]) / left[node_id]
        nodes = {
            node_id: replace(node, cost=costs.get(node_id, node.cost)) for node_id, node in self._plan.nodes.items()
        }
        plan = replace(self._plan, nodes=nodes)
        machines = self._machines() or _enough_for(plan)
        try:
            return self._makespan(plan, machines, left)
        except UnplaceableError:  # its node has left; it may come back
            return self._makespan(plan, _enough_for(plan), left)

    def _makespan(self, plan: Plan, machines: Sequence[Machine], left: Mapping[str, int]) -> float:
        return simulate(
            plan, machines, left=left, parallel=self._parallel, max_concurrent=self._max_concurrent
        ).makespan

    def _cost(self, node: Node) -> float:
        """Expected seconds of one run of a node, with what its kind has shown."""
        return node.cost * self._correction.factor(key_of(node.spec)).median

    def _of_live(self, node: Node, expected: float, live: Live, now: float) -> float:
        """Seconds that a run at work still needs: its training at its own pace and as estimated, then what follows."""
        spent = now - live.started
        whole = math.fsum(node.stages.values()) or 1.0
        training = expected * node.stages.get(TRAIN, 0.0 if node.stages else 1.0) / whole
        after = expected * math.fsum(found for name, found in node.stages.items() if name in _LAST) / whole
        if live.fraction >= 1:
            return max(after - (now - live.advanced), _OVERDUE * after)
        if not live.fraction:
            return max(expected - spent, _OVERDUE * spent)
        done = live.fraction - live.fraction_then
        estimated = training * (1 - live.fraction)
        if done <= 0:
            return estimated + after
        own = (live.advanced - live.training_since) / done * (1 - live.fraction)
        trust = live.fraction / (live.fraction + _HALF_TRUSTED)
        ahead = trust * own + (1 - trust) * estimated
        return max(ahead - (now - live.advanced), _OVERDUE * ahead) + after


def _sd(plan: Plan) -> float:
    """By how much the costs of a plan may be off together, from its intervals; assumed where it has none."""
    widths = [
        math.log(node.cost_high / node.cost_low) for node in plan.nodes.values() if node.cost_high > node.cost_low > 0
    ]
    return max(sum(widths) / len(widths) / INTERVAL_WIDTH, _LEAST_SD) if widths else ASSUMED_SD


def _enough_for(plan: Plan) -> list[Machine]:
    """One machine that holds the largest run."""
    shares = [node.share for node in plan.nodes.values()]
    cpus = max((share.cpus for share in shares), default=1)
    return [Machine(name="none", cpus=cpus, gpus=math.ceil(max((share.gpus for share in shares), default=0.0)))]
