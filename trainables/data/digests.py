"""SHA-256 of files, remembered by path, size and time of change so that planning does not read them again."""

from __future__ import annotations

import hashlib
import json
import logging
from collections.abc import Iterable
from pathlib import Path

import filelock

from trainables.data.cache_folder import cache_folder
from trainables.ledger import files

log = logging.getLogger(__name__)

DIGITS = 16

_Entry = tuple[int, int, str]


class FileDigests:
    """Digests of files; those computed are kept in `digests.json` of the cache folder.

    A cache that cannot be read or written is no error: the digests are then computed again.
    """

    def __init__(self, file: Path | None = None) -> None:
        self._file = file or cache_folder() / "digests.json"
        self._known: dict[str, _Entry] = self._read()

    def combined(self, root: Path, paths: Iterable[Path]) -> str:
        """Sixteen hexadecimal digits over the relative paths and the content of the files, in any order."""
        found = {path.relative_to(root).as_posix(): self._digest(path) for path in sorted(set(paths))}
        self._write()
        whole = hashlib.sha256()
        for name, digest in sorted(found.items()):
            whole.update(f"{name}\0{digest}\n".encode())
        return whole.hexdigest()[:DIGITS]

    def _digest(self, path: Path) -> str:
        state = path.stat()
        known = self._known.get(str(path))
        if known and (known[0], known[1]) == (state.st_size, state.st_mtime_ns):
            return known[2]
        with path.open("rb") as stream:
            digest = hashlib.file_digest(stream, "sha256").hexdigest()
        self._known[str(path)] = (state.st_size, state.st_mtime_ns, digest)
        self._changed = True
        return digest

    _changed = False

    def _read(self) -> dict[str, _Entry]:
        try:
            return {name: tuple(entry) for name, entry in json.loads(self._file.read_text()).items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            log.warning("cannot read %s, files will be read again: %s", self._file, error)
            return {}

    def _write(self) -> None:
        if not self._changed:
            return
        try:
            with filelock.FileLock(self._file.with_suffix(".lock")):
                self._known = self._read() | self._known
                files.write(self._file, json.dumps(self._known))
            self._changed = False
        except OSError as error:
            log.warning("cannot write %s: %s", self._file, error)
