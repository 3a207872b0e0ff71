"""Measured: the scores by row of a sweep, read when they are asked for, with the reason where they cannot be had."""

from __future__ import annotations

from collections.abc import Iterable

from analysis.scores.headings import heading, row_title
from analysis.selection.averages import Gap, TaskScore
from analysis.selection.opening import shown_rows
from analysis.selection.selection import Selection
from analysis.selection.sweep import Sweep
from analysis.statistics.column import Column
from analysis.statistics.paired import aligned
from analysis.statistics.rows import RowReader, Rows, RowsError
from trainables.ledger.cells import Cell, Row
from trainables.ledger.store import Store
from trainables.tasks.registry import task
from trainables.tasks.task import Split


def measure(store: Store, sweep: Sweep) -> Measured:
    """The rows of a sweep's runs; nothing is read yet."""
    return Measured(store, sweep)


class Measured:
    """Scores by row of a store's runs as the cells of one sweep.

    Attributes:
        results: of the sweep.
    """

    def __init__(self, store: Store, sweep: Sweep) -> None:
        self.results = sweep.results
        self._read = RowReader(store)
        self._run_of = {cell: run.record.run_id for run in sweep.runs for cell in run.cells}
        self._columns: dict[tuple[str, Split, tuple[Row, ...]], Column] = {}

    def column(self, target: str) -> Column:
        """Every row of the table on the split that selects."""
        return self._column(target, task(target).selection_split, self.results.variants)

    def opened(self, selection: Selection) -> Column:
        """The selected row and the baseline on the test set; raises RowsError unless their test scores are open."""
        if not selection.is_open or selection.on_evaluation_data:
            raise RowsError(f"the test scores of {heading(selection.target)} are closed")
        return self._column(selection.target, Split.TEST, tuple(shown_rows(self.results, selection)))

    def _column(self, target: str, split: Split, rows: tuple[Row, ...]) -> Column:
        key = target, split, rows
        if key not in self._columns:
            self._columns[key] = self._aligned(target, split, rows)
        return self._columns[key]

    def _aligned(self, target: str, split: Split, rows: tuple[Row, ...]) -> Column:
        found: dict[Row, dict[int, Rows]] = {}
        reasons: dict[Row, str] = {}
        first: Rows | None = None
        for row in rows:
            try:
                own = self._rows(row, target, split)
                for each in own.values():
                    first = first or each
                    if not first.sparse and each.keys is not first.keys and each.keys != first.keys:
                        raise RowsError(
                            f"{row_title(row)} was measured on other rows than {row_title(next(iter(found)))}"
                        )
            except RowsError as error:
                reasons[row] = str(error)
                continue
            found[row] = own
        if not found:
            return Column(None, {}, reasons)
        try:
            together = aligned([each for own in found.values() for each in own.values()])
        except ValueError as error:
            return Column(None, {}, reasons | dict.fromkeys(found, str(error)))
        numbers = iter(range(len(together.scores)))
        places = {row: {seed: next(numbers) for seed in own} for row, own in found.items()}
        return Column(together, places, reasons, self._seen(target, split, found))

    def _seen(self, target: str, split: Split, rows: Iterable[Row]) -> dict[Row, frozenset[str]]:
        """Row -> languages whose labels its encoder has seen, where there are any."""
        scores = {row: self.results.score(row, target, split) for row in rows}
        return {
            row: frozenset(score.seen) for row, score in scores.items() if isinstance(score, TaskScore) if score.seen
        }

    def _rows(self, row: Row, target: str, split: Split) -> dict[int, Rows]:
        """Seed -> rows of a cell whose score stands in the table; raises RowsError where it does not."""
        score = self.results.score(row, target, split)
        if isinstance(score, Gap):
            raise RowsError(score.reason)
        own = self.results.seeds_of(row, target, split)
        return {
            seed: self._read(self._run_of[Cell(*row, target, seed)], target, split)
            for seed, each in own.items()
            if isinstance(each, TaskScore)
        }
