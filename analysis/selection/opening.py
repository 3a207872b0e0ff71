"""Opening test scores: which are shown after a selection, the note of it in the ledger, and what stays closed.

The test scores of a target are opened once its selection stands: those of the selected row and of the baseline. They
are shown only after the store says that they are, so that a selection which changes after a look at the test set can be
seen. A task with one set only has nothing to open: the same rows select and report.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import replace
from datetime import UTC, datetime
from typing import TYPE_CHECKING

from analysis.selection.averages import Gap, TaskScore
from analysis.selection.results import Results
from analysis.selection.selection import Selection
from analysis.selection.sweep import Sweep
from trainables.ledger.cells import Row
from trainables.ledger.errors import LedgerError, StoreError
from trainables.ledger.openings import EVERYTHING, Opening
from trainables.ledger.spec import ID_DIGITS, Phase
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.tasks.registry import is_open, task
from trainables.tasks.task import Split

if TYPE_CHECKING:
    from pandas import DataFrame

CLOSED = "test scores stay closed: what is opened could not be noted in the store"


class ClosedError(StoreError):
    """Test scores that cannot be shown, because the store cannot note it."""


def opened_by_selection(sweep: Sweep, by: str) -> list[Opening]:
    """What a report opens: a note for every target whose selection stands."""
    return [
        opening(sweep, target, selection.variant, _runs(sweep, target, shown_rows(sweep.results, selection)), by)
        for target, selection in sweep.selections.items()
        if selection.variant is not None and not selection.on_evaluation_data
    ]


def opened_by_request(sweep: Sweep) -> Opening:
    """What the complete long table opens."""
    runs = [run.record.run_id for run in sweep.runs if run.record.spec.phase is not Phase.INTERMEDIATE]
    return _opening(sweep, EVERYTHING, None, runs, selection_digest(sweep.results, sweep.results.targets), "open-test")


def opening(sweep: Sweep, target: str, selected: Row | None, runs: Sequence[str], by: str) -> Opening:
    """A look at the test scores that these runs have on one target, now; `selected` is None while none is."""
    return _opening(sweep, target, selected, runs, selection_digest(sweep.results, [target]), by)


def note(store: Store, opened: Sequence[Opening]) -> None:
    """Note in the store what will be shown; raises ClosedError where that cannot be."""
    try:
        store.note_openings(opened)
    except OSError as error:
        raise ClosedError(f"{CLOSED} {store}: {error.strerror or error}") from error
    except LedgerError as error:
        raise ClosedError(f"{CLOSED}: {error}") from error


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


def closed(selections: Mapping[str, Selection], why: str) -> dict[str, Selection]:
    """The selections without their test scores, but for those of the sets that selected."""
    gap = Gap(reason=why, state=State.PENDING)
    return {
        target: selection
        if selection.on_evaluation_data
        else replace(selection, test=gap, baseline_test=gap, is_open=False)
        for target, selection in selections.items()
    }


def open_scores(frame: DataFrame, results: Results, selections: Mapping[str, Selection]) -> DataFrame:
    """The lines of a score table that may be shown: all but test scores, and the test scores that are opened."""
    opened = {
        (*row, target)
        for target, selection in selections.items()
        if selection.is_open
        for row in shown_rows(results, selection)
    }
    shown = [
        split != Split.TEST or (phase != Phase.INTERMEDIATE and (is_open(target, split) or (*row, target) in opened))
        for split, phase, target, *row in zip(
            *(frame[name] for name in ("split", "phase", "target", "intermediate", "mlm")), strict=True
        )
    ]
    return frame.loc[shown]


def shown_rows(results: Results, selection: Selection) -> list[Row]:
    """The rows whose test scores a selection shows: the baseline and what was selected."""
    rows = (results.baseline, selection.variant) if selection.variant else ()
    return [row for row in dict.fromkeys(rows) if row is not None]


def _opening(sweep: Sweep, target: str, selected: Row | None, runs: Sequence[str], selection: str, by: str) -> Opening:
    return Opening(
        target=target,
        selected=selected,
        runs=tuple(sorted(runs)),
        selection=selection,
        sweep=sweep.id,
        by=by,
        opened_at=datetime.now(UTC).isoformat(timespec="seconds"),
    )


def _runs(sweep: Sweep, target: str, rows: Sequence[Row]) -> list[str]:
    return [
        run.record.run_id for run in sweep.runs if any(cell.row in rows and cell.target == target for cell in run.cells)
    ]
