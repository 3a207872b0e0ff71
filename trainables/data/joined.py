"""One data source made of several: the hub or a folder, and official releases beside it."""

from __future__ import annotations

import hashlib
from collections import defaultdict
from collections.abc import Mapping, Sequence

import pyarrow as pa

from trainables.data.digests import DIGITS
from trainables.data.source import DataSource
from trainables.tasks.task import Source


class JoinedData(DataSource):
    """Repositories named in `releases` are read from there, all others from `base`, whose kind it has."""

    def __init__(self, base: DataSource, releases: Mapping[str, DataSource]) -> None:
        self.base = base
        self.releases = releases
        self.kind = base.kind

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
            by_part[source.repository if source.repository in self.releases else ""].append(source)
        found = {
            name: (self.releases[name] if name else self.base).fingerprint(part, anew=anew)
            for name, part in by_part.items()
        }
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
        return self.releases.get(source.repository, self.base)
