"""What can be wrong with a store."""

from __future__ import annotations


class StoreError(RuntimeError):
    """The store cannot be used as asked: missing, not writable, full, or in use."""


class MissingRunError(StoreError):
    """A run was asked for that is not finished, or an artefact that it did not leave."""


class RemovedError(MissingRunError):
    """An artefact of a finished run was removed, since nothing needed it any more."""


class DamagedRunError(StoreError):
    """A file that a finished run left is not what its record says."""


class LedgerError(ValueError):
    """A file of a store that is not there or cannot be read as what it should be; the message says what to do."""
