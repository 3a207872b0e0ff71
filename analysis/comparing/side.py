"""One side of a comparison: a sweep out of a store, with what a reader must know of it."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.report.writer import chosen_plan
from analysis.scores.headings import AnalysisError
from analysis.scores.load import Run, open_store
from analysis.scores.sweeps import one_run_per_cell
from analysis.selection.averages import Gap, TaskScore
from analysis.selection.sweep import Sweep, gather
from analysis.statistics.rows import RowReader, Rows
from trainables.ledger.cells import Cell
from trainables.ledger.record import BrokenRecordError
from trainables.ledger.seal import FormatError
from trainables.ledger.store import Store
from trainables.tasks.registry import task


@dataclass(frozen=True, kw_only=True)
class Side:
    """A sweep to be compared.

    Attributes:
        place: of its store, as given.
        sweep: its runs and results.
        runs: the run of every finished cell.
        reader: of its predictions, on the split that selects alone.
        own_tasks: definitions of the tasks of one's own that it has, by name.
    """

    place: Path | str
    sweep: Sweep
    runs: dict[Cell, Run]
    reader: RowReader
    own_tasks: Mapping[str, str]

    def score(self, cell: Cell) -> TaskScore | Gap:
        """Of the split that selects; a Gap where the sweep has none."""
        found = self.sweep.results.cells.get((cell, task(cell.target).selection_split))
        return found if found is not None else Gap(reason="not in this sweep")

    def rows(self, cell: Cell) -> Rows:
        """Scores by row on the split that selects; raises RowsError."""
        return self.reader(self.runs[cell].record.run_id, cell.target)


def open_side(place: Path | str, sweep: str | None = None, conditions: Sequence[str] = ()) -> Side:
    """The sweep in a store.

    Raises AnalysisError for no store, no finished run, runs of several sweeps, conditions that cannot be met, and a
    record in a format that this version does not read: what it says may be what the other side lacks. LedgerError for
    another file of the store that cannot be read.
    """
    store = open_store(place)
    plan = chosen_plan(store, sweep)
    try:
        found = gather(store, plan, conditions)
    except AnalysisError as error:
        raise AnalysisError(f"{place}: {error}") from error
    if foreign := [run_id for run_id in found.unusable if _is_foreign(store, run_id)]:
        more = f", and {len(foreign) - 1} more" if len(foreign) > 1 else ""
        raise AnalysisError(
            f"{place}: run {foreign[0]}{more} cannot be compared: {found.unusable[foreign[0]]}. Its format is that of"
            " another version; compare with the version that wrote it, or a later one"
        )
    if not found.runs:
        raise AnalysisError(f"{place}: there is no finished run that can be used")
    own = {name: held for run in found.runs for name, held in run.record.spec.definitions.items()}
    return Side(
        place=place, sweep=found, runs=one_run_per_cell(found.runs), reader=RowReader(store), own_tasks=own
    )  # fmt: skip


def _is_foreign(store: Store, run_id: str) -> bool:
    try:
        store.record(run_id)
    except BrokenRecordError as error:
        cause: BaseException | None = error
        while cause is not None and not isinstance(cause, FormatError):
            cause = cause.__cause__
        return cause is not None
    return False
