"""JournalFile: Optuna's journal on disk, of whole lines only."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

_LOCK_SECONDS = 5
"""After so long without a write the lock of a killed driver is taken over."""


class JournalFile(JournalFileBackend):
    """Optuna's backend, which by itself would glue the next line to one that was cut short.

    A line cut short by a killed driver is dropped when the file is opened; raises ValueError when the last whole line
    is not JSON.
    """

    def __init__(self, path: Path) -> None:
        lock = JournalFileSymlinkLock(str(path), grace_period=_LOCK_SECONDS)
        super().__init__(str(path), lock_obj=lock)
        self._path = path
        self._symlink = lock
        with self._locked():
            _drop_cut_line(path)

    def append_logs(self, logs: list[dict[str, Any]]) -> None:
        """Append all or nothing: raises OSError, say for a full disk, with the file as it was."""
        lines = "".join(json.dumps(log, separators=(",", ":")) + "\n" for log in logs)
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


def _drop_cut_line(path: Path) -> None:
    """Cut the file after its last whole line; raises ValueError when that line is not JSON."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if lines := content[:whole].splitlines():
        json.loads(lines[-1])
    if whole < len(content):
        os.truncate(path, whole)
