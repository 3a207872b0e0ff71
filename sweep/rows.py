"""Row counts from the files of a mirror, without reading rows: for the cost and for `tasks`."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trainables.data.mirror import MirrorData
from trainables.data.source import DataSource
from trainables.tasks.task import Source

UNKNOWN = -1
"""The hub's files are not opened for a count."""


def num_rows(sources: Sequence[Source], data: DataSource) -> int:
    """Rows of these sources before any are dropped; 0 when one is missing, UNKNOWN when the data cannot be counted."""
    if not isinstance(data, MirrorData):
        return UNKNOWN
    if not all(data.has(source) for source in sources):
        return 0
    return sum(_count(source, data) for source in sources)


def _count(source: Source, data: MirrorData) -> int:
    files = data.files(source)
    keep = source.keep
    if keep is None:
        return sum(pq.read_metadata(path).num_rows for path in files)
    total = 0
    for path in files:
        column = pq.read_table(path, columns=[keep.column]).column(keep.column)
        matches = pc.equal(column, pa.scalar(keep.prefix)) if keep.whole else pc.starts_with(column, keep.prefix)
        total += pc.sum(matches).as_py() or 0
    return total
