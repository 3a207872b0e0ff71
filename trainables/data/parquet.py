"""Parquet files that may hold anything: read, counted, looked into; every fault is a DataError that names the file."""

from __future__ import annotations

import functools
import re
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trainables.data.source import DataError, check_columns

ANSWERS = "answers"
_SHARD = re.compile(r"-(\d{5})-of-(\d{5})\.parquet$", re.ASCII)
_FAULTS = (pa.ArrowException, OSError, ValueError, LookupError, AttributeError, TypeError)
"""What pyarrow raises on a file that is not what it should be."""


def read_columns(path: Path, columns: Sequence[str]) -> pa.Table:
    """These columns of a file, in this order; raises DataError for one that is unreadable or lacks some."""
    with _named(path):
        file = pq.ParquetFile(path, page_checksum_verification=True)
        check_columns(columns, file.schema_arrow.names, str(path))
        return file.read(columns=list(columns)).select(list(columns))


def count_rows(path: Path) -> int:
    """Rows of a file, from its footer; raises DataError for one that is unreadable."""
    with _named(path):
        return int(pq.read_metadata(path).num_rows)


def incomplete(files: Sequence[Path]) -> str:
    """What is missing of files that are shards of one, by their names; an empty string when nothing is."""
    found = [shard.groups() for path in files if (shard := _SHARD.search(path.name))]
    if not found:
        return ""
    total = max(int(of) for _, of in found)
    expected = [(f"{number:05}", f"{total:05}") for number in range(total)]
    if found == expected:
        return ""
    stem = files[0].with_name(_SHARD.sub("", files[0].name))
    absent = [number for number, of in expected if (number, of) not in found]
    if absent:
        return f"{stem}-*: shards {', '.join(absent)} of {total:05} are missing"
    return f"{stem}-*: shards of several downloads are mixed"


def has_answers(path: Path) -> bool:
    """Whether any row of a question-answering file has an answer. One that cannot be read counts as having some."""
    try:
        return _has_answers(path, path.stat().st_mtime_ns)
    except _FAULTS:
        return True


@functools.cache
def _has_answers(path: Path, changed_ns: int) -> bool:
    """Reads no more than it must. `changed_ns` makes a file that was replaced be looked at again."""
    for batch in pq.ParquetFile(path).iter_batches(batch_size=1000, columns=[ANSWERS]):
        texts = batch.column(0).field("text").flatten()
        if pc.any(pc.not_equal(pc.utf8_trim_whitespace(texts), "")).as_py():
            return True
    return False


@contextmanager
def _named(path: Path) -> Iterator[None]:
    try:
        yield
    except DataError:
        raise
    except _FAULTS as error:
        raise DataError(f"{path} cannot be read as parquet: {error}. Put it back, or download it again") from error
