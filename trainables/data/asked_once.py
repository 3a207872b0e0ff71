"""Data whose repositories are asked no more once they could not be reached, as each answer takes half a minute."""

from __future__ import annotations

from collections.abc import Sequence

import pyarrow as pa

from trainables.data.source import DataSource, UnreachableError
from trainables.tasks.task import Source


class AskedOnce(DataSource):
    """The data of another source; a repository that `table` could not reach once is unreachable from then on."""

    def __init__(self, base: DataSource) -> None:
        self.base = base
        self.kind = base.kind
        self._unreachable: dict[str, UnreachableError] = {}

    def has(self, source: Source) -> bool:
        return self.base.has(source)

    def problem(self, source: Source) -> str:
        return self.base.problem(source)

    def table(self, source: Source) -> pa.Table:
        """As the base has it; raises UnreachableError at once for a repository that was not reached before."""
        if error := self._unreachable.get(source.repository):
            raise error
        try:
            return self.base.table(source)
        except UnreachableError as error:
            self._unreachable[error.repository] = error
            raise

    def fingerprint(self, sources: Sequence[Source], *, anew: bool = False) -> str:
        return self.base.fingerprint(sources, anew=anew)

    def num_rows(self, source: Source) -> int:
        return self.base.num_rows(source)

    def is_whole(self, source: Source) -> bool:
        return self.base.is_whole(source)

    def location(self, source: Source) -> str:
        return self.base.location(source)
