"""The critical path: the chain of runs that no cluster, however large, computes faster; and the next longest."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass

from sweep.planning.outlook import Outlook
from sweep.planning.span import ZERO, Span, of_node
from trainables.ledger.cells import Row


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
    """The longest chain of what is left, then the longest of those that begin with other tasks; `number` at most.

    Seeds of one run are alike: the first of the longest stands for them.

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
    firsts: dict[tuple[Row, tuple[str, ...]], Chain] = {}
    for run_id in reversed(list(nodes)):
        node = nodes[run_id]
        own = ((steps[run_id],) if run_id in steps else ()) + below[run_id]
        for parent in node.parents:
            below[parent] = max(below[parent], own, key=_length)
        if run_id in steps and not any(parent in steps for parent in node.parents):
            alike = (node.row, node.spec.tasks)
            if alike not in firsts or _length(own) >= _length(firsts[alike].steps):
                firsts[alike] = Chain(steps=own)
    return tuple(sorted(firsts.values(), key=lambda chain: -_length(chain.steps))[:number])


def _length(steps: tuple[Step, ...]) -> float:
    return sum(step.seconds.expected for step in steps)
