"""Rows of a task as examples: sources joined, label names resolved, unlabelled rows dropped, every fault named."""

from __future__ import annotations

import random
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from trainables.data.labels import with_labels
from trainables.data.quality import inspect
from trainables.data.source import DataError, DataSource, kept_rows, label_names
from trainables.data.statistics import drift
from trainables.ledger.nearest import unknown
from trainables.ledger.plain import plain
from trainables.ledger.record import DataUse
from trainables.tasks.examples import Example
from trainables.tasks.rows import shown
from trainables.tasks.task import Source, Split, Task

STOPPING_SEED = 20201001
"""Shuffles the STOPPING rows of tasks that join several corpora (protocol.md 3.1)."""


_UNREADABLE = (ValueError, OverflowError, pa.ArrowException)
"""What reading a value raises: text that is no UTF-8, a time that is no time."""


@dataclass(frozen=True, kw_only=True)
class Loaded:
    """Examples in order, what was read of every file, and what the user should know about it."""

    examples: list[Example]
    uses: tuple[DataUse, ...]
    notes: tuple[str, ...] = ()


def load(task: Task, split: Split, language: str, data: DataSource, *, limit: int = 0, preference: str = "") -> Loaded:
    """Examples of one split of a task in one language.

    Rows without a label, a word or an answer are dropped and counted. `limit` takes that many rows by the task's rule
    (`Task.cap`: spread evenly), in their order; of STOPPING the first ones, after a seeded shuffle where the task asks
    for it (protocol.md 2.5). The notes say where whole data sets differ from what is published.

    Raises MissingDataError for a file that is not there; DataError for missing columns, for a row that breaks the
    schema (with file, row number and what is allowed), and for a file none of whose rows can be used; ValueError for a
    language, split or preference that the task does not have.
    """
    task_sources(task, split, language, preference)
    task = with_labels(task, data, preference)
    sources = task_sources(task, split, language, preference)
    parts = [read_examples(source, data) for source in sources]
    joined = [(number, example) for number, part in enumerate(parts) for example in part.examples]
    whole = [example for _, example in joined]
    if split is Split.STOPPING and task.seed_stopping:
        random.Random(STOPPING_SEED).shuffle(joined)
    chosen = [joined[place] for place in _places(task, split, whole, limit)]
    taken: defaultdict[int, list[Example]] = defaultdict(list)
    for number, example in chosen:
        taken[number].append(example)
    uses = [_use(source, part, taken[number]) for number, (source, part) in enumerate(zip(sources, parts, strict=True))]
    is_whole = all(data.is_whole(source) for source in sources)
    return Loaded(
        examples=[example for _, example in chosen],
        uses=tuple(uses),
        notes=drift(task, split, language, task.format.num_scored(whole)) if is_whole else (),
    )


def _places(task: Task, split: Split, examples: Sequence[Example], limit: int) -> Sequence[int]:
    if not limit:
        return range(len(examples))
    return range(min(limit, len(examples))) if split is Split.STOPPING else task.cap(examples, limit)


def _use(source: Source, part: Part, taken: Sequence[Example]) -> DataUse:
    return DataUse(
        repository=source.repository,
        config=source.config,
        split=source.split,
        rows=len(taken),
        dropped=part.dropped,
        **asdict(inspect(taken)),
    )


def task_sources(task: Task, split: Split, language: str, preference: str = "") -> tuple[Source, ...]:
    """Sources of a split in a language; raises ValueError for a language, split or preference the task lacks."""
    if preference and preference not in task.sources:
        raise ValueError(unknown(f"repository of task {task.name}", preference, task.sources))
    if split not in task.languages:
        raise ValueError(unknown(f"split of task {task.name}", str(split), map(str, task.languages)))
    if language not in task.languages_of(split):
        raise ValueError(unknown(f"language of task {task.name} ({split})", language, task.languages_of(split)))
    return task.files(split, language, preference)


@dataclass(frozen=True, kw_only=True)
class Part:
    """Examples of one source and the number of its rows that were dropped."""

    examples: list[Example]
    dropped: int


def read_examples(source: Source, data: DataSource) -> Part:
    """All usable rows of one source; raises as `load` does."""
    table = data.table(source)
    location = data.location(source)
    numbers: Any = np.arange(source.first_row, source.first_row + table.num_rows)
    if source.keep:
        mask = kept_rows(table.column(source.keep.column), source.keep, location)
        table, numbers = table.filter(mask), numbers[mask.to_numpy()]
    if not table.num_rows:
        which = f" with {source.keep.column} {source.keep.prefix!r}" if source.keep else ""
        raise DataError(f"{location} has no rows{which}")
    examples = [example for example in parsed(source, table, location, numbers.tolist()) if example is not None]
    if not examples:
        raise DataError(
            f"{location}: none of its {table.num_rows} rows has a label or an answer. XTREME's release files have them"
            " removed or emptied; take the original data set, or leave this language out"
        )
    return Part(examples=examples, dropped=table.num_rows - len(examples))


def parsed(source: Source, table: pa.Table, location: str, numbers: Sequence[int]) -> Iterator[Example | None]:
    """What the source's parser makes of every row of a table; `numbers` are those of its rows in the file.

    Raises DataError, which names file, row and column, for a row that is not what its data set promises.
    """
    names = label_names(table, location)
    columns = {}
    for name, column in zip(table.column_names, table.columns, strict=True):
        values = _values(column, name, location, numbers)
        columns[name] = _named(values, names[name], name, location, numbers) if name in names else values
    for number, of_row in zip(numbers, zip(*columns.values(), strict=True), strict=True):
        try:
            row = dict(zip(columns, of_row, strict=True))
            yield source.parse(row, f"{source.config}.{source.split}.{number}")
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise DataError(f"{location}, row {number}: {error}") from error


def _values(column: pa.ChunkedArray, name: str, location: str, numbers: Sequence[int]) -> list[Any]:
    """The column as Python values; text must be UTF-8, which nobody has checked before."""
    try:
        return list(column.to_pylist())
    except _UNREADABLE as error:
        row = next((number for number, value in zip(numbers, column, strict=True) if not _is_readable(value)), "?")
        raise DataError(f"{location}, row {row}: {name} cannot be read: {error}") from error


def _is_readable(value: pa.Scalar) -> bool:
    try:
        value.as_py()
    except _UNREADABLE:
        return False
    return True


def _named(values: list[Any], names: Sequence[str], column: str, location: str, numbers: Sequence[int]) -> list[Any]:
    """Label names in place of numbers, in single values and in lists; None in place of -1."""
    known: dict[Any, str | None] = {**dict(enumerate(names)), -1: None, None: None}

    def name_of(value: Any) -> Any:
        return [known[item] for item in value] if isinstance(value, list) else known[value]

    found = []
    for number, value in zip(numbers, values, strict=True):
        try:
            found.append(name_of(value))
        except (KeyError, TypeError) as error:
            wrong = shown(error.args[0] if isinstance(error, KeyError) else value)
            allowed = f"0 to {len(names) - 1} ({', '.join(map(plain, names))})"
            raise DataError(f"{location}, row {number}: {column} is {wrong}, allowed: {allowed}") from error
    return found
