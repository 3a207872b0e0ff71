"""JournalFile: Optuna's journal on disk, of whole lines only, each with a digest of itself."""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Generator, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

_DIGEST, _DIGITS = "digest", 16
_LOCK_SECONDS = 5
"""After so long without a write the lock of a killed driver is taken over."""


class JournalFile(JournalFileBackend):
    """Optuna's backend, which by itself would glue the next line to one that was cut short.

    A line cut short by a killed driver is dropped when the file is opened; raises ValueError when the last whole line
    is not JSON. Reading raises ValueError for a line that is not what was written; lines of versions before digests
    stand before all that have one.
    """

    def __init__(self, path: Path) -> None:
        lock = JournalFileSymlinkLock(str(path), grace_period=_LOCK_SECONDS)
        super().__init__(str(path), lock_obj=lock)
        self._path = path
        self._symlink = lock
        self._sealed = False
        with self._locked():
            _drop_cut_line(path)

    def read_logs(self, log_number_from: int) -> Generator[dict[str, Any], None, None]:
        """The lines from one on, compared with their digests."""
        for log in super().read_logs(log_number_from):
            found = log.pop(_DIGEST, None)
            if (self._sealed or found is not None) and found != _digest(log):
                raise ValueError(f"damaged: a line of {self._path.name} is not what was written")
            self._sealed = self._sealed or found is not None
            yield log

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append all or nothing: raises OSError, say for a full disk, with the file as it was."""
        lines = "".join(f"{_line(log | {_DIGEST: _digest(log)})}\n" for log in logs)
        with self._locked():
            size = self._path.stat().st_size
            try:
                with self._path.open("ab") as file:
                    file.write(lines.encode())
                    file.flush()
                    os.fsync(file.fileno())
            except OSError:
                os.truncate(self._path, size)
                raise

    @contextmanager
    def _locked(self) -> Iterator[None]:
        self._symlink.acquire()
        try:
            yield
        finally:
            self._symlink.release()


def broken_line(path: Path) -> str:
    """Which line of a journal is not what was written; empty where all are."""
    is_sealed = False
    for number, line in enumerate(path.read_bytes().splitlines(), 1):
        try:
            log = json.loads(line)
            found = log.pop(_DIGEST, None)
        except (ValueError, AttributeError, TypeError, RecursionError):
            return f"line {number} is not JSON"
        if (is_sealed or found is not None) and found != _digest(log):
            return f"line {number} is not what was written"
        is_sealed = is_sealed or found is not None
    return ""


def _line(log: dict[str, Any]) -> str:
    return json.dumps(log, separators=(",", ":"))


def _digest(log: dict[str, Any]) -> str:
    return hashlib.sha256(_line(log).encode()).hexdigest()[:_DIGITS]


def _drop_cut_line(path: Path) -> None:
    """Cut the file after its last whole line; raises ValueError when that line is not JSON."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if lines := content[:whole].splitlines():
        json.loads(lines[-1])
    if whole < len(content):
        os.truncate(path, whole)
