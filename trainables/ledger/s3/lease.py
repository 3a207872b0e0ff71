"""Lease: a lock that is an object, written on the condition that nobody else has written it.

Its holder writes it again and again; one that has not for `lease_seconds`, by the service's own clock, has died, and
the lock may be taken over. Processes of one machine also hold a lock on a file, which the death of its holder frees at
once: a lease that this machine has written is nobody's if that file is free.
"""

from __future__ import annotations

import json
import logging
import threading
import time
import uuid
from collections.abc import Callable
from contextlib import suppress
from dataclasses import asdict, dataclass, replace

from botocore.exceptions import BotoCoreError, ClientError

from trainables.ledger.s3.bucket import Bucket, Content
from trainables.ledger.s3.errors import S3Error
from trainables.ledger.s3.patience import passes, said

log = logging.getLogger(__name__)

LOOK_SECONDS = 0.5
"""Between two looks at a lease that another holds."""
AGAIN_SECONDS = 1.0
"""Between two tries to write a lease again."""
LOST = "another process has taken over what this one held, since this one was not heard of"
NOT_HEARD = "the service has not answered for too long"


@dataclass(frozen=True, kw_only=True)
class Holding:
    """What a lease says.

    Attributes:
        holder: for people; empty for a lease that was given up.
        token: of this holding.
        machine: whose file lock goes with it.
        seconds: after which it may be taken over.
        count: of the times it was written, so that it is another object each time.
    """

    holder: str
    token: str
    machine: str
    seconds: float
    count: int = 0

    def to_json(self) -> bytes:
        """The inverse of `from_json`."""
        return json.dumps(asdict(self)).encode()

    @classmethod
    def from_json(cls, body: bytes) -> Holding | None:
        """What is written; None for anything else."""
        try:
            return cls(**json.loads(body))
        except (ValueError, TypeError):
            return None


class Lease:
    """One lease of a bucket, for whoever holds the lock on the file of this machine that goes with it.

    `on_lost` is told, by another thread, why what was held is lost.
    """

    def __init__(
        self,
        bucket: Bucket,
        key: str,
        *,
        holder: str,
        machine: str,
        on_lost: Callable[[str], object] = lambda why: None,
    ) -> None:
        self._bucket = bucket
        self._key = key
        self._on_lost = on_lost
        seconds = bucket.place.lease_seconds
        self._own = Holding(holder=holder, token=uuid.uuid4().hex, machine=machine, seconds=seconds)
        self._etag = ""
        self._renewed = 0.0
        self._lost = ""
        self._writing = threading.Lock()
        self._ends = threading.Event()
        self._thread = threading.Thread(target=self._renew, name=f"lease {key}", daemon=True)

    def acquire(self, seconds: float | None = None) -> str:
        """Take the lease; empty, or who holds it, if it is not free within so many seconds.

        Without a number: as long as it takes to see whether its holder lives.
        """
        began, seen, told = time.monotonic(), "", False
        while True:
            found = self._bucket.get(self._key)
            if found is None or self._is_free(found):
                asked = time.monotonic()
                if etag := self._bucket.put_if(self._key, self._own.to_json(), found.etag if found else None):
                    self._etag, self._renewed = etag, asked
                    self._thread.start()
                    return ""
                continue
            holder = _holder(found)
            spent = time.monotonic() - began
            if (spent >= seconds) if seconds is not None else (seen not in ("", found.etag)):
                return holder
            if not told:
                log.warning("%s: held by %s; waiting to see whether it lives", self._key, holder)
            seen, told = found.etag, True
            time.sleep(LOOK_SECONDS)

    def assure(self) -> None:
        """Raise S3Error unless this is still the holder; where that is not certain, the service is asked."""
        if not self._lost and time.monotonic() - self._renewed > self._own.seconds:
            with suppress(BotoCoreError, ClientError):
                self._write()
        if self._lost:
            raise S3Error(f"{self._bucket.place}: {self._lost}")

    def release(self) -> None:
        """Give it up, if it is not lost; where the service does not answer it is left to expire."""
        self._ends.set()
        self._thread.join()
        if self._lost:
            return
        given_up = replace(self._own, holder="", count=self._own.count + 1)
        try:
            self._bucket.put_if(self._key, given_up.to_json(), self._etag, once=True)
        except (BotoCoreError, ClientError) as error:
            log.warning("%s cannot be given up, it expires: %s", self._key, said(error))

    def _renew(self) -> None:
        """In a thread: write it again three times in the life of a lease, more often while that fails."""
        pause = self._own.seconds / 3
        while not self._ends.wait(pause):
            pause = self._own.seconds / 3
            try:
                self._write()
            except (BotoCoreError, ClientError, S3Error) as error:
                pause = min(AGAIN_SECONDS, pause)
                if not passes(error):
                    log.warning("%s cannot be renewed: %s", self._key, said(error))
                if time.monotonic() - self._renewed > self._own.seconds + self._bucket.place.wait_seconds:
                    self._lose(f"{NOT_HEARD}: {said(error)}")
            if self._lost:
                return

    def _write(self) -> None:
        """Write it again; raises errors of botocore. Lost only if another has written it, however long it took."""
        with self._writing:
            asked = time.monotonic()
            self._own = replace(self._own, count=self._own.count + 1)
            etag = self._bucket.put_if(self._key, self._own.to_json(), self._etag, once=True)
            if not etag:
                found = self._bucket.get(self._key)
                written = Holding.from_json(found.body) if found else None
                if found is None or written is None or written.token != self._own.token:
                    self._lose(f"{LOST} ({_holder(found)})" if found else LOST)
                    return
                etag = found.etag  # ours: the answer to the last writing was lost
            self._etag, self._renewed = etag, asked

    def _lose(self, why: str) -> None:
        self._lost = why
        self._on_lost(why)

    def _is_free(self, found: Content) -> bool:
        """For who holds the lock on this machine's file."""
        return is_free(found, self._own.machine, self._own.seconds)


def is_free(found: Content, machine: str, seconds: float) -> bool:
    """Whether a lease was given up, has expired, or was left by a dead process of a machine whose file is free."""
    written = Holding.from_json(found.body)
    if written is None:
        return found.age >= seconds
    return not written.holder or written.machine == machine or found.age >= written.seconds


def _holder(found: Content) -> str:
    written = Holding.from_json(found.body)
    return written.holder or "nobody" if written else "unknown"
