"""A folder in the layout of the hub: `DIR/<repository>/<config>/<split>.parquet`."""

from __future__ import annotations

import difflib
from collections.abc import Sequence
from pathlib import Path

import pyarrow as pa
import pyarrow.compute as pc

from trainables.data.digests import FileDigests
from trainables.data.parquet import ANSWERS, count_rows, has_answers, incomplete, read_columns
from trainables.data.source import DataError, DataSource, MissingDataError, kept_rows, label_names
from trainables.ledger.nearest import nearest
from trainables.ledger.paths import expanded, names_in
from trainables.ledger.plain import plain
from trainables.tasks.task import Source

MISSPELT_RATIO = 0.75


class MirrorData(DataSource):
    """Parquet files in a folder.

    Besides `<split>.parquet` the hub's own names are read, so that a downloaded repository works as it is:
    `<config>/<split>-00000-of-00001.parquet`, and `data/<split>-…` for the configuration `default`.
    """

    def __init__(self, root: Path, kind: str = "mirror") -> None:
        self.root = expanded(root).resolve()
        self.kind = kind
        self._digests = FileDigests()

    def has(self, source: Source) -> bool:
        return not self.problem(source)

    def problem(self, source: Source) -> str:
        found = self._find(source)
        if not found:
            return f"{self._expected(source)} {self._why_not_there(source)}"
        if problem := incomplete(found):
            return problem
        if ANSWERS in source.columns and not any(map(has_answers, found)):
            return f"{found[0]}: all answers are empty, as in XTREME's release files (protocol.md 8.13)"
        return ""

    def table(self, source: Source) -> pa.Table:
        files = self.files(source)
        first, *others = tables = [read_columns(path, source.columns) for path in files]
        for path, other in zip(files[1:], others, strict=True):
            if other.schema != first.schema or label_names(other, str(path)) != label_names(first, str(files[0])):
                raise DataError(f"{path} has other columns, types or label names than {files[0]}")
        return pa.concat_tables(tables)

    def fingerprint(self, sources: Sequence[Source], *, anew: bool = False) -> str:
        return self._digests.combined(self.root, [path for source in sources for path in self.files(source)], anew=anew)

    def num_rows(self, source: Source) -> int:
        files, keep = self.files(source), source.keep
        if keep is None:
            return sum(count_rows(path) for path in files)
        columns = [read_columns(path, (keep.column,)).column(0) for path in files]
        kept = [kept_rows(column, keep, str(path)) for column, path in zip(columns, files, strict=True)]
        return sum(pc.sum(mask).as_py() or 0 for mask in kept)

    def location(self, source: Source) -> str:
        found = self._find(source)
        return str(found[0] if found else self._expected(source))

    def files(self, source: Source) -> list[Path]:
        """The files of a source in order; raises MissingDataError naming the file that should be there."""
        found = self._find(source)
        if not found:
            raise MissingDataError(self.problem(source))
        if problem := incomplete(found):
            raise MissingDataError(problem)
        return found

    def _expected(self, source: Source) -> Path:
        return self.root / source.repository / source.config / f"{source.split}.parquet"

    def _find(self, source: Source) -> list[Path]:
        expected = self._expected(source)
        if _is_file(expected):
            return [expected]
        folders = [expected.parent]
        if source.config == "default":
            folders.append(self.root / source.repository / "data")
        for folder in folders:
            if shards := sorted(folder.glob(f"{source.split}-?????-of-?????.parquet")):
                return shards
        return []

    def _why_not_there(self, source: Source) -> str:
        try:
            self._expected(source).stat()
        except FileNotFoundError:
            return f"does not exist{self._hint(source)}"
        except OSError as error:
            return f"cannot be read: {error.strerror or error}"
        return "is no file"

    def _hint(self, source: Source) -> str:
        """The folder that was probably meant, where the first folder that is not there is only misspelt."""
        folder = self.root
        for part in Path(source.path).parts[:-1]:
            if not (folder / part).is_dir():
                near = _misspelt(part, [name for name in names_in(folder) if (folder / name).is_dir()])
                return f"; did you mean {str(folder / near)!r}?" if near else ""
            folder /= part
        present = [name.removesuffix(".parquet") for name in names_in(folder) if name.endswith(".parquet")]
        return f"; splits in {folder}: {', '.join(map(plain, present)) or 'none'}"


def _misspelt(name: str, present: Sequence[str]) -> str:
    """The present name that `name` misspells, or an empty string; another language (`PAN-X.yo`) is no misspelling."""
    alike = [
        other
        for other in present
        if Path(other).suffix == Path(name).suffix
        and difflib.SequenceMatcher(None, other.lower(), name.lower()).ratio() >= MISSPELT_RATIO
    ]
    return nearest(name, alike)


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:  # a folder on the way that may not be entered
        return False
