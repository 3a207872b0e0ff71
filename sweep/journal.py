"""The journal: one file on disk that holds every trial of every study of a sweep."""

from __future__ import annotations

import json
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from optuna.storages import JournalStorage

_LOCK_SECONDS = 5
"""After so long without a write the lock of a killed driver is taken over."""


class StudyError(RuntimeError):
    """A study that cannot go on: its journal cannot be read or is of another sweep, or a package is missing."""


class Journal:
    """The file that holds all studies of a sweep; read once, then appended to.

    One driver at a time may write to it (`LocalStore.driver_lock`). A line cut short by a killed driver is dropped.
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()

    @cached_property
    def storage(self) -> JournalStorage:
        """The opened file, made when it does not exist. Raises StudyError when it cannot be read as a journal."""
        import optuna
        from optuna.storages import JournalStorage
        from optuna.storages.journal import JournalFileBackend, JournalFileSymlinkLock

        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            lock = JournalFileSymlinkLock(str(self.path), grace_period=_LOCK_SECONDS)
            backend = JournalFileBackend(str(self.path), lock_obj=lock)
            lock.acquire()
            try:
                _drop_cut_line(self.path)
            finally:
                lock.release()
            return JournalStorage(backend)
        except OSError as error:
            raise StudyError(f"cannot use the journal of studies {self.path}: {error.strerror or error}") from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise StudyError(
                f"{self.path} is not a journal of studies ({type(error).__name__}: {error}); move it away to start anew"
            ) from error


def _drop_cut_line(path: Path) -> None:
    """Cut the file after its last whole line; raises ValueError when that line is not JSON."""
    content = path.read_bytes()
    whole = content.rfind(b"\n") + 1
    if lines := content[:whole].splitlines():
        json.loads(lines[-1])
    if whole < len(content):
        with path.open("r+b") as file:
            file.truncate(whole)
