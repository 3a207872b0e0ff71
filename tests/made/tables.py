"""A small table whose runs left predictions: two intermediates and the baseline on four targets, three seeds."""

from __future__ import annotations

from collections.abc import Collection
from dataclasses import replace

from sweep.graph.node import Run
from tests.made.races import compute, grid
from trainables.ledger.cells import Row
from trainables.ledger.plan import Plan
from trainables.ledger.store import Store

NONE, SQUAD, QQP = (Row(name, False) for name in ("none", "squad", "qqp"))
GROUPS = (("pawsx",), ("xquad", "mlqa"), ("bucc",))
TARGETS = ("pawsx", "xquad", "mlqa", "bucc")
SEEDS = (1, 2, 3)
QUALITY = {"none": 0.6, "squad": 0.9, "qqp": 0.6}
"""SQuAD is better than the baseline, QQP as good."""
PLAN = grid(("none", "squad", "qqp"), GROUPS, SEEDS)


def fill_table(store: Store) -> Store:
    """Finish all runs of PLAN."""
    for run_id, node in PLAN.nodes.items():
        compute(store, Run(run_id=run_id, name=node.name, spec=node.spec), QUALITY)
    return store


def part_of_plan(seeds: Collection[int] = SEEDS, rows: Collection[Row] = (NONE, SQUAD, QQP)) -> Plan:
    """PLAN with some of its seeds and rows of the table."""
    nodes = {name: node for name, node in PLAN.nodes.items() if node.spec.seed in seeds and node.row in rows}
    return replace(PLAN, nodes=nodes, cells={cell: name for cell, name in PLAN.cells.items() if name in nodes})
