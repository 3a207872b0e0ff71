"""One data source made of several: the hub or a folder, and official releases beside it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from functools import cached_property

import pyarrow as pa

from trainables.data.digests import DIGITS
from trainables.data.source import DataSource
from trainables.tasks.declared import OWN
from trainables.tasks.task import Source


class JoinedData(DataSource):
    """Repositories named in `releases` are read from there, carried tasks of one's own from `carried`, all others from
    `base`, whose kind it has.
    """

    def __init__(self, base: DataSource, releases: Mapping[str, DataSource], carried: Callable[[], DataSource]) -> None:
        self.base = base
        self._open_carried = carried
        self.releases = releases
        self.kind = base.kind

    @cached_property
    def carried(self) -> DataSource:
        """The rows of carried tasks; opened when one is first read."""
        return self._open_carried()

    def has(self, source: Source) -> bool:
        return self.part(source).has(source)

    def problem(self, source: Source) -> str:
        return self.part(source).problem(source)

    def table(self, source: Source) -> pa.Table:
        return self.part(source).table(source)

    def fingerprint(self, sources: Sequence[Source], *, anew: bool = False) -> str:
        """That of the only part that is read; of several, made of theirs."""
        by_part: defaultdict[str, list[Source]] = defaultdict(list)
        for source in sources:
            by_part[self._part_name(source)].append(source)
        found = {name: self.part(part[0]).fingerprint(part, anew=anew) for name, part in by_part.items()}
        if len(found) == 1:
            return next(iter(found.values()))
        lines = "\n".join(f"{name} {fingerprint}" for name, fingerprint in sorted(found.items()))
        return hashlib.sha256(lines.encode()).hexdigest()[:DIGITS]

    def num_rows(self, source: Source) -> int:
        return self.part(source).num_rows(source)

    def is_whole(self, source: Source) -> bool:
        return self.part(source).is_whole(source)

    def location(self, source: Source) -> str:
        return self.part(source).location(source)

    def part(self, source: Source) -> DataSource:
        """Where the rows of a source are read."""
        name = self._part_name(source)
        return self.carried if name == OWN else self.releases.get(name, self.base)

    def _part_name(self, source: Source) -> str:
        """Name of a part; empty for the base."""
        if source.repository.startswith(f"{OWN}/"):
            return OWN
        return source.repository if source.repository in self.releases else ""
