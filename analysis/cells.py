"""Variants and cells: the rows of Table 2, one place in it for one seed, their order and their headings."""

from __future__ import annotations

from enum import StrEnum
from typing import NamedTuple

from trainables.tasks.registry import intermediates, targets, task

BASELINE = "none"
"""The pretrained encoder without intermediate training."""
RACE_FILE = "race.json"
"""In a store: what a race across the grid has dropped (`races.py`)."""
MULTITASK = "multitask"
"""A mixture of intermediate tasks."""


class AnalysisError(ValueError):
    """Results that cannot be analysed as asked; the message says why and what to do."""


class Variant(NamedTuple):
    """An encoder: what it was trained on first, and whether MLM was co-trained. A row of Table 2."""

    intermediate: str
    mlm: bool

    @property
    def name(self) -> str:
        """Row label as users type it, for example `squad+mlm`."""
        return f"{self.intermediate}+mlm" if self.mlm else self.intermediate


class CellKey(NamedTuple):
    """One cell of Table 2 for one seed; equal to the plain tuple (intermediate, mlm, target, seed)."""

    intermediate: str
    mlm: bool
    target: str
    seed: int

    @property
    def variant(self) -> Variant:
        """The row this cell stands in."""
        return Variant(self.intermediate, self.mlm)


class State(StrEnum):
    """How far a cell is."""

    DONE = "done"
    """Its run has a record and every expected score is in it."""
    INCOMPLETE = "incomplete"
    """Its run has a record that lacks scores."""
    PENDING = "pending"
    """Not computed yet."""
    FAILED = "failed"
    """Its own run failed."""
    BLOCKED = "blocked"
    """A run it starts from failed."""
    NO_DATA = "no data"
    """The rows it needs do not exist here."""
    DROPPED = "dropped"
    """A race has dropped its row from its target."""

    @property
    def absent(self) -> bool:
        """Whether waiting will not bring a score."""
        return self in (State.FAILED, State.BLOCKED, State.NO_DATA, State.DROPPED)


def heading(name: str) -> str:
    """Row or column heading of an intermediate or target task; raises AnalysisError for an unknown name."""
    if name == BASELINE:
        return "baseline"
    if name == MULTITASK:
        return "Multi-task"
    try:
        return task(name).title
    except ValueError as error:
        raise AnalysisError(str(error)) from error


def variant_title(variant: Variant) -> str:
    """For example `SQuAD + MLM`."""
    return heading(variant.intermediate) + (" + MLM" if variant.mlm else "")


def variant_order(variant: Variant) -> tuple[bool, int, str]:
    """Sort key: rows without MLM first, then the order of Table 2, the baseline before all (protocol.md 7)."""
    known = [BASELINE, *(found.name for found in intermediates()), MULTITASK]
    place = known.index(variant.intermediate) if variant.intermediate in known else len(known)
    return variant.mlm, place, variant.intermediate


def target_order(name: str) -> tuple[int, str]:
    """Sort key: the order of Table 2."""
    known = [found.name for found in targets()]
    return (known.index(name) if name in known else len(known)), name
