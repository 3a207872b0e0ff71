"""Data whose repositories are asked no more once they could not be reached, as each answer takes half a minute."""

from __future__ import annotations

import pyarrow as pa

from trainables.data.source import DataSource, PassedOn, UnreachableError
from trainables.tasks.task import Source


class AskedOnce(PassedOn):
    """The data of another source; a repository that `table` could not reach once is unreachable from then on."""

    def __init__(self, base: DataSource) -> None:
        super().__init__(base)
        self._unreachable: dict[str, UnreachableError] = {}

    def table(self, source: Source) -> pa.Table:
        """As the base has it; raises UnreachableError at once for a repository that was not reached before."""
        if error := self._unreachable.get(source.repository):
            raise error
        try:
            return self.base.table(source)
        except UnreachableError as error:
            self._unreachable[error.repository] = error
            raise
