"""The journal: one file on disk that holds every trial of every study of a sweep."""

from __future__ import annotations

from functools import cached_property
from pathlib import Path

import optuna
from optuna.storages import JournalStorage

from sweep.studies.errors import StudyError
from sweep.studies.journal_file import JournalFile


class Journal:
    """The file that holds all studies of a sweep; read once, then appended to.

    One driver at a time may write to it (`Store.driver_lock`).
    """

    def __init__(self, path: Path) -> None:
        self.path = path.expanduser().resolve()

    @cached_property
    def storage(self) -> JournalStorage:
        """The opened file, made when it does not exist. Raises StudyError when it cannot be read as a journal."""
        optuna.logging.set_verbosity(optuna.logging.ERROR)
        try:
            self.path.parent.mkdir(parents=True, exist_ok=True)
            return JournalStorage(JournalFile(self.path))
        except OSError as error:
            raise StudyError(f"cannot use the journal of studies {self.path}: {error.strerror or error}") from error
        except (ValueError, LookupError, TypeError, AttributeError) as error:
            raise StudyError(
                f"{self.path} is not a journal of studies ({type(error).__name__}: {error}); move it away to start anew"
            ) from error
