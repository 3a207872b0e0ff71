"""Advised: what an advice comes to, ready to be shown."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from analysis.advice.left_out import Check
from analysis.advice.ranking import Ranked
from analysis.advice.records import Records


@dataclass(frozen=True, kw_only=True)
class Cost:
    """What an advice took.

    Attributes:
        seconds: of the whole command.
        sweep_seconds: of all runs of the sweep it is about, by the plan, one after another.
        rows: of each task that were read.
    """

    seconds: float
    sweep_seconds: float
    rows: int

    @property
    def share(self) -> float:
        """Part of the sweep."""
        return self.seconds / self.sweep_seconds if self.sweep_seconds else 0.0


@dataclass(frozen=True, kw_only=True)
class Advised:
    """A ranking for every target.

    Attributes:
        encoder: that the sweep would start from.
        ranked: target -> candidates, the most promising first.
        records: stores that were learned from.
        checks: of the advice on these stores.
        notes: what is missing, and why.
        cost: what it took.
    """

    encoder: str
    ranked: Mapping[str, tuple[Ranked, ...]]
    records: tuple[Records, ...]
    checks: tuple[Check, ...]
    notes: tuple[str, ...]
    cost: Cost
