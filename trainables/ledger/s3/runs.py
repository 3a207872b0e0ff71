"""The runs of a store in a bucket: leases beside locks on files, objects that are written once, a record at last."""

from __future__ import annotations

import logging
import os
import time
import uuid
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from trainables.ledger import files, locks, removed
from trainables.ledger.digests import DamagedFileError, asides, digest, put_aside
from trainables.ledger.errors import MissingRunError, StoreError
from trainables.ledger.record import BrokenRecordError, Record
from trainables.ledger.runs import Runs
from trainables.ledger.s3.bucket import Bucket, Object
from trainables.ledger.s3.cache import Cache
from trainables.ledger.s3.errors import OutrunError, S3Error, S3UnreachableError
from trainables.ledger.s3.lease import Lease, is_free
from trainables.ledger.s3.mirror import RECORD, Mirror
from trainables.ledger.s3.place import S3Place

log = logging.getLogger(__name__)

LOOK_SECONDS = 2.0
"""Shortest time between two looks at everything for somebody who only reads; ten times as long as a look takes."""


class S3Runs(Runs):
    """The runs of a store in a bucket.

    Whoever holds a lock of it sees every run as it is now, but for a record that was seen: only the holder of the lock
    puts records aside. Whoever only reads sees the store as it was at the last look at everything.

    Args:
        place: where it is.
        folder: of this machine, for this store alone.
    """

    def __init__(self, place: S3Place, folder: Path) -> None:
        super().__init__(folder)
        self.place = place
        self._bucket = Bucket(place)
        self._mirror = Mirror(self._bucket, self.root)
        self._cache = Cache(self.root / "runs", place.cache_gb * 1e9)
        self._held = 0
        self._seen: set[str] = set()
        self._looked = self._next_look = -1.0

    def __str__(self) -> str:
        return str(self.place)

    def refresh(self) -> None:
        """Look at everything as it is now."""
        began = time.monotonic()
        self._mirror.look_at_all()
        self._looked = time.monotonic()
        self._next_look = self._looked + max(LOOK_SECONDS, 10 * (self._looked - began))
        self._seen = {run_id for run_id, found in self._mirror.by_run.items() if f"runs/{run_id}/{RECORD}" in found}

    def is_computed(self, run_id: str) -> bool:
        """Whether a worker holds the lease of this run."""
        return self._is_held(f"runs/{run_id}/.lock")

    @contextmanager
    def run_lock(self, run_id: str, seconds: float) -> Iterator[None]:
        """As for a folder; a worker that has died elsewhere is waited for until its lease expires."""
        until = time.monotonic() + seconds
        files.make_folder(self.root / "runs")
        with super().run_lock(run_id, seconds):
            lease = self._lease(f"runs/{run_id}/.lock", lambda why: log.warning("run %s: %s", run_id, why))
            if holder := lease.acquire(max(until - time.monotonic(), 0.0)):
                raise StoreError(f"run {run_id} is still being computed by another process ({holder})")
            with self._holding(lease):
                yield

    def _lease(self, key: str, on_lost: Callable[[str], object]) -> Lease:
        holder = f"process {os.getpid()} on {os.uname().nodename}"
        return Lease(self._bucket, key, holder=holder, machine=self._machine(), on_lost=on_lost)

    @contextmanager
    def _holding(self, lease: Lease) -> Iterator[None]:
        self._seen.clear()
        self._held += 1
        try:
            yield
        finally:
            self._held -= 1
            self._next_look = -1.0
            lease.release()

    def _is_held(self, key: str) -> bool:
        found = self._bucket.get(key)
        if found is None or is_free(found, "", self.place.lease_seconds):
            return False
        return not is_free(found, self._machine(), self.place.lease_seconds) or locks.is_held(self.root / key)

    def _machine(self) -> str:
        """Name of this folder, which those share who hold locks on its files."""
        path = self.root / ".machine"
        if not path.exists():
            with files.beside(path) as made:
                made.write_text(uuid.uuid4().hex)
                with suppress(FileExistsError):
                    os.link(made, path)
        return path.read_text()

    def _assure(self, path: Path) -> None:
        """Raise S3Error where the file is not this process's to write any more."""

    def _now(self, run_id: str) -> Path:
        if not self._held:
            if self._looked < 0:
                self.refresh()
        elif run_id not in self._seen or (self._folder(run_id) / removed.NOTE).exists():
            self._look_at_run(run_id)  # a run of which something was removed may have been computed again
        return self._folder(run_id)

    def _all_now(self) -> Path:
        if self._held or time.monotonic() >= self._next_look:
            try:
                self.refresh()
            except S3UnreachableError as error:
                self._make_do(error)
                self._next_look = time.monotonic() + self.place.wait_seconds
        return self.root / "runs"

    def _make_do(self, error: S3UnreachableError) -> None:
        """Have who only reads see what was last seen; raises the error for all others, and where nothing was."""
        if self._held or self._looked < 0:
            raise error
        log.warning("%s; this is %s as it was last seen", error, self)

    def begun_ids(self) -> list[str]:
        """Ids of all runs of which there is any object, sorted."""
        self._all_now()
        return sorted(run_id for run_id in self._mirror.by_run if not run_id.startswith("."))

    def _look_at_run(self, run_id: str) -> Mapping[str, Object]:
        found = self._mirror.look_at_run(run_id)
        if f"runs/{run_id}/{RECORD}" in found:
            self._seen.add(run_id)
        return found

    def _objects(self, run_id: str) -> Mapping[str, Object]:
        """All objects of a run: as they are now for who holds a lock, as of the last look for who reads."""
        if self._held:
            return self._look_at_run(run_id)
        self._now(run_id)
        return self._mirror.by_run.get(run_id, {})

    def _write(self, path: Path, content: str, *, sole: bool = False, durable: bool = True) -> None:
        self._assure(path)
        if path.name != RECORD:
            self._mirror.write(path, content.encode(), sole=sole)
        elif not self._mirror.write_if(path, content.encode(), self._mirror.etag(path)):
            raise OutrunError(f"another worker has written {self._mirror.key(path)} of {self} first")

    def _unlink(self, *paths: Path) -> None:
        if paths:
            self._assure(paths[0])
            self._mirror.remove(*paths)

    def _put_aside(self, path: Path, why: str = "damaged") -> None:
        self._seen.discard(path.parent.name)
        earlier = asides(path)
        aside = put_aside(path, why)
        self._mirror.write(aside, aside.read_bytes())
        self._mirror.remove(path, *earlier)

    def num_bytes(self, record: Record) -> int:
        """Size of a run's objects, without what was removed."""
        found, gone = self._objects(record.run_id), self.removed(record.run_id)
        held = [_key(record.run_id, *each) for each in record.files.items() if Path(each[0]).parts[0] not in gone]
        return sum(found[key].size for key in (*held, f"runs/{record.run_id}/{RECORD}") if key in found)

    def unshared_bytes(self, run_id: str, name: str) -> int:
        """What removing an artefact would free in the bucket."""
        return sum(found.size for found in self._artefact(run_id, name).values())

    def publish(self, run_id: str, name: str, made: Path) -> dict[str, str]:
        """As for a folder; the objects are there when this returns, and count for nothing before the record does."""
        found = super().publish(run_id, name, made)
        self._send(run_id, found)
        self._cache.added(sum((self._folder(run_id) / file).stat().st_size for file in found))
        return found

    def finish(self, record: Record) -> None:
        """As for a folder. Where another worker has finished the run, its record and its files stay."""
        run_id = record.run_id
        self._look_at_run(run_id)
        if not self.is_finished(run_id) or self.removed(run_id):
            self._send(run_id, record.files)
            try:
                super().finish(record)
            except OutrunError as error:
                self._look_at_run(run_id)
                log.warning("%s; that record stays", error)
            else:
                self._seen.add(run_id)
                return
        else:
            log.warning("run %s was finished by another worker first; that record stays", run_id)
        self.discard(run_id)

    def fetch(self, run_id: str, name: str) -> Path:
        """As for a folder, into which the artefact is brought."""
        with suppress(MissingRunError, BrokenRecordError):
            self._bring(run_id, name)
        path = super().fetch(run_id, name)
        self._cache.used(path)
        return path

    def discard(self, run_id: str) -> None:
        """As for a folder, and remove objects that other attempts have left beside the finished run's own."""
        super().discard(run_id)
        found, kept = self._look_at_run(run_id), set()
        folder = f"runs/{run_id}/"
        gone = [key for key in found if key.startswith(f"{folder}.work/")]
        if self.is_finished(run_id):
            kept = {_key(run_id, *each) for each in self.record(run_id).files.items()}
            gone += [
                key for key in found if key.count("/") > 2 and key not in kept and not key.startswith(f"{folder}.")
            ]
        self._bucket.delete(gone)

    def finish_removals(self) -> int:
        """As for a folder; runs of which nothing is left are not asked for one by one."""
        ids = sorted(self.removed_ids())
        left = [
            run_id for run_id in ids if _named(self._mirror.by_run[run_id], run_id, removed.read(self._folder(run_id)))
        ]
        return sum(self._finish_removal(run_id) for run_id in left if not self.is_computed(run_id))

    def _compare(self, run_id: str, said: Mapping[str, str]) -> None:
        for file, wanted in said.items():
            path = self._folder(run_id) / file
            self._judge(run_id, file, wanted, digest(path) if path.exists() else "")

    def _compare_kept(self, run_id: str, said: Mapping[str, str]) -> None:
        """Every object is read; copies here say nothing of it."""
        for file, wanted in said.items():
            self._judge(run_id, file, wanted, self._bucket.digest(_key(run_id, file, wanted)))

    def _judge(self, run_id: str, file: str, wanted: str, found: str) -> None:
        where = f"{self.place.address}/{_key(run_id, file, wanted)}"
        if not found:
            raise DamagedFileError(f"{where} is not there")
        if found != wanted:
            raise DamagedFileError(f"{where} is not what was written (its SHA-256 is {found[:12]}…)")

    def _has(self, run_id: str, name: str) -> bool:
        return bool(self._artefact(run_id, name))

    def _finish_removal(self, run_id: str) -> bool:
        noted = removed.read(self._folder(run_id))
        left = _named(self._objects(run_id), run_id, noted)
        self._bucket.delete(left)
        return super()._finish_removal(run_id) or bool(left)

    def _artefact(self, run_id: str, name: str) -> Mapping[str, Object]:
        return _named(self._objects(run_id), run_id, [name])

    def _send(self, run_id: str, said: Mapping[str, str]) -> None:
        """Have these files of a run in the bucket."""
        there = self._bucket.listing(f"runs/{run_id}/")
        for file, found in said.items():
            key, path = _key(run_id, file, found), self._folder(run_id) / file
            if key in there and (not path.exists() or there[key].size == path.stat().st_size):
                continue
            if not path.exists() or digest(path) != found:
                raise S3Error(f"{self}: {key} is not there, and {path} is not what was to be sent")
            self._bucket.upload(path, key)

    def _bring(self, run_id: str, name: str) -> None:
        """Have the files of an artefact here; what is not right is brought again."""
        record = self.record(run_id)
        if Path(name).parts[0] in self.removed(run_id):
            return
        folder = self._folder(run_id)
        wanted = {file: found for file, found in record.files.items() if Path(file).is_relative_to(name)}
        with filelock.FileLock(folder / ".fetch.lock"):
            for file, found in wanted.items():
                path = folder / file
                if path.exists() and digest(path) == found:
                    continue
                with files.beside(path) as partial:
                    if self._bucket.download(_key(run_id, file, found), partial):
                        partial.replace(path)
                        self._cache.added(path.stat().st_size)
                    else:
                        files.remove(path)
                        self._look_at_run(run_id)  # it may have been removed since

    def has_checkpoint(self, run_id: str) -> bool:
        """Whether there is a checkpoint, wherever it was left."""
        return bool(self._bucket.etag(self._mirror.key(self.checkpoint(run_id))))

    def take_up(self, run_id: str) -> Path:
        """The checkpoint, brought here unless this machine has written the last one."""
        path = self.checkpoint(run_id)
        etag = self._bucket.etag(self._mirror.key(path))
        if etag and not (path.exists() and _read(_mark(path)) == etag):
            with files.beside(path) as partial:
                if self._bucket.download(self._mirror.key(path), partial):
                    partial.replace(path)
                    files.write(_mark(path), etag, durable=False)
        return path

    def keep_checkpoint(self, run_id: str) -> None:
        """Send the checkpoint; where it is gone, the object goes, too."""
        path = self.checkpoint(run_id)
        key = self._mirror.key(path)
        if not path.exists():
            self._bucket.delete([key])
            return
        self._bucket.upload(path, key)
        files.write(_mark(path), self._bucket.etag(key), durable=False)


def _key(run_id: str, file: str, found: str) -> str:
    """Key of a file that a run left."""
    return f"runs/{run_id}/{file}/{found}"


def _named(found: Mapping[str, Object], run_id: str, names: Iterable[str]) -> dict[str, Object]:
    """Those of a run's objects that belong to artefacts of these names."""
    prefixes = tuple(f"runs/{run_id}/{name}/" for name in names)
    return {key: each for key, each in found.items() if key.startswith(prefixes)}


def _mark(checkpoint: Path) -> Path:
    """File that says which object the checkpoint beside it was, or became."""
    return checkpoint.with_suffix(".etag")


def _read(path: Path) -> str:
    try:
        return path.read_text()
    except OSError:
        return ""
