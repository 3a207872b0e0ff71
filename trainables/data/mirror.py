"""A folder in the layout of the hub: `DIR/<repository>/<config>/<split>.parquet`."""

from __future__ import annotations

import difflib
import functools
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

from trainables.data.digests import FileDigests
from trainables.data.source import DataError, DataSource, MissingDataError, check_columns, kept_rows
from trainables.ledger.nearest import nearest
from trainables.tasks.task import Source

ANSWERS = "answers"
MISSPELT_RATIO = 0.75


class MirrorData(DataSource):
    """Parquet files in a folder.

    Besides `<split>.parquet` the hub's own names are read, so that a downloaded repository works as it is:
    `<config>/<split>-00000-of-00001.parquet`, and `data/<split>-…` for the configuration `default`.
    """

    def __init__(self, root: Path, kind: str = "mirror") -> None:
        self.root = root.expanduser().resolve()
        self.kind = kind
        self._digests = FileDigests()

    def has(self, source: Source) -> bool:
        return not self.problem(source)

    def problem(self, source: Source) -> str:
        found = self._find(source)
        if not found:
            return f"{self._expected(source)} does not exist{self._hint(source)}"
        if ANSWERS in source.columns and not any(_has_answers(path, path.stat().st_mtime_ns) for path in found):
            return f"{found[0]}: all answers are empty, as in XTREME's release files (protocol.md 8.13)"
        return ""

    def table(self, source: Source) -> pa.Table:
        return pa.concat_tables([_read(path, source) for path in self.files(source)])

    def fingerprint(self, sources: Sequence[Source]) -> str:
        return self._digests.combined(self.root, [path for source in sources for path in self.files(source)])

    def num_rows(self, source: Source) -> int:
        files, keep = self.files(source), source.keep
        if keep is None:
            return sum(pq.read_metadata(path).num_rows for path in files)
        columns = [pq.read_table(path, columns=[keep.column]).column(keep.column) for path in files]
        return sum(pc.sum(kept_rows(column, keep)).as_py() or 0 for column in columns)

    def location(self, source: Source) -> str:
        found = self._find(source)
        return str(found[0] if found else self._expected(source))

    def files(self, source: Source) -> list[Path]:
        """The files of a source in order; raises MissingDataError naming the file that should be there."""
        found = self._find(source)
        if not found:
            raise MissingDataError(self.problem(source))
        return found

    def _expected(self, source: Source) -> Path:
        return self.root / source.repository / source.config / f"{source.split}.parquet"

    def _find(self, source: Source) -> list[Path]:
        expected = self._expected(source)
        if expected.is_file():
            return [expected]
        folders = [expected.parent]
        if source.config == "default":
            folders.append(self.root / source.repository / "data")
        for folder in folders:
            if shards := sorted(folder.glob(f"{source.split}-?????-of-?????.parquet")):
                return shards
        return []

    def _hint(self, source: Source) -> str:
        """The folder that was probably meant, where the first folder that is not there is only misspelt."""
        folder = self.root
        for part in Path(source.path).parts[:-1]:
            if not (folder / part).is_dir():
                near = _misspelt(part, [child.name for child in folder.iterdir() if child.is_dir()])
                return f"; did you mean {str(folder / near)!r}?" if near else ""
            folder /= part
        present = sorted(child.name.split(".")[0] for child in folder.glob("*.parquet"))
        return f"; splits in {folder}: {', '.join(present) or 'none'}"


def _misspelt(name: str, present: Sequence[str]) -> str:
    """The present name that `name` misspells, or an empty string; another language (`PAN-X.yo`) is no misspelling."""
    alike = [
        other
        for other in present
        if Path(other).suffix == Path(name).suffix
        and difflib.SequenceMatcher(None, other.lower(), name.lower()).ratio() >= MISSPELT_RATIO
    ]
    return nearest(name, alike)


@functools.cache
def _has_answers(path: Path, changed_ns: int) -> bool:
    """Whether any row of a question-answering file has an answer; reads no more than it must. Unreadable counts as yes.

    `changed_ns` makes a file that was replaced be looked at again.
    """
    try:
        for batch in pq.ParquetFile(path).iter_batches(batch_size=1000, columns=[ANSWERS]):
            texts = batch.column(0).field("text").flatten()
            if pc.any(pc.not_equal(pc.utf8_trim_whitespace(texts), "")).as_py():
                return True
    except (pa.ArrowException, OSError, KeyError, IndexError):
        return True
    return False


def _read(path: Path, source: Source) -> pa.Table:
    try:
        file = pq.ParquetFile(path)
        check_columns(source, file.schema_arrow.names, str(path))
        return file.read(columns=list(source.columns))
    except (pa.ArrowException, OSError) as error:
        raise DataError(f"{path} cannot be read as parquet: {error}") from error
