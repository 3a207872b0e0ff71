"""Nodes of the plan: runs with their parents, cost and share of the machine; and the cells they serve."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from search_spaces.grid import Cell
from trainables.spec import RunSpec


@dataclass(frozen=True, kw_only=True)
class Share:
    """What a run occupies while it runs: `gpus` is 0, a fraction 1/n, or a whole number; `cpus` whole cores."""

    gpus: float = 0.0
    cpus: int = 1


@dataclass(frozen=True, kw_only=True)
class Node:
    """One run of the plan. `cost` is its expected duration in seconds."""

    spec: RunSpec
    name: str
    cost: float
    share: Share

    @property
    def run_id(self) -> str:
        """Id of the run."""
        return self.spec.run_id

    @property
    def parents(self) -> tuple[str, ...]:
        """Ids of the runs that must be finished first."""
        return (self.spec.parent,) if self.spec.parent else ()


@dataclass(frozen=True, kw_only=True)
class Plan:
    """A graph of runs.

    Attributes:
        nodes: run id -> node, parents before children.
        cells: cell -> id of the run that scores it.
        without_data: cell -> why it cannot be computed (rows missing); such a cell has no node.
        notes: what the user should know before anything runs (stand-ins, missing languages).
    """

    nodes: Mapping[str, Node]
    cells: Mapping[Cell, str]
    without_data: Mapping[Cell, str] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def resolve(plan: Plan, winners: Mapping[str, RunSpec]) -> Plan:
    """The plan with the winner of every node in its place, by the id of the node as planned, and children after it.

    A node without a winner has its configured run. Nodes keep their order.
    """
    ids: dict[str, str] = {}
    nodes: dict[str, Node] = {}
    for node_id, node in plan.nodes.items():
        spec = winners.get(node_id) or replace(node.spec, parent=ids.get(node.spec.parent, node.spec.parent))
        ids[node_id] = spec.run_id
        nodes[ids[node_id]] = replace(node, spec=spec)
    return replace(plan, nodes=nodes, cells={cell: ids[node_id] for cell, node_id in plan.cells.items()})
