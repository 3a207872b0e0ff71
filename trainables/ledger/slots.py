"""Slots: how many processes may do something to a shared disk at once. A slot is a lock on a file of its own."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import filelock

from trainables.ledger import files


@dataclass(frozen=True, kw_only=True)
class Slots:
    """So many places, for all processes that see the folder.

    Attributes:
        folder: of the lock files.
        number: of places; 0 is no limit.
    """

    folder: Path = Path()
    number: int = 0

    def take(self) -> Slot | None:
        """A free place, without waiting; None where there is none.

        Whoever is killed gives its place up. Raises OSError where no lock can be had.
        """
        if not self.number:
            return Slot()
        files.make_below(self.folder, self.folder.parent)
        for place in range(self.number):
            # taken by the thread that trains, given back by the one that writes
            lock = filelock.FileLock(self.folder / f"{place}.lock", thread_local=False)
            try:
                lock.acquire(blocking=False)
            except filelock.Timeout:
                continue
            return Slot(lock=lock)
        return None


@dataclass(frozen=True, kw_only=True)
class Slot:
    """A place that was taken; any thread may give it back, once or more often."""

    lock: filelock.BaseFileLock | None = None

    def give_back(self) -> None:
        """Leave it to others."""
        if self.lock:
            self.lock.release()


NO_LIMIT = Slots()
