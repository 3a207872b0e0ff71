"""Rows of tasks of one's own from files: JSON lines, CSV, TSV, parquet, columns as of CoNLL, SQuAD's JSON."""

from __future__ import annotations

import functools
import hashlib
import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from types import MappingProxyType
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from trainables.data.column_files import LAYOUTS, Columns, read_columns_file
from trainables.data.digests import DIGITS, FileDigests
from trainables.data.parquet import count_rows
from trainables.data.row_files import SUFFIXES, RowFile, read_row_file
from trainables.data.source import DataError, DataSource, MissingDataError, check_columns, label_names
from trainables.data.squad_files import read_squad_file
from trainables.ledger.nearest import nearest, unknown
from trainables.ledger.paths import names_in
from trainables.tasks.shapes import COLUMNS, ID, LABEL, TAGS, Shape, is_unlabelled
from trainables.tasks.task import Source

FILES = "files"
"""Repository of rows in files of one's own."""
COLUMN_SUFFIXES = tuple(LAYOUTS)
_TEXT, _TEXTS = pa.string(), pa.list_(pa.string())
_TYPES: Mapping[str, pa.DataType] = MappingProxyType({
    "choices": _TEXTS, "words": _TEXTS, TAGS: _TEXTS, "translations": _TEXTS,
    "answers": pa.struct({"text": _TEXTS, "answer_start": pa.list_(pa.int64())}),
})  # fmt: skip
"""Columns that are no text."""
_PARTS = re.compile(r"([0-9]+)")


@dataclass(frozen=True, kw_only=True)
class FileSource(Source):
    """Rows of one file, with the columns of a format under their plain names.

    Attributes:
        file: absolute path.
        shape: what its columns are called.
        layout: where words and tags stand in a file in columns; None for files of other kinds.
    """

    file: Path
    shape: Shape
    layout: Columns | None = None


class OwnFiles(DataSource):
    """Files wherever they lie. Fingerprints are of their content and of how it is read, not of folders."""

    kind = FILES

    @cached_property
    def _digests(self) -> FileDigests:
        return FileDigests()

    def has(self, source: Source) -> bool:
        return not self.problem(source)

    def problem(self, source: Source) -> str:
        return why_no_file(_own(source).file)

    def table(self, source: Source) -> pa.Table:
        own = self._there(source)
        try:
            rows = list(_rows(own))
            if not rows:
                raise DataError(f"{own.file} has no rows")
            return pa.Table.from_pylist(rows, columns_of(own.shape.kind)).select(list(own.columns))
        except DataError:
            raise
        except (pa.ArrowException, OSError, ValueError) as error:
            raise DataError(f"{own.file} cannot be read: {error}") from error

    def fingerprint(self, sources: Sequence[Source], *, anew: bool = False) -> str:
        told = set()
        for own in map(self._there, sources):
            content = self._digests.combined(own.file.parent, [own.file], anew=anew)
            told.add(f"{own.path} {own.shape} {own.layout} {content}")
        return hashlib.sha256("\n".join(sorted(told)).encode()).hexdigest()[:DIGITS]

    def num_rows(self, source: Source) -> int:
        own = self._there(source)
        if own.file.suffix.lower() == ".parquet":
            return count_rows(own.file)
        return _num_rows(own.file, own.shape, own.layout, own.file.stat().st_mtime_ns)

    def location(self, source: Source) -> str:
        return str(_own(source).file)

    def _there(self, source: Source) -> FileSource:
        if problem := self.problem(source):
            raise MissingDataError(problem)
        return _own(source)


def columns_of(kind: str) -> pa.Schema:
    """The columns of a format, of whatever file."""
    return pa.schema([(column, _TYPES.get(column, _TEXT)) for column in COLUMNS[kind]])


def why_no_file(path: Path) -> str:
    """Why there is no file to read, with the nearest name beside it; an empty string where there is one."""
    try:
        if path.is_file():
            return ""
    except OSError as error:
        return f"{path} cannot be read: {error.strerror or error}"
    near = nearest(path.name, names_in(path.parent))
    return f"{path} {'is no file' if path.exists() else 'does not exist'}" + (
        f"; did you mean {near!r}?" if near else ""
    )


def why_no_kind(path: Path, kind: str, layout: Columns | None) -> str:
    """Why a file of a format is of no kind that can be read, by its suffix; an empty string where it is."""
    if layout or path.suffix.lower() in SUFFIXES:
        return ""
    allowed = (*SUFFIXES, *(COLUMN_SUFFIXES if kind == "tagging" else ()))
    return f"{path}: {unknown('kind of file', path.suffix or 'none', allowed)}"


def labels_of(sources: Sequence[FileSource], data: OwnFiles) -> tuple[str, ...]:
    """The labels of the rows of files: as the files declare them, else those that rows have, in order, `O` first.

    Raises as `OwnFiles.table` does.
    """
    declared = [_declared(source) for source in sources]
    if all(declared):
        return tuple(dict.fromkeys(label for labels in declared for label in labels))
    found: set[str] = set()
    for source in sources:
        found |= _labels_in(data.table(source), source.shape.kind)
    return tuple(sorted(found, key=_order))


def _own(source: Source) -> FileSource:
    assert isinstance(source, FileSource)
    return source


def _rows(of: FileSource) -> Iterator[Mapping[str, Any]]:
    """Rows with the columns of the format; raises DataError, which names file and row."""
    file = _read(of)
    columns = of.shape.of_file(file.columns)
    if file.columns:
        check_columns([name for names in columns.values() for name in names], file.columns, str(of.file))
    seen: set[str] = set()
    for number, row in enumerate(file.rows, start=of.first_row):
        try:
            made = of.shape.row(row, columns)
            if made[ID] is not None and made[ID] in seen:
                raise ValueError(f"the id {made[ID]!r} stands twice")
        except (ValueError, TypeError, LookupError, AttributeError) as error:
            raise DataError(f"{of.file}, row {number}: {error}") from error
        seen.add(made[ID])
        yield made


def _read(of: FileSource) -> RowFile:
    if of.layout:
        return RowFile(columns=["words", TAGS], rows=read_columns_file(of.file, of.layout))
    if is_squad(of.file, of.shape.kind):
        return RowFile(columns=COLUMNS["span"], rows=read_squad_file(of.file))
    return read_row_file(of.file)


def is_squad(path: Path, kind: str) -> bool:
    """Whether a file of a format is one of SQuAD's JSON."""
    return kind == "span" and path.suffix.lower() == ".json"


@functools.cache
def _num_rows(path: Path, shape: Shape, layout: Columns | None, changed_ns: int) -> int:
    """Reads the file once; `changed_ns` makes one that was replaced be read again."""
    of = FileSource(
        repository=FILES, config="", split="", columns=(), parse=lambda row, name: None, file=path, shape=shape,
        layout=layout,
    )  # fmt: skip
    return sum(1 for _ in _read(of).rows)


def _declared(of: FileSource) -> tuple[str, ...]:
    """Label names that a parquet file declares for its labels."""
    if of.file.suffix.lower() != ".parquet":
        return ()
    try:
        empty = pq.read_schema(of.file).empty_table()
    except (pa.ArrowException, OSError, ValueError):
        return ()  # reading its rows says what is wrong
    [column] = of.shape.of_file(empty.column_names)[TAGS if of.shape.kind == "tagging" else LABEL]
    return label_names(empty, str(of.file)).get(column, ())


def _labels_in(table: pa.Table, kind: str) -> set[str]:
    if kind == "tagging":
        tags: Iterable[Any] = (tag for of_row in table.column(TAGS).to_pylist() for tag in of_row or ())
        return {tag for tag in tags if tag is not None}
    return {label for label in table.column(LABEL).to_pylist() if not is_unlabelled(label, ())}


def _order(label: str) -> tuple[bool, list[tuple[int, str]], str]:
    """As people count: 2 before 10, after `O`."""
    parts = [part.lstrip("0") if place % 2 else part for place, part in enumerate(_PARTS.split(label))]
    return label != "O", [(len(part) if place % 2 else 0, part) for place, part in enumerate(parts)], label
