"""The files behind the rows of a sweep, wherever they are, and under which names a mirror has them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainables.data.hub import DEMO
from trainables.data.hub_files import hub_rows
from trainables.data.joined import JoinedData
from trainables.data.mirror import MirrorData
from trainables.data.raw import RawRelease
from trainables.data.source import DataSource, PassedOn
from trainables.data.wanted import Wanted, copied
from trainables.tasks.declared import OWN
from trainables.tasks.task import Source


def wanted_rows(sources: Sequence[Source], data: DataSource) -> list[Wanted]:
    """The files of these sources, each once, in order. Of the built-in corpus none: every machine has it.

    Files of a mirror and of official releases keep their paths, so that fingerprints, and with them the ids of runs,
    stay what they are. Raises MissingDataError for a file that is not there, or that the hub does not give.
    """
    if isinstance(data, Without):
        return wanted_rows(sources, data.base)
    assert isinstance(data, JoinedData)
    found: dict[str, Wanted] = {}
    of_hub: list[Source] = []
    for source in sources:
        part = data.part(source)
        if part.kind == OWN:  # nodes have it from the store
            files = []
        elif isinstance(part, RawRelease):
            files = _of_release(part, source)
        elif isinstance(part, MirrorData):
            files = _of_mirror(part, source) if part.kind != DEMO else []
        else:
            files = []
            of_hub.append(source)
        found |= {each.path: each for each in files}
    return [*found.values(), *hub_rows(of_hub)]


def local_paths(sources: Sequence[Source], data: DataSource) -> list[Path]:
    """The files of these sources that lie in folders of the user, each once."""
    assert isinstance(data, JoinedData)
    found: dict[Path, None] = {}
    for source in sources:
        part = data.part(source)
        if isinstance(part, RawRelease):
            found |= dict.fromkeys(part.existing(source))
        elif isinstance(part, MirrorData) and part.kind not in (DEMO, OWN):
            found |= dict.fromkeys(part.files(source))
    return list(found)


def _of_mirror(mirror: MirrorData, source: Source) -> list[Wanted]:
    return [
        copied(file, file.relative_to(mirror.root).as_posix(), repository=source.repository, config=source.config)
        for file in mirror.files(source)
    ]


def _of_release(release: RawRelease, source: Source) -> list[Wanted]:
    """All sources of a release have it in the folder of its name, wherever it lay."""
    assert release.root
    return [
        copied(
            file,
            f"{release.repository}/{file.relative_to(release.root).as_posix()}",
            repository=release.repository,
            config=source.config,
        )
        for file in release.existing(source)
    ]


class Without(PassedOn):
    """Data of which one repository is left out, as if it were not there."""

    def __init__(self, base: DataSource, repository: str) -> None:
        super().__init__(base)
        self.repository = repository

    def has(self, source: Source) -> bool:
        return not self.problem(source)

    def problem(self, source: Source) -> str:
        left_out = source.repository == self.repository
        return f"{source.repository} is left out" if left_out else self.base.problem(source)
