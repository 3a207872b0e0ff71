"""Receipts: what the ledger keeps of a selection before anything of a test set is opened."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Collection, Iterator, Sequence
from datetime import UTC, datetime

from analysis.selection.averages import TaskScore
from analysis.selection.results import Results
from analysis.selection.selection import Choice
from analysis.selection.sweep import Sweep
from trainables.ledger.cells import Row
from trainables.ledger.receipts import Receipt
from trainables.ledger.spec import ID_DIGITS
from trainables.tasks.registry import task

RULE = (
    "the highest dev score, mean over the seeds of the unweighted mean over the languages (QA: of F1 and EM); the "
    "baseline is a candidate; ties go to no MLM, then to the order of Table 2"
)
"""protocol.md 7."""
ONE_SET = "; the task has one set, whose rows select and report"


def receipts_of(sweep: Sweep) -> list[Receipt]:
    """A receipt, made now, for every target whose selection stands."""
    return list(_receipts(sweep, datetime.now(UTC).isoformat(timespec="seconds")))


def _receipts(sweep: Sweep, now: str) -> Iterator[Receipt]:
    for target, selection in sweep.selections.items():
        if isinstance(choice := selection.choice, Choice):
            ranked = sorted(choice.candidates, key=lambda each: (each is not choice.best, -each.score))
            yield Receipt(
                target=target,
                rule=RULE + (ONE_SET if selection.on_evaluation_data else ""),
                split=selection.split.value,
                table=selection_digest(sweep.results, [target]),
                candidates=tuple((each.variant, each.score) for each in ranked),
                left_out=choice.left_out,
                selected=choice.best.variant,
                runs=tuple(sorted(runs_of(sweep, target, [choice.best.variant]))),
                sweep=sweep.id,
                made_at=now,
            )


def selection_digest(results: Results, targets: Sequence[str]) -> str:
    """Of the scores that choices are made from: 12 hexadecimal digits. Rows without a score do not count."""
    scores = [
        [target, *row, seed, score.value]
        for target in sorted(targets)
        for row in sorted(results.variants)
        for seed, score in sorted(results.seeds_of(row, target, task(target).selection_split).items())
        if isinstance(score, TaskScore)
    ]
    return hashlib.sha256(json.dumps(scores).encode()).hexdigest()[:ID_DIGITS]


def runs_of(sweep: Sweep, target: str, rows: Collection[Row]) -> list[str]:
    """Ids of the runs that score these rows on a target."""
    return [
        run.record.run_id for run in sweep.runs if any(cell.row in rows and cell.target == target for cell in run.cells)
    ]
