"""Lineage: what the encoder behind a score has seen with labels before, so that it is no zero-shot score.

A stage that trained on a task has seen labels of (family of the task, language), for every language of its rows; MLM
sees none. A score of a target in a language is zero-shot where neither its own training nor a stage before had labels
of that family in that language. The training language of the target itself (English) is that of every row of the table
and stands in the means of the paper; what the stages before add to it is that of one row alone, and stands in no mean.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from trainables.ledger.cells import Cell
from trainables.ledger.plan import Plan
from trainables.ledger.recipe import MLM
from trainables.ledger.spec import Phase, RunSpec
from trainables.tasks.families import family_of
from trainables.tasks.languages import ENGLISH

if TYPE_CHECKING:
    from analysis.scores.load import Run

Label = tuple[str, str]
"""Family and language."""


@dataclass(frozen=True, kw_only=True)
class Seen:
    """Languages in which labels of a target's family were seen.

    Attributes:
        trained: by the target's own training, sorted; none for retrieval.
        before: by the stages before it and not by its own training, sorted.
    """

    trained: tuple[str, ...] = ()
    before: tuple[str, ...] = ()


def labels_of(specs: Iterable[RunSpec]) -> frozenset[Label]:
    """What runs have seen with labels."""
    return frozenset(
        (family_of(name), language)
        for spec in specs
        if spec.phase is not Phase.RETRIEVAL
        for name in spec.tasks
        if name != MLM
        for language in spec.data.train_languages or (ENGLISH,)
    )


def seen_by(spec: RunSpec, before: Iterable[RunSpec], target: str) -> Seen:
    """What a run that scores a target, and the stages before it, have seen of the target's family."""
    family = family_of(target)
    trained = {language for own, language in labels_of([spec]) if own == family}
    earlier = {language for own, language in labels_of(before) if own == family}
    return Seen(trained=tuple(sorted(trained)), before=tuple(sorted(earlier - trained)))


def seen_of_runs(runs: Iterable[Run]) -> dict[Cell, Seen]:
    """Of every cell that the runs score."""
    return {
        cell: seen_by(run.record.spec, [stage.spec for stage in run.stages], cell.target)
        for run in runs
        for cell in run.cells
    }


def seen_of_plan(plan: Plan, target: str = "") -> Mapping[Cell, Seen]:
    """Of every cell of a plan, or those of one target, before anything has run."""
    return {
        cell: seen_by(plan.nodes[run_id].spec, [plan.nodes[own].spec for own in plan.ancestors(run_id)], cell.target)
        for cell, run_id in plan.cells.items()
        if target in ("", cell.target)
    }
