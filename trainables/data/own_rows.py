"""Rows of one's own from a file: JSON lines, CSV, TSV or parquet, in a schema of a task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.data.row_files import read_row_file
from trainables.data.source import DataError
from trainables.ledger.nearest import nearest
from trainables.ledger.plain import plain
from trainables.tasks.examples import Example
from trainables.tasks.languages import ENGLISH
from trainables.tasks.rows import decoded, shown
from trainables.tasks.schemas import ID, LANGUAGE, Schema, example_of, schemas
from trainables.tasks.task import Task


@dataclass(frozen=True, kw_only=True)
class OwnRows:
    """Rows in the order of their file.

    Attributes:
        examples: with ids from the column `id`, else the number of the row, from 1.
        is_gold: whether a row says what is right.
        languages: from the column `language`, else the one that was given.
        has_languages: whether there is such a column.
    """

    examples: tuple[Example, ...]
    is_gold: tuple[bool, ...]
    languages: tuple[str, ...]
    has_languages: bool


def read_rows(path: Path, of: Task, language: str = ENGLISH) -> OwnRows:
    """All rows of a file for a task; `language` is theirs where no column says it.

    Raises DataError for a file that cannot be read, for columns of no schema, and for a row that breaks its schema,
    which the message names by its number.
    """
    file = read_row_file(path)
    schema = _schema(path, file.columns, of)
    examples, is_gold, languages = [], [], []
    for number, row in enumerate(map(_cells, file.rows) if file.is_text else file.rows, start=1):
        try:
            if missing := [name for name in schema.inputs if row.get(name) is None]:
                raise ValueError(f"no {' and no '.join(missing)}; it has {', '.join(map(plain, row)) or 'nothing'}")
            example, gold = example_of(row, schema, of, _text(row.get(ID), ID) or str(number))
            languages.append(_text(row.get(LANGUAGE), LANGUAGE) or language)
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise DataError(f"{path}, row {number}: {error}") from error
        examples.append(example)
        is_gold.append(gold)
    if not examples:
        raise DataError(f"{path} has no rows")
    return OwnRows(
        examples=tuple(examples), is_gold=tuple(is_gold), languages=tuple(languages),
        has_languages=LANGUAGE in file.columns,
    )  # fmt: skip


def _schema(path: Path, columns: Sequence[str], of: Task) -> Schema:
    known = schemas(of)
    for schema in known:
        if set(schema.inputs) <= set(columns):
            return schema
    wanted = dict.fromkeys(name for schema in known for name in schema.inputs)
    hints = [f"{column!r} may be {near!r}" for column in columns if (near := nearest(column, wanted))]
    allowed = "; or ".join(map(str, known))
    raise DataError(
        f"{path}: columns {', '.join(map(plain, columns)) or 'none'}; allowed for {of.name}: {allowed}"
        + (f"; {', '.join(map(plain, hints))}" if hints else "")
    )


def _text(value: Any, column: str) -> str:
    if value is None:
        return ""
    if isinstance(value, int) and not isinstance(value, bool):
        return str(value)
    if not isinstance(value, str):
        raise ValueError(f"{column} is {shown(value)}, expected text")
    return value


def _cells(row: Mapping[str, Any]) -> Mapping[str, Any]:
    """Cells of CSV and TSV; one that begins with a bracket and is JSON is what that says."""
    return {name: decoded(text) for name, text in row.items()}
