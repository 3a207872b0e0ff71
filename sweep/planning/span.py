"""Span: a number that is expected, and how low and high it may be."""

from __future__ import annotations

from dataclasses import dataclass

from trainables.ledger.plan import Node


@dataclass(frozen=True, kw_only=True)
class Span:
    """What is expected, with the ends of its range; all three are equal where no range is known.

    Sums add the ends: they hold for parts that are off in the same direction, as the parts of one formula are, and are
    wider than what parts that are off by chance would add up to.
    """

    expected: float
    low: float
    high: float

    @property
    def is_known(self) -> bool:
        """Whether there is a range."""
        return self.low < self.high

    def __add__(self, other: Span) -> Span:
        return Span(
            expected=self.expected + other.expected, low=self.low + other.low, high=self.high + other.high
        )  # fmt: skip

    def __mul__(self, factor: float) -> Span:
        return Span(expected=self.expected * factor, low=self.low * factor, high=self.high * factor)


ZERO = Span(expected=0.0, low=0.0, high=0.0)


def of_node(node: Node) -> Span:
    """Seconds of one run of a node."""
    return Span(expected=node.cost, low=node.cost_low or node.cost, high=node.cost_high or node.cost)
