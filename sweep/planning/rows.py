"""Row counts of several files together, without parsing rows: for the cost and for `tasks`."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.data.source import UNKNOWN, DataSource
from trainables.tasks.task import Source


def num_rows(sources: Sequence[Source], data: DataSource) -> int:
    """Rows of these sources before any are dropped; 0 when one is missing, UNKNOWN when the data cannot be counted."""
    if not all(data.has(source) for source in sources):
        return 0
    counts = [data.num_rows(source) for source in sources]
    return UNKNOWN if UNKNOWN in counts else sum(counts)
