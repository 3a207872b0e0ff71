"""Ranks: what starts first is what the most work hangs on, in seconds to the end of the graph."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping

from trainables.ledger.plan import Node


def ranks(nodes: Mapping[str, Node], done: Collection[str], left: Mapping[str, int], parallel: int) -> dict[str, float]:
    """Seconds from the start of each node that is not done to the end of the longest chain that it begins.

    `nodes` has parents before children; raises ValueError for a parent that is neither there nor done. `left` is how
    many runs a node still needs, `parallel` of them at a time.
    """
    longest: defaultdict[str, float] = defaultdict(float)
    found: dict[str, float] = {}
    seen: set[str] = set()
    for node_id, node in nodes.items():
        for parent in node.parents:
            if parent not in seen and parent not in done:
                raise ValueError(f"{node.name} starts from run {parent}, which comes neither before it nor is done")
        seen.add(node_id)
    for node_id in reversed(list(nodes)):
        if node_id in done:
            continue
        node = nodes[node_id]
        found[node_id] = node.cost * max(left[node_id] / parallel, 1.0) + longest[node_id]
        for parent in node.parents:
            longest[parent] = max(longest[parent], found[node_id])
    return found


def trial_rank(rank: float, cost: float, number: int, parallel: int) -> float:
    """Seconds from the start of a trial to the end of the graph; the later trials of a node have less before them, so
    that nodes take turns.
    """
    return rank - number * cost / parallel
