"""Files with one row a line or a record: JSON lines, CSV, TSV, parquet. What rows mean is not known here."""

from __future__ import annotations

import csv
import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trainables.data.source import DataError, label_names
from trainables.ledger.nearest import unknown
from trainables.ledger.plain import plain
from trainables.tasks.rows import LONGEST_TEXT, shown

SUFFIXES = (".jsonl", ".json", ".csv", ".tsv", ".parquet")


@dataclass(frozen=True, kw_only=True)
class RowFile:
    """What a file holds.

    Attributes:
        columns: their names, in order.
        rows: in order, each with those of the columns that it has; labels are names, not numbers.
        is_text: whether every cell is a text, which may be JSON.
    """

    columns: Sequence[str]
    rows: Iterable[Mapping[str, Any]]
    is_text: bool = False


def read_row_file(path: Path) -> RowFile:
    """All of a file, by its suffix; raises DataError for one that cannot be read, OSError for one that is not there."""
    suffix = path.suffix.lower()
    if suffix not in _READERS:
        raise DataError(f"{path}: {unknown('kind of file', suffix or 'none', SUFFIXES)}")
    return _READERS[suffix](path)


def _read_json(path: Path) -> RowFile:
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
    return RowFile(columns=list(dict.fromkeys(name for row in rows for name in row)), rows=rows)


def _read_csv(path: Path) -> RowFile:
    return _separated(path, ",")


def _read_tsv(path: Path) -> RowFile:
    return _separated(path, "\t")


def _separated(path: Path, between: str) -> RowFile:
    """A line of headings, then rows."""
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
            rows.append(dict(zip(columns, cells, strict=True)))
    except csv.Error as error:
        raise DataError(f"{path}, line {lines.line_num}: {error}") from error
    return RowFile(columns=columns, rows=rows, is_text=True)


def _content(path: Path) -> str:
    try:
        return path.read_bytes().decode("utf-8-sig")  # line ends as they are
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text ({error.reason} at byte {error.start})") from error


def _read_parquet(path: Path) -> RowFile:
    try:
        table = pq.ParquetFile(path).read()
        names = label_names(table, str(path))
        rows = table.to_pylist()
    except FileNotFoundError:
        raise
    except (pa.ArrowException, OSError, ValueError) as error:
        raise DataError(f"{path} cannot be read as parquet: {error}") from error
    named = ({name: _named(each, names.get(name)) for name, each in row.items()} for row in rows)
    return RowFile(columns=list(table.column_names), rows=named)


def _named(value: Any, names: Sequence[str] | None) -> Any:
    if names is None or value is None:
        return value
    if isinstance(value, list):
        return [_named(each, names) for each in value]
    return names[value] if isinstance(value, int) and 0 <= value < len(names) else None if value == -1 else value


_READERS: Mapping[str, Callable[[Path], RowFile]] = MappingProxyType({
    ".jsonl": _read_json, ".json": _read_json, ".csv": _read_csv, ".tsv": _read_tsv, ".parquet": _read_parquet,
})  # fmt: skip
