"""SHA-256 of files, remembered by path, size and time of change so that planning does not read them again."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from pathlib import Path

import filelock

from trainables.data.cache_folder import own_folder, warn_once
from trainables.data.source import DataError
from trainables.ledger import files
from trainables.ledger.digests import digest
from trainables.ledger.seal import sealed, unsealed

DIGITS = 16
READ_AGAIN = 2**30
"""Bytes. Larger files are those of Wikipedia, from which MLM takes its first articles (data/mlm.py)."""
FILE = "file_digests.json"
"""Not `digests.json`: versions that check nothing write there, and may share the cache folder."""

_Entry = tuple[int, int, str]


class FileDigests:
    """Digests of files; those computed are kept in a file of the cache folder.

    A cache that cannot be read or written is no error: the digests are then computed again.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or own_folder(FILE)
        self._known: dict[str, _Entry] = self._read()

    def combined(self, root: Path, paths: Iterable[Path], *, anew: bool = False) -> str:
        """Sixteen hexadecimal digits over the relative paths and the content of the files, in any order.

        `anew`: every file is read, once in a process, since a disk that loses a bit leaves size and time as they are;
        but for those beyond READ_AGAIN, of which no run reads more than the beginning. Raises DataError for a file that
        cannot be read.
        """
        found = {path.relative_to(root).as_posix(): self._digest(path, anew) for path in sorted(set(paths))}
        self._write()
        whole = hashlib.sha256()
        for name, content in sorted(found.items()):
            whole.update(f"{name}\0{content}\n".encode(errors="surrogateescape"))
        return whole.hexdigest()[:DIGITS]

    def _digest(self, path: Path, anew: bool) -> str:
        try:
            state = path.stat()
            known = self._known.get(str(path))
            if (
                not (anew and state.st_size <= READ_AGAIN)
                and known
                and (known[0], known[1]) == (state.st_size, state.st_mtime_ns)
            ):
                return known[2]
            found = (state.st_size, state.st_mtime_ns, digest(path))
        except OSError as error:
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
        self._changed = self._changed or found != known
        self._known[str(path)] = found
        return found[2]

    _changed = False

    def _read(self) -> dict[str, _Entry]:
        """What was kept; nothing of a file that is not, byte by byte, what was written."""
        if not self._file:
            return {}
        try:
            told = unsealed(self._file.read_text(encoding="utf-8"), range(1, 2), sealed_since=1)
            return {name: (size, changed, found) for name, (size, changed, found) in told["files"].items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, TypeError, KeyError) as error:
            warn_once(f"cannot read {self._file}, files will be read again: {error}")
            return {}

    def _write(self) -> None:
        if not self._changed or not self._file:
            return
        try:
            with filelock.FileLock(self._file.with_suffix(".lock")):
                self._known = self._read() | self._known
                files.write(self._file, sealed({"format": 1, "files": self._known}))
            self._changed = False
        except OSError as error:
            warn_once(f"cannot keep digests of files, which are then read again every time: {self._file}: {error}")
