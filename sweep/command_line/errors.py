"""Errors that tell the user what to do, and the sentence that each becomes."""

from __future__ import annotations

from sweep.cluster.errors import RayError
from sweep.planning.probing import ProbeError
from sweep.studies.errors import StudyError
from trainables.data.cache_folder import CacheFolderError
from trainables.ledger.errors import StoreError
from trainables.model.names import EncoderUnavailableError

FOR_THE_USER = (ValueError, StoreError, StudyError, EncoderUnavailableError, CacheFolderError, RayError, ProbeError)
"""Errors that say what to do; anything else is a fault of the program and keeps its traceback."""


def sentence(error: Exception) -> str:
    """What is said of an error; empty for a fault of the program.

    An error of the operating system is about the user's files where it names one.
    """
    if isinstance(error, FOR_THE_USER):
        return str(error) or type(error).__name__
    if isinstance(error, OSError) and error.filename is not None:
        return f"{error.filename}: {error.strerror or error}"
    return ""
