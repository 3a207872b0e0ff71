"""Official files of data sets that the hub lacks, in the layout of their publishers."""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterator, Sequence
from functools import cached_property
from pathlib import Path

import pyarrow as pa

from trainables.data.digests import FileDigests
from trainables.data.source import DataError, DataSource, MissingDataError
from trainables.ledger.paths import expanded
from trainables.tasks.task import Source


class RawRelease(DataSource):
    """One official release in a folder; each data set has a reader of its own.

    Subclasses say which files a source consists of and turn them into a table with the source's columns. The
    fingerprint covers paths below the release's own top folder and content, so it is the same wherever that lies.
    """

    kind = "raw"
    repository: str
    """What `Source.repository` says, and the name of the folder inside a mirror."""
    option: str
    """Field of `data.raw` in the configuration."""
    where_from: str
    """What the release is and how to come by it, for people."""
    inner: tuple[str, ...] = ("",)
    """Folders inside the given one in which the files may lie, the nearest first."""

    def __init__(self, folder: Path | None, *, given: bool = False) -> None:
        """`folder` is None where no place is known; `given` says that the user named it."""
        self.folder = expanded(folder).resolve() if folder else None
        self.given = given
        self._digests = FileDigests()

    @abstractmethod
    def files(self, source: Source) -> list[Path]:
        """The files of a source, whether they exist or not; `root` is known."""

    @abstractmethod
    def looks_right(self, folder: Path) -> bool:
        """Whether the release's files begin in this folder."""

    @cached_property
    def root(self) -> Path | None:
        """Where the files begin; None where there are none."""
        if not self.folder:
            return None
        folders = [self.folder / inner for inner in self.inner]
        return next((folder for folder in folders if folder.is_dir() and self.looks_right(folder)), None)

    def has(self, source: Source) -> bool:
        return not self.problem(source)

    def problem(self, source: Source) -> str:
        if not self.root:
            where = f"is not in {self.folder}" if self.folder else "is not on the hub"
            return f"{self.where_from} {where}. Give its folder: --set data.raw.{self.option}=DIR"
        found = self.files(source)
        absent = [path for path in found if not path.is_file()]
        if absent or not found:
            return f"{absent[0] if absent else self.location(source)} does not exist"
        return ""

    def fingerprint(self, sources: Sequence[Source], *, anew: bool = False) -> str:
        files = [path for source in sources for path in self.existing(source)]
        return self._digests.combined(self.root or Path(), files, anew=anew)

    def num_rows(self, source: Source) -> int:
        return int(self.table(source).num_rows)

    def is_whole(self, source: Source) -> bool:
        return self.given

    def location(self, source: Source) -> str:
        if not self.root:
            return str((self.folder or Path(self.repository)) / source.config / source.split)
        found = self.files(source)
        return str(found[0]) if len(found) == 1 else f"{self.root} ({source.config} {source.split})"

    def existing(self, source: Source) -> list[Path]:
        """The files of a source; raises MissingDataError with the reason when one is not there."""
        if problem := self.problem(source):
            raise MissingDataError(problem)
        return self.files(source)


def numbered_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Lines with their numbers from 1, without line breaks; raises DataError for a file that is no UTF-8 text.

    Only a line feed ends a line: sentences may hold the other characters that Python takes for line ends.
    """
    number = 0
    try:
        with path.open(encoding="utf-8-sig", newline="\n") as stream:
            for number, line in enumerate(stream, start=1):
                yield number, line.rstrip("\r\n")
    except UnicodeDecodeError as error:
        raise DataError(f"{path}, after line {number}: not text in UTF-8 ({error.reason})") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error


def select(table: pa.Table, source: Source) -> pa.Table:
    """The source's columns of a table."""
    return table.select(list(source.columns))
