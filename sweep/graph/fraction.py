"""How much of the planned work of a graph is done."""

from __future__ import annotations

from collections.abc import Mapping

from sweep.graph.graph import Graph
from trainables.ledger.states import State

_SETTLED = (State.DONE, State.FAILED, State.BLOCKED, State.DROPPED)
"""Of such a node nothing is left to do."""


def fraction_done(graph: Graph, fractions: Mapping[str, float]) -> float:
    """Part of the planned work of a graph that is done or no longer to be done, by planned seconds; from 0 to 1.

    `fractions` says of live runs how much of their own is done. A graph whose costs are all 0 counts its runs.
    """
    costs = {node_id: node.cost * node.trials for node_id, node in graph.plan.nodes.items()}
    if not any(costs.values()):
        costs = {node_id: float(node.trials) for node_id, node in graph.plan.nodes.items()}
    done = sum(cost * _of_node(graph, node_id, fractions) for node_id, cost in costs.items())
    return done / sum(costs.values()) if costs else 1.0


def _of_node(graph: Graph, node_id: str, fractions: Mapping[str, float]) -> float:
    if graph.state(node_id) in _SETTLED:
        return 1.0
    if not (trials := graph.trials.get(node_id)):
        return 0.0
    ended = sum(trial.has_ended for trial in trials.trials)
    live = sum(min(max(fractions.get(run_id, 0.0), 0.0), 1.0) for run_id in trials.live)
    return min((ended + live) / graph.plan.nodes[node_id].trials, 1.0)
