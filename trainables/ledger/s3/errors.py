"""What can go wrong with a service of objects. All are errors of the operating system, too, as those of a disk are."""

from __future__ import annotations

from trainables.ledger.errors import StoreError


class S3Error(StoreError, OSError):
    """The service refuses what is asked of it: no such bucket, no permission, no credentials."""


class S3UnreachableError(S3Error, ConnectionError):
    """The service has not answered, or not done what it should, for longer than is waited for."""


class OutrunError(S3Error):
    """Another worker has written the record of a run first."""
