"""Row counts of a plan, and where each comes from: counted in the data, published, or assumed."""

from __future__ import annotations

from collections.abc import Sequence
from enum import StrEnum

from sweep.planning.published_rows import published_rows
from sweep.planning.rows import num_rows
from trainables.data.source import DataSource
from trainables.tasks.languages import ENGLISH
from trainables.tasks.task import Source, Split, Task

_TYPICAL_EVAL_ROWS = 2000
"""Rows of one evaluated split and language where they cannot be counted: the middle of Table 1."""


class Origin(StrEnum):
    """Where a row count comes from."""

    COUNTED = "counted"
    """In the files that the runs read."""
    PUBLISHED = "published"
    """By the authors of the data set, or the card of its repository; the files were not looked at."""
    ASSUMED = "assumed"
    """Neither: a typical number, of training rows those of English."""


class RowCounts:
    """Counts rows for one plan; `origins` says of every task and split that was asked for where its count comes from.

    A split some of whose languages are published and others assumed counts as assumed.
    """

    def __init__(self, data: DataSource) -> None:
        self.origins: dict[tuple[str, str], Origin] = {}
        self._data = data

    def of(self, task: Task, split: Split, language: str, sources: Sequence[Source]) -> int:
        """Rows of a split of a task in one language; `sources` are its files."""
        counted = num_rows(sources, self._data)
        if counted > 0 or (not counted and split is not Split.TRAIN):
            return self._noted(task, split, Origin.COUNTED, counted)
        published = published_rows(task.name, split, language)
        if published is None and split is Split.TRAIN and task.num_train_rows and language == ENGLISH:
            published = task.num_train_rows
        if published is not None:
            return self._noted(task, split, Origin.PUBLISHED, published)
        typical = max(task.num_train_rows, 1) if split is Split.TRAIN else _TYPICAL_EVAL_ROWS
        return self._noted(task, split, Origin.ASSUMED, typical)

    def names(self, origin: Origin) -> tuple[str, ...]:
        """`task split` of all counts of one origin, in the order in which they were asked for."""
        return tuple(f"{task} {split}" for (task, split), found in self.origins.items() if found is origin)

    def _noted(self, task: Task, split: Split, origin: Origin, rows: int) -> int:
        known = self.origins.get((task.name, split), origin)
        self.origins[task.name, str(split)] = max(known, origin, key=list(Origin).index)
        return rows
