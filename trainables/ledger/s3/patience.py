"""Patience: errors of the service that pass are waited out, for a bounded time."""

from __future__ import annotations

import logging
import random
import time
from collections.abc import Callable
from typing import TypeVar

from botocore import exceptions

from trainables.ledger.s3.errors import S3Error, S3UnreachableError

log = logging.getLogger(__name__)

FIRST_SECONDS = 0.5
LONGEST_SECONDS = 30.0
"""Between two tries; twice as long from each to the next."""
_PASSING = (
    exceptions.ConnectionError,
    exceptions.HTTPClientError,
    exceptions.ResponseStreamingError,
    exceptions.IncompleteReadError,
)
_PASSING_CODES = frozenset({
    "SlowDown", "RequestTimeout", "Throttling", "ThrottlingException", "RequestLimitExceeded", "InternalError",
    "ServiceUnavailable", "ConditionalRequestConflict", "OperationAborted",
})  # fmt: skip
_TOO_MANY = 429
_SERVER = 500

_Found = TypeVar("_Found")


class TransferError(Exception):
    """A file could not be sent or brought; whether that passes is not known."""


class Patience:
    """Tries again, for so many seconds at most; `on_end` is told when that was too short.

    Once it has given up it tries everything once, until the service answers again: what is left to do when a process
    ends must not wait as long for each of its parts.
    """

    def __init__(self, where: str, seconds: float) -> None:
        self._where = where
        self._seconds = seconds
        self._gave_up = False
        self.on_end: Callable[[str], object] = lambda why: None

    def __call__(self, call: Callable[[], _Found]) -> _Found:
        """What the call returns; raises S3Error for what does not pass, S3UnreachableError after the last try.

        Answers of the service that the caller asks about (404, 412) are its ClientError.
        """
        began, pause = time.monotonic(), FIRST_SECONDS
        while True:
            try:
                found = call()
            except (exceptions.BotoCoreError, exceptions.ClientError, TransferError) as error:
                if not passes(error):
                    self._gave_up = False
                    raise refused(self._where, error) if not _is_answer(error) else error from error
                spent = time.monotonic() - began
                if self._gave_up or spent + pause > self._seconds:
                    why = f"{self._where} has not answered for {spent:.0f} s: {said(error)}"
                    if not self._gave_up:
                        self.on_end(why)
                    self._gave_up = True
                    raise S3UnreachableError(why) from error
                if pause == FIRST_SECONDS:
                    log.warning("%s: %s; waiting for up to %.0f s", self._where, said(error), self._seconds)
                time.sleep(pause * random.uniform(0.5, 1.0))
                pause = min(2 * pause, LONGEST_SECONDS)
            else:
                self._gave_up = False
                return found


def passes(error: Exception) -> bool:
    """Whether the same may succeed later."""
    if isinstance(error, exceptions.ClientError):
        return code_of(error) in _PASSING_CODES or status_of(error) == _TOO_MANY or status_of(error) >= _SERVER
    return isinstance(error, (*_PASSING, TransferError))


def code_of(error: exceptions.ClientError) -> str:
    """The service's own word for an error."""
    return str(error.response.get("Error", {}).get("Code", ""))


def status_of(error: exceptions.ClientError) -> int:
    """Status of the answer."""
    return int(error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0))


def refused(where: str, error: Exception) -> S3Error:
    """What is said of an error that does not pass."""
    if isinstance(error, exceptions.NoCredentialsError | exceptions.PartialCredentialsError):
        why = "there are no credentials; set AWS_ACCESS_KEY_ID and AWS_SECRET_ACCESS_KEY, or AWS_PROFILE"
        return S3Error(f"{where}: {why}")
    return S3Error(f"{where}: {said(error)}")


def said(error: Exception) -> str:
    """An error on one line."""
    if isinstance(error, exceptions.ClientError):
        found = error.response.get("Error", {})
        return f"{code_of(error)} ({' '.join(str(found.get('Message', '')).split())})"
    return " ".join(str(error).split()) or type(error).__name__


def _is_answer(error: Exception) -> bool:
    """Whether it answers a question: is there such an object, is it still the same."""
    return (
        isinstance(error, exceptions.ClientError)
        and status_of(error) in (304, 404, 412)
        and code_of(error) != "NoSuchBucket"
    )
