"""Courses: what the race for each target of a plan runs over, and whether it can save anything."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping

from analysis.scores.headings import target_order
from analysis.statistics.scoring import scoring
from sweep.graph.course import Course, Round
from trainables.ledger.cells import Row
from trainables.ledger.plan import Plan
from trainables.tasks.registry import task


def courses_of(plan: Plan) -> dict[str, Course]:
    """Target -> its course. Raises ValueError unless some target has a race in which a drop can save a run."""
    nodes: defaultdict[str, defaultdict[Row, dict[int, str]]] = defaultdict(lambda: defaultdict(dict))
    for cell, node_id in plan.cells.items():
        nodes[cell.target][cell.row][cell.seed] = node_id
    found = {target: _course(plan, target, nodes[target]) for target in sorted(nodes, key=target_order)}
    if any(not course.why_none for course in found.values()):
        return found
    reasons = dict.fromkeys(course.why_none for course in found.values())
    raise ValueError(
        f"nothing to race for: {'; '.join(reasons) or 'no target can be computed'}. A race drops intermediates after "
        "a seed or after half of a search; it needs two rows and more --seeds, or --search target=N with at least 2 "
        "trials"
    )


def _course(plan: Plan, target: str, nodes: Mapping[Row, Mapping[int, str]]) -> Course:
    seeds = tuple(dict.fromkeys(cell.seed for cell in plan.cells))
    runs = [plan.nodes[node_id] for row in nodes.values() for node_id in row.values()]
    trials = min(node.trials if node.is_searched else 0 for node in runs)
    halves = (True, False) if trials else (False,)
    rounds = tuple(Round(seed, halfway) for seed in seeds for halfway in halves)
    return Course(nodes=nodes, rounds=rounds, trials=trials, why_none=_why_none(target, len(nodes), len(rounds)))


def _why_none(target: str, rows: int, rounds: int) -> str:
    if rows < 2:
        return "one row only"
    if rounds < 2:
        return "one round only, which leaves nothing to save"
    of = task(target)
    try:
        scoring(of.format, of.metrics)
    except ValueError as error:
        return str(error)
    return ""
