"""DataSource: where rows come from, and what is wrong when they do not come."""

from __future__ import annotations

import json
from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence

import pyarrow as pa
import pyarrow.compute as pc

from trainables.ledger.nearest import nearest
from trainables.ledger.plain import plain
from trainables.tasks.rows import shown
from trainables.tasks.task import Keep, Source


class DataError(ValueError):
    """Rows that cannot be used: a file, a row or a column is not what its data set promises."""


class MissingDataError(DataError):
    """A file that is not there."""


class UnreachableError(MissingDataError):
    """A repository that cannot be reached, none of whose files is here.

    Attributes:
        repository: as a source has it.
    """

    def __init__(self, text: str, repository: str = "") -> None:
        super().__init__(text)
        self.repository = repository


UNKNOWN = -1
"""Rows of files that are not opened for a count."""


class DataSource(ABC):
    """The hub, a mirror folder, the demo, or the official files of one data set.

    Contract: `table` returns exactly the columns of the source, in file order, and is not cached; `fingerprint` is
    equal for equal content and differs for different content.
    """

    kind: str
    """`hub`, `mirror` or `demo`."""

    @abstractmethod
    def has(self, source: Source) -> bool:
        """Whether there are rows that can be used; cheap. The hub is not asked and is taken to have everything."""

    def problem(self, source: Source) -> str:
        """Why the source has no usable rows, for people; an empty string when it has."""
        return "" if self.has(source) else f"{self.location(source)} does not exist"

    @abstractmethod
    def table(self, source: Source) -> pa.Table:
        """The source's columns; raises MissingDataError, or DataError for missing columns or an unreadable file."""

    @abstractmethod
    def fingerprint(self, sources: Sequence[Source], *, anew: bool = False) -> str:
        """Sixteen hexadecimal digits that stand for the content of these sources; raises MissingDataError.

        `anew`: files are read whatever is remembered of them.
        """

    def num_rows(self, source: Source) -> int:
        """Rows before any are dropped, UNKNOWN where only reading them would tell; raises MissingDataError."""
        return UNKNOWN

    def is_whole(self, source: Source) -> bool:
        """Whether this ought to be all of the published rows, so that another number of them is worth a note."""
        return False

    @abstractmethod
    def location(self, source: Source) -> str:
        """Where the rows are, for messages: a path, or repository, configuration and split."""


class PassedOn(DataSource):
    """The data of another source as it is; what differs is for subclasses to say."""

    def __init__(self, base: DataSource) -> None:
        self.base = base
        self.kind = base.kind

    def has(self, source: Source) -> bool:
        return self.base.has(source)

    def problem(self, source: Source) -> str:
        return self.base.problem(source)

    def table(self, source: Source) -> pa.Table:
        return self.base.table(source)

    def fingerprint(self, sources: Sequence[Source], *, anew: bool = False) -> str:
        return self.base.fingerprint(sources, anew=anew)

    def num_rows(self, source: Source) -> int:
        return self.base.num_rows(source)

    def is_whole(self, source: Source) -> bool:
        return self.base.is_whole(source)

    def location(self, source: Source) -> str:
        return self.base.location(source)


def kept_rows(column: pa.ChunkedArray, keep: Keep, location: str) -> pa.ChunkedArray:
    """bool[rows]: which rows of a file that mixes languages belong to a source, by their value in `keep.column`.

    Raises DataError for a column that is not text, and for a row that has none: it belongs to some language.
    """
    kind = column.type.value_type if pa.types.is_dictionary(column.type) else column.type
    if not (pa.types.is_string(kind) or pa.types.is_large_string(kind) or pa.types.is_string_view(kind)):
        raise DataError(f"{location}: {keep.column} is {column.type}, expected text")
    values = column.cast(pa.large_string())
    if values.null_count:
        row = pc.index(values.is_null(), True).as_py()
        raise DataError(f"{location}, row {row}: {keep.column} is null, expected text")
    return pc.equal(values, keep.prefix) if keep.whole else pc.starts_with(values, keep.prefix)


def check_columns(wanted: Sequence[str], present: Sequence[str], location: str) -> None:
    """Raise DataError unless every wanted column is present, and only once."""
    if twice := [column for column in wanted if present.count(column) > 1]:
        raise DataError(f"{location}: has several columns {', '.join(twice)}")
    missing = [column for column in wanted if column not in present]
    if not missing:
        return
    hints = [f"{column!r} may be {near!r}" for column in missing if (near := nearest(column, present))]
    raise DataError(
        f"{location}: missing columns {', '.join(missing)}; present: {', '.join(map(plain, present)) or 'none'}"
        + (f"; {', '.join(hints)}" if hints else "")
    )


def label_names(table: pa.Table, location: str) -> Mapping[str, tuple[str, ...]]:
    """Label names by column, from the features that `datasets` writes into the metadata of its files.

    Raises DataError for features that are not as `datasets` writes them.
    """
    written = (table.schema.metadata or {}).get(b"huggingface")
    if not written:
        return {}
    try:
        features = json.loads(written).get("info", {}).get("features", {})
        found = {name: _names(features[name]) for name in table.column_names if name in features}
    except (ValueError, TypeError, AttributeError, KeyError, RecursionError) as error:
        raise DataError(
            f"{location}: its metadata `huggingface` is not what `datasets` writes ({type(error).__name__}: "
            f"{plain(str(error))})"
        ) from error
    return {name: names for name, names in found.items() if names}


def _names(feature: object) -> tuple[str, ...]:
    """Names of a ClassLabel or of a list of them, in any notation `datasets` has had for lists.

    Raises ValueError for names that are not distinct texts.
    """
    if isinstance(feature, list):
        return _names(feature[0]) if feature else ()
    if not isinstance(feature, dict):
        return ()
    if feature.get("_type") == "ClassLabel":
        names = feature["names"]
        if not isinstance(names, list) or not all(isinstance(name, str) for name in names):
            raise ValueError(f"label names are {shown(names)}, expected a list of texts")
        if len(set(names)) < len(names):
            raise ValueError(f"label names {shown(names)} are not distinct")
        return tuple(names)
    return _names(feature["feature"]) if feature.get("_type") in ("List", "Sequence", "LargeList") else ()
