"""The journal: one file on disk that holds every trial of every study of a sweep."""

from __future__ import annotations

import logging
from functools import cached_property
from pathlib import Path

import optuna
from optuna.storages import JournalStorage

from sweep.studies.errors import StudyError
from sweep.studies.journal_file import JournalFile
from trainables.ledger.digests import put_aside

log = logging.getLogger(__name__)


class Journal:
    """The file that holds all studies of a sweep; read once, then appended to.

    One driver at a time may write to it (`Store.driver_lock`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()

    @cached_property
    def storage(self) -> JournalStorage:
        """The opened file, made when it does not exist. Raises StudyError for a file that cannot be opened.

        What cannot be read as a journal is put aside, and the studies begin anew: they ask for the same trials, whose
        records the store has.
        """
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            try:
                return JournalStorage(JournalFile(self.path))
            except (ValueError, LookupError, TypeError, AttributeError) as error:
                aside = put_aside(self.path)
                log.warning(
                    "%s cannot be read (%s: %s), was put aside as %s, and the studies begin anew with the runs "
                    "of the store", self.path, type(error).__name__, error, aside.name,
                )  # fmt: skip
            return JournalStorage(JournalFile(self.path))
        except OSError as error:
            raise StudyError(f"cannot use the journal of studies {self.path}: {error.strerror or error}") from error
