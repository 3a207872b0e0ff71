"""The records of a store, read: which runs are finished, and what is written down of them."""

from __future__ import annotations

import logging
import os
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from trainables.ledger.errors import MissingRunError
from trainables.ledger.record import BrokenRecordError, Record

log = logging.getLogger(__name__)

RECOMPUTED = "the next `run` computes it again"
"""What becomes of a run whose record cannot be read."""


class FileState(NamedTuple):
    """By what a file is known to be the one that was read: it is only ever replaced, by another file."""

    size: int
    changed_ns: int
    status_ns: int
    inode: int


class Records:
    """The records of the runs below a folder, by their ids.

    The underscored methods at the end say where they are now: a store that lies elsewhere has others (`s3.store`).
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()
        self._told: set[str] = set()
        self._readable: dict[str, FileState] = {}
        self._latest: tuple[str, FileState, Record] | None = None

    def __str__(self) -> str:
        return str(self.root)

    def run_ids(self) -> list[str]:
        """Ids of all runs that have a record, sorted."""
        return list(self.record_states())

    def record_states(self) -> dict[str, FileState]:
        """Ids of all runs that have a record, sorted -> the state of its file."""
        found = {}
        for name, path in self._begun():
            with suppress(OSError):
                found[name] = file_state(os.stat(f"{path}/record.json"))  # noqa: PTH116 - a third of pathlib's time
        return dict(sorted(found.items()))

    def record_state(self, run_id: str) -> FileState | None:
        """State of the file of one record, if there is one."""
        try:
            return file_state((self._now(run_id) / "record.json").stat())
        except OSError:
            return None

    def damaged_ids(self) -> set[str]:
        """Ids of all runs with a note of damage."""
        return {name for name, path in self._begun() if os.path.lexists(f"{path}/damage.json")}

    def _begun(self) -> list[tuple[str, str]]:
        """Name and path of everything among the runs."""
        try:
            with os.scandir(self._all_now()) as entries:
                return [(entry.name, entry.path) for entry in entries]
        except OSError:  # no runs yet
            return []

    def begun_ids(self) -> list[str]:
        """Ids of all runs that were ever begun here, sorted."""
        return sorted(path.name for path in self._all_now().glob("*/") if not path.name.startswith("."))

    def record(self, run_id: str) -> Record:
        """The record of a finished run; raises MissingRunError or BrokenRecordError.

        The file that was read last is not read again while it is the same: several ask for a run that has just ended.
        """
        state = self.record_state(run_id)
        if state and self._latest and self._latest[:2] == (run_id, state):
            return self._latest[2]
        path = self._now(run_id) / "record.json"
        try:
            record = Record.from_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise MissingRunError(f"run {run_id} is not finished: {path} does not exist") from None
        except (OSError, UnicodeDecodeError, BrokenRecordError) as error:
            raise BrokenRecordError(f"{path}: {getattr(error, 'strerror', None) or error}") from error
        if record.run_id != run_id:
            raise BrokenRecordError(f"{path}: holds the record of run {record.run_id}")
        if state:
            self._latest = (run_id, state, record)
        return record

    def is_finished(self, run_id: str) -> bool:
        """Whether the run has a readable record. A broken record counts as none and is reported in the log, once.

        A file that was read whole is not read again while it is the same.
        """
        state = self.record_state(run_id)
        if state and self._readable.get(run_id) == state:
            return True
        try:
            self.record(run_id)
        except MissingRunError:
            return False
        except BrokenRecordError as error:
            if run_id not in self._told:
                self._told.add(run_id)
                log.warning("run %s has a broken record and will be computed again: %s", run_id, error)
            return False
        self._told.discard(run_id)
        if state:
            self._readable[run_id] = state
        return True

    def _folder(self, run_id: str) -> Path:
        return self.root / "runs" / run_id

    def _now(self, run_id: str) -> Path:
        """The folder of a run, its record and notes as they are now."""
        return self._folder(run_id)

    def _all_now(self) -> Path:
        """The folder of all runs, their records and notes as they are now."""
        return self.root / "runs"


def file_state(found: os.stat_result) -> FileState:
    """State of a file from what `stat` says of it."""
    return FileState(found.st_size, found.st_mtime_ns, found.st_ctime_ns, found.st_ino)
