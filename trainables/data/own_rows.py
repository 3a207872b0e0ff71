"""Rows of one's own from a file: JSON lines, CSV, TSV or parquet, in a schema of a task."""

from __future__ import annotations

import csv
import json
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trainables.data.source import DataError, label_names
from trainables.ledger.nearest import nearest, unknown
from trainables.ledger.plain import plain
from trainables.tasks.examples import Example
from trainables.tasks.languages import ENGLISH
from trainables.tasks.rows import LONGEST_TEXT, shown
from trainables.tasks.schemas import ID, LANGUAGE, Schema, example_of, schemas
from trainables.tasks.task import Task

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")


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
    columns, rows = _READERS[_suffix(path)](path)
    schema = _schema(path, columns, of)
    examples, is_gold, languages = [], [], []
    for number, row in enumerate(rows, start=1):
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
        has_languages=LANGUAGE in columns,
    )  # fmt: skip


def _suffix(path: Path) -> str:
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise DataError(f"{path}: {unknown('kind of file', suffix or 'none', SUFFIXES)}")
    return suffix


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


def _read_json(path: Path) -> tuple[list[str], Iterator[Mapping[str, Any]]]:
    rows: list[Mapping[str, Any]] = []
    for number, line in enumerate(_content(path).split("\n"), start=1):
        if not line.strip():
            continue
        try:
            row = json.loads(line)
            json.dumps(row, ensure_ascii=False).encode()  # half a surrogate pair is no text
        except (ValueError, RecursionError) as error:
            raise DataError(f"{path}, line {number}: it is no JSON ({error}); allowed: one object a line") from error
        if not isinstance(row, dict):
            raise DataError(f"{path}, line {number}: it is {shown(row)}; allowed: one object a line")
        rows.append(row)
    return list(dict.fromkeys(name for row in rows for name in row)), iter(rows)


def _read_csv(path: Path) -> tuple[list[str], Iterator[Mapping[str, Any]]]:
    return _separated(path, ",")


def _read_tsv(path: Path) -> tuple[list[str], Iterator[Mapping[str, Any]]]:
    return _separated(path, "\t")


def _separated(path: Path, between: str) -> tuple[list[str], Iterator[Mapping[str, Any]]]:
    """A line of headings, then rows; a cell that begins with a bracket and is JSON is what that says."""
    csv.field_size_limit(LONGEST_TEXT)
    lines = csv.reader(_content(path).splitlines(keepends=True), delimiter=between, strict=True)
    try:
        columns = next(lines, [])
        if twice := {name for name in columns if columns.count(name) > 1}:
            raise DataError(f"{path}: has several columns {', '.join(map(plain, sorted(twice)))}")
        rows: list[Mapping[str, Any]] = []
        for number, cells in enumerate((line for line in lines if line), start=1):
            if len(cells) != len(columns):
                raise DataError(f"{path}, row {number}: {len(cells)} cells, the headings are {len(columns)}")
            rows.append(dict(zip(columns, map(_cell, cells), strict=True)))
    except csv.Error as error:
        raise DataError(f"{path}, line {lines.line_num}: {error}") from error
    return columns, iter(rows)


def _cell(text: str) -> Any:
    if text[:1] in ("[", "{"):
        try:
            return json.loads(text)
        except (ValueError, RecursionError):
            return text
    return text


def _content(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")  # line ends as they are
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text ({error.reason} at byte {error.start})") from error


def _read_parquet(path: Path) -> tuple[list[str], Iterator[Mapping[str, Any]]]:
    """Rows with the names of labels in place of their numbers, where the file declares them."""
    try:
        table = pq.ParquetFile(path).read()
        names = label_names(table, str(path))
        rows = table.to_pylist()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as parquet: {error}") from error
    return list(table.column_names), (
        {name: _named(each, names.get(name)) for name, each in row.items()} for row in rows
    )


def _named(value: Any, names: Sequence[str] | None) -> Any:
    if names is None or value is None:
        return value
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None if value == -1 else value


_READERS = {
    ".jsonl": _read_json, ".json": _read_json, ".csv": _read_csv, ".tsv": _read_tsv, ".parquet": _read_parquet,
}  # fmt: skip
