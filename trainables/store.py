"""The store: one folder per run id, holding what the run left. The record is written last and atomically.

```
STORE/
  driver.lock                one driver at a time
  runs/<run id>/record.json  the run is finished if and only if this exists
  runs/<run id>/<name>       published artefacts: encoder/, predictions/
  runs/<run id>/failure.json why the last attempt failed; removed when the run finishes
  runs/<run id>/pruned.json  a search ended the run early; removed when the run finishes
  runs/<run id>/.work/       private to the running attempt: checkpoint, half-made artefacts
```
"""

from __future__ import annotations

import json
import logging
import os
import shutil
import uuid
from abc import ABC, abstractmethod
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import filelock

from trainables.pruned import Pruned
from trainables.record import BrokenRecordError, Record

log = logging.getLogger(__name__)


class StoreError(RuntimeError):
    """The store cannot be used as asked: missing, not writable, full, or in use."""


class MissingRunError(StoreError):
    """A run was asked for that is not finished, or an artefact that it did not leave."""


class Store(ABC):
    """Where finished runs live. The sweep, the phases and the analysis know this interface only.

    Contract of every implementation: an artefact or record is either wholly visible or not at all; publishing the same
    artefact twice keeps a whole one; a record is visible only after all artefacts published before it.
    """

    @abstractmethod
    def run_ids(self) -> list[str]:
        """Ids of all finished runs, sorted."""

    @abstractmethod
    def record(self, run_id: str) -> Record:
        """The record of a finished run; raises MissingRunError or BrokenRecordError."""

    @abstractmethod
    def finish(self, record: Record) -> None:
        """Make a run finished. Call after its artefacts are published; clears its notes and working folder."""

    @abstractmethod
    def publish(self, run_id: str, name: str, made: Path) -> None:
        """Move the file or folder `made` (inside `work(run_id)`) into place as artefact `name`."""

    @abstractmethod
    def fetch(self, run_id: str, name: str) -> Path:
        """Local path of an artefact of a finished run; raises MissingRunError."""

    @abstractmethod
    def work(self, run_id: str) -> Path:
        """Folder private to the attempt that computes this run; survives a killed attempt."""

    @abstractmethod
    def fail(self, run_id: str, name: str, reason: str) -> None:
        """Note why an attempt failed."""

    @abstractmethod
    def failure(self, run_id: str) -> str:
        """Reason of the last failed attempt, or an empty string."""

    @abstractmethod
    def prune(self, pruned: Pruned) -> None:
        """Note that a search has ended a run early; clears its failure."""

    @abstractmethod
    def pruned(self, run_id: str) -> Pruned | None:
        """What was noted of a run that was ended early and not finished since. A broken note counts as none."""

    @abstractmethod
    def discard(self, run_id: str) -> None:
        """Remove the working folder of a run that nobody computes any more."""

    def is_finished(self, run_id: str) -> bool:
        """Whether the run has a readable record. A broken record counts as none and is reported in the log."""
        try:
            self.record(run_id)
        except MissingRunError:
            return False
        except BrokenRecordError as error:
            log.warning("run %s has a broken record and will be computed again: %s", run_id, error)
            return False
        return True


class LocalStore(Store):
    """A store in a folder: local disk or a disk that all nodes share."""

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()

    def prepare(self) -> LocalStore:
        """Create the folder and prove that it can be written; raises StoreError with the reason."""
        probe = self.root / "runs" / f".probe-{uuid.uuid4().hex}"
        try:
            probe.parent.mkdir(parents=True, exist_ok=True)
            _write_durably(probe, b"0" * 4096)
            probe.unlink()
        except OSError as error:
            with suppress(OSError):
                probe.unlink()
            reason = error.strerror or str(error)
            raise StoreError(f"cannot write to the store {self.root}: {reason}. Give another with --store") from error
        return self

    @contextmanager
    def driver_lock(self) -> Iterator[None]:
        """Hold the store for one driver; raises StoreError at once when another driver holds it."""
        owner = self.root / "driver.json"
        lock = filelock.FileLock(self.root / "driver.lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            holder = owner.read_text() if owner.exists() else "unknown"
            raise StoreError(
                f"the store {self.root} is in use by another sweep ({holder}). Wait for it, or give another --store"
            ) from None
        try:
            _replace(owner, json.dumps({"host": os.uname().nodename, "pid": os.getpid()}).encode())
            yield
        finally:
            owner.unlink(missing_ok=True)
            lock.release()

    @contextmanager
    def run_lock(self, run_id: str, seconds: float) -> Iterator[None]:
        """Hold one run, so that an attempt left over from a killed driver and a new one do not work side by side.

        Waits up to `seconds` for the other attempt; raises StoreError after that.
        """
        folder = self._folder(run_id)
        folder.mkdir(parents=True, exist_ok=True)
        lock = filelock.FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=seconds)
        except filelock.Timeout:
            raise StoreError(f"run {run_id} is still being computed by another process") from None
        try:
            yield
        finally:
            lock.release()

    def run_ids(self) -> list[str]:
        return sorted(path.parent.name for path in (self.root / "runs").glob("*/record.json"))

    def record(self, run_id: str) -> Record:
        path = self._folder(run_id) / "record.json"
        try:
            text = path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise MissingRunError(f"run {run_id} is not finished: {path} does not exist") from None
        except UnicodeDecodeError as error:
            raise BrokenRecordError(f"{path}: {error}") from error
        try:
            record = Record.from_json(text)
        except BrokenRecordError as error:
            raise BrokenRecordError(f"{path}: {error}") from error
        if record.run_id != run_id:
            raise BrokenRecordError(f"{path}: holds the record of run {record.run_id}")
        return record

    def finish(self, record: Record) -> None:
        folder = self._folder(record.run_id)
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / "record.json", record.to_json().encode())
        (folder / "failure.json").unlink(missing_ok=True)
        (folder / "pruned.json").unlink(missing_ok=True)
        self.discard(record.run_id)

    def publish(self, run_id: str, name: str, made: Path) -> None:
        target = self._folder(run_id) / name
        target.parent.mkdir(parents=True, exist_ok=True)
        for path in [made, *made.rglob("*")]:
            if path.is_file():
                _sync(path)
        if target.is_dir():
            shutil.rmtree(target)
        made.replace(target)
        _sync(target.parent)

    def fetch(self, run_id: str, name: str) -> Path:
        path = self._folder(run_id) / name
        if not self.is_finished(run_id):
            raise MissingRunError(f"run {run_id} is not finished, so its {name} cannot be used")
        if not path.exists():
            raise MissingRunError(f"run {run_id} is finished but left no {name} in {path}")
        return path

    def work(self, run_id: str) -> Path:
        path = self._folder(run_id) / ".work"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def fail(self, run_id: str, name: str, reason: str) -> None:
        self._folder(run_id).mkdir(parents=True, exist_ok=True)
        _replace(self._folder(run_id) / "failure.json", json.dumps({"name": name, "reason": reason}).encode())

    def failure(self, run_id: str) -> str:
        try:
            return str(json.loads((self._folder(run_id) / "failure.json").read_text())["reason"])
        except FileNotFoundError:
            return ""
        except (ValueError, KeyError):
            return "an attempt failed; its note cannot be read"

    def prune(self, pruned: Pruned) -> None:
        folder = self._folder(pruned.run_id)
        folder.mkdir(parents=True, exist_ok=True)
        _replace(folder / "pruned.json", pruned.to_json().encode())
        (folder / "failure.json").unlink(missing_ok=True)

    def pruned(self, run_id: str) -> Pruned | None:
        path = self._folder(run_id) / "pruned.json"
        try:
            return Pruned.from_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (BrokenRecordError, UnicodeDecodeError) as error:
            log.warning("%s is broken and counts as none: %s", path, error)
            return None

    def discard(self, run_id: str) -> None:
        shutil.rmtree(self._folder(run_id) / ".work", ignore_errors=True)

    def _folder(self, run_id: str) -> Path:
        return self.root / "runs" / run_id


def _replace(path: Path, content: bytes) -> None:
    temporary = path.with_name(f".{path.name}.{uuid.uuid4().hex}")
    try:
        _write_durably(temporary, content)
        temporary.replace(path)
        _sync(path.parent)
    finally:
        temporary.unlink(missing_ok=True)


def _write_durably(path: Path, content: bytes) -> None:
    with path.open("wb") as file:
        file.write(content)
        file.flush()
        os.fsync(file.fileno())


def _sync(path: Path) -> None:
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)
