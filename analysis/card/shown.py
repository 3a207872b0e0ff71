"""Scores that a card may show: those that select, and on test sets those that the store says are opened."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.scores.load import Run
from analysis.selection import opening
from analysis.selection.sweep import Sweep
from analysis.statistics.estimate import Estimate
from analysis.statistics.paired import score_estimate
from analysis.statistics.rows import Rows, RowsError, read_rows
from trainables.ledger.errors import LedgerError
from trainables.ledger.openings import EVERYTHING
from trainables.ledger.record import Score
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store
from trainables.tasks.registry import is_open, task
from trainables.tasks.task import Split


@dataclass(frozen=True, kw_only=True)
class Language:
    """Scores of one language: metric -> percent, the score with its 95 % interval where there is one, rows."""

    code: str
    metrics: dict[str, float]
    rows: int
    interval: Estimate | None = None


@dataclass(frozen=True, kw_only=True)
class Shown:
    """Scores of one task on one split, language by language."""

    task: str
    split: str
    metrics: tuple[str, ...]
    languages: tuple[Language, ...]
    scores: tuple[Score, ...]

    @property
    def has_intervals(self) -> bool:
        """Whether any language has an interval."""
        return any(each.interval for each in self.languages)


def shown_scores(store: Store, run: Run, tasks: tuple[str, ...], *, opened: bool = False) -> tuple[Shown, ...]:
    """Of each task the splits whose scores may be seen; `opened` says that the store has just noted its test scores."""
    found = []
    for name in tasks:
        for split in (Split.STOPPING, Split.DEV, Split.TEST):
            scores = tuple(each for each in run.record.scores if (each.task, each.split) == (name, split))
            training = run.record.spec.phase is Phase.INTERMEDIATE
            if not scores or (split is Split.STOPPING and not training):
                continue
            if opened or is_open(name, split) or is_opened(store, run, name):
                found.append(_shown(store, run, name, split, scores))
    return tuple(found)


def is_opened(store: Store, run: Run, target: str) -> bool:
    """Whether the store says that the test scores of a run on a target were looked at. What cannot be read says no."""
    try:
        noted = store.openings()
    except LedgerError:
        return False
    return any(run.record.run_id in each.runs and each.target in (target, EVERYTHING) for each in noted)


def open_test(store: Store, sweep: Sweep, run: Run, tasks: tuple[str, ...]) -> None:
    """Have the store note that the test scores of a run are looked at; raises ClosedError where it cannot."""
    made = [
        opening.opening(sweep, name, sweep.selections[name].variant, [run.record.run_id], "export")
        for name in tasks
        if not is_open(name, Split.TEST) and name in sweep.selections
    ]
    opening.note(store, sweep, made)


def _shown(store: Store, run: Run, name: str, split: Split, scores: tuple[Score, ...]) -> Shown:
    rows = _rows(store, run, name, split)
    by_language: dict[str, dict[str, Score]] = {}
    for score in scores:
        by_language.setdefault(score.language, {})[score.metric] = score
    metrics = tuple(metric for metric in task(name).metrics if any(metric in own for own in by_language.values()))
    languages = [
        Language(
            code=code,
            metrics={metric: own[metric].value for metric in metrics if metric in own},
            rows=next(iter(own.values())).rows,
            interval=_interval(rows, code),
        )
        for code, own in by_language.items()
    ]
    return Shown(task=name, split=split, metrics=metrics, languages=tuple(languages), scores=scores)


def _rows(store: Store, run: Run, name: str, split: Split) -> Rows | None:
    if split is Split.STOPPING:
        return None
    try:
        return read_rows(store, run.record.run_id, name, split)
    except RowsError:
        return None


def _interval(rows: Rows | None, code: str) -> Estimate | None:
    """Over the rows of one language; one run says nothing of other seeds."""
    if rows is None:
        return None
    try:
        return score_estimate([rows], languages=[code])
    except (RowsError, ValueError):
        return None
