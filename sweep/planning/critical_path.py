"""The critical path: the chain of runs that no cluster, however large, computes faster; and the next longest."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sweep.planning.outlook import Outlook
from sweep.planning.span import ZERO, Span, of_node


@dataclass(frozen=True, kw_only=True)
class Step:
    """A run of a chain, or its search: `rounds` runs of it come one after another, which take `seconds` in all."""

    run_id: str
    name: str
    rounds: int
    seconds: Span


@dataclass(frozen=True, kw_only=True)
class Chain:
    """Runs each of which starts from the one before it; finished ones are left out."""

    steps: tuple[Step, ...]

    @property
    def seconds(self) -> Span:
        """From the start of the first to the end of the last."""
        return sum((step.seconds for step in self.steps), ZERO)


def longest_chains(outlook: Outlook, parallel: int, *, number: int = 3, searched: bool = True) -> tuple[Chain, ...]:
    """The longest chain of what is left, then the longest of those that begin with another run; `number` at most.

    `parallel` trials of a search run at a time. A chain counts what must be one after another, so its seconds are a
    bound from below of every wall clock. Empty where nothing is left.
    """
    nodes = outlook.plan.nodes
    steps = {
        run_id: Step(
            run_id=run_id, name=node.name, rounds=rounds, seconds=of_node(node) * rounds
        )
        for run_id, node in nodes.items()
        if (rounds := outlook.in_a_row(run_id, parallel, searched=searched))
    }  # fmt: skip
    below: defaultdict[str, tuple[Step, ...]] = defaultdict(tuple)
    firsts: list[Chain] = []
    for run_id in reversed(list(nodes)):
        own = ((steps[run_id],) if run_id in steps else ()) + below[run_id]
        for parent in nodes[run_id].parents:
            below[parent] = max(below[parent], own, key=_length)
        if run_id in steps and not any(parent in steps for parent in nodes[run_id].parents):
            firsts.append(Chain(steps=own))
    firsts.reverse()
    return tuple(sorted(firsts, key=lambda chain: -chain.seconds.expected)[:number])


def _length(steps: tuple[Step, ...]) -> float:
    return sum(step.seconds.expected for step in steps)
