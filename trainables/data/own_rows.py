"""Rows of one's own in a schema of a task, from JSON lines, CSV, TSV, parquet, columns as of CoNLL, SQuAD's JSON."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.data.column_files import LAYOUTS, read_columns_file
from trainables.data.own_files import is_squad, why_no_kind
from trainables.data.row_files import RowFile, read_row_file
from trainables.data.source import DataError
from trainables.data.squad_files import holds_squad, read_squad_file
from trainables.ledger.nearest import nearest
from trainables.ledger.plain import plain
from trainables.tasks.examples import Example
from trainables.tasks.formats.base import Head
from trainables.tasks.languages import ENGLISH
from trainables.tasks.rows import decoded, shown
from trainables.tasks.schemas import ID, LANGUAGE, Schema, example_of, schemas
from trainables.tasks.shapes import COLUMNS, TAGS
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
    file = _read(path, of)
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


def _read(path: Path, of: Task) -> RowFile:
    kind = of.format.head
    layout = LAYOUTS.get(path.suffix.lower()) if kind is Head.TAGGING else None
    if said := why_no_kind(path, kind, layout):
        raise DataError(said)
    if layout:
        return RowFile(columns=["words", TAGS], rows=read_columns_file(path, layout))
    if is_squad(path, kind) and holds_squad(path):
        return RowFile(columns=COLUMNS["span"], rows=read_squad_file(path, is_answered=False))
    return read_row_file(path)


def _schema(path: Path, columns: Sequence[str], of: Task) -> Schema:
    """The first schema that the columns have whole, label included; else the first whose inputs they have."""
    known = schemas(of)
    fitting = [schema for schema in known if set(schema.inputs) <= set(columns)]
    if fitting:
        return next((schema for schema in fitting if schema.label in columns), fitting[0])
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
