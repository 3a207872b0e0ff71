"""The contest for one target: which fine-tuned models may still be selected, as their dev scores become known.

The rule is that of `analysis.selection.selection`: the row with the highest mean over the seeds, ties to no MLM and
then to the order of Table 2. Of a row the seed with the best score is kept, ties to the lowest seed.
"""

from __future__ import annotations

from collections.abc import Mapping

from analysis.scores.headings import Order, row_order
from analysis.selection.averages import mean
from trainables.ledger.cells import Row

_Key = tuple[float, Order]
"""Minus the mean of a row, and its place among equals."""


class Contest:
    """What is known of the rows of a target; `num_seeds` is how many scores each row gets."""

    def __init__(self, num_seeds: Mapping[Row, int]) -> None:
        self._num_seeds = dict(num_seeds)
        self._known: dict[Row, dict[int, tuple[float | None, str]]] = {row: {} for row in num_seeds}
        self._places: dict[str, tuple[Row, int]] = {}
        self._best: dict[Row, str] = {}
        self._complete: dict[Row, _Key] = {}
        self._dropped: set[Row] = set()
        self._leader: Row | None = None

    def note(self, row: Row, seed: int, run_id: str, score: float | None) -> set[str]:
        """The dev score of a run, None where it is not known; the runs that this may have put out."""
        known = self._known[row]
        before, leader = self._best.get(row, ""), self._leader
        known[seed] = (score, run_id)
        self._places[run_id] = (row, seed)
        scores = {at: found for at, (found, _) in known.items() if found is not None}
        if scores:
            self._best[row] = known[min(scores, key=lambda at: (-scores[at], at))][1]
        if len(scores) == self._num_seeds[row]:
            self._complete[row] = (-mean(scores.values()), row_order(row))
            self._lead(row)
        moved = {self._best.get(each, "") for each in (row, leader) if each is not None}
        return {run_id, before, *moved} - {""}

    def drop(self, row: Row) -> set[str]:
        """A race has dropped a row: it cannot be selected any more; the runs that this has put out."""
        self._dropped.add(row)
        if self._complete.pop(row, None) and self._leader == row:
            self._leader = min(self._complete, key=self._complete.__getitem__, default=None)
        return {run_id for _, run_id in self._known.get(row, {}).values()}

    def may_win(self, run_id: str) -> bool:
        """Whether the model of a run may still be the one that is kept for this target."""
        if run_id not in self._places:
            return False
        row, seed = self._places[run_id]
        if row in self._dropped:
            return False
        if self._known[row][seed][0] is None:
            return True
        return self._best[row] == run_id and (row not in self._complete or row == self._leader)

    def _lead(self, row: Row) -> None:
        """Find the best of the complete rows, of which one is new or has another mean."""
        if row in self._dropped:
            del self._complete[row]
        elif self._leader == row:
            self._leader = min(self._complete, key=self._complete.__getitem__)
        elif self._leader is None or self._complete[row] < self._complete[self._leader]:
            self._leader = row
