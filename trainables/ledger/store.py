"""The store: the one owner of every file of a sweep. Runs have a folder each; a record is written last.

```
STORE/
  driver.lock                one driver at a time; driver.json says which, and when it last said so
  running.json               its runs, how far they are, and when they were last heard of
  config.yaml                the configuration of the last sweep
  plan.json                  its plan, with the winners of its searches so far
  plans/<sweep>.json         the plans of all its sweeps
  search.json, race.json     what its searches and its race have found and decided
  search_budget.json         how hours of a search were spread
  studies.journal            Optuna's journal
  best.yaml                  settings that `search` has found
  report/, submission/, ray/ what is made from it, and Ray Tune's own files
  openings.json              which test scores were looked at, when, and after which selection
  runs/<run id>/record.json  the run is finished if and only if this exists
  runs/<run id>/<name>       published artefacts: encoder/, predictions/
  runs/<run id>/failure.json why the last attempt failed; removed when the run finishes
  runs/<run id>/pruned.json  a search ended the run early; removed when the run finishes
  runs/<run id>/damage.json  a file of the finished run is not what its record says; removed when that is mended
  runs/<run id>/*.damaged-*  put aside, for people: what could not be used any more
  runs/<run id>/.work/       private to the running attempt: checkpoint, half-made artefacts, what befell attempts
```
"""

from __future__ import annotations

import logging
import os
import shutil
import uuid
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import contextmanager, suppress
from datetime import UTC, datetime
from pathlib import Path
from typing import TypeVar

import filelock

from trainables.ledger import alive, files, notes, openings, studies
from trainables.ledger.alive import Driver, LiveRun
from trainables.ledger.allocation import Allocation
from trainables.ledger.digests import DamagedFileError, check, digests, put_aside
from trainables.ledger.openings import Opening
from trainables.ledger.plan import Plan
from trainables.ledger.race import RaceRecord
from trainables.ledger.record import BrokenRecordError, Pruned, Record
from trainables.ledger.signature import signed
from trainables.ledger.studies import StudyResult

log = logging.getLogger(__name__)

_Read = TypeVar("_Read")


class StoreError(RuntimeError):
    """The store cannot be used as asked: missing, not writable, full, or in use."""


class MissingRunError(StoreError):
    """A run was asked for that is not finished, or an artefact that it did not leave."""


class DamagedRunError(StoreError):
    """A file that a finished run left is not what its record says."""


class LedgerError(ValueError):
    """A file of a store that is not there or cannot be read as what it should be; the message says what to do."""


class Store:
    """A store in a folder: local disk or a disk that all nodes share.

    An artefact or record is either wholly visible or not at all; publishing the same artefact twice keeps a whole one;
    a record is visible only after all artefacts published before it. Whoever plans, runs or reads goes through here.
    """

    def __init__(self, root: Path) -> None:
        self.root = root.expanduser().resolve()

    def __str__(self) -> str:
        return str(self.root)

    def prepare(self) -> Store:
        """Create the folder and prove that it can be written; raises StoreError with the reason."""
        probe = self.root / "runs" / f".probe-{uuid.uuid4().hex}"
        try:
            files.write(probe, b"0" * 4096)
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
        lock = filelock.FileLock(self.root / "driver.lock")
        try:
            lock.acquire(timeout=0)
        except filelock.Timeout:
            holder = self.driver() or "unknown"
            raise StoreError(
                f"the store {self.root} is in use by another sweep ({holder}). Wait for it, or give another --store"
            ) from None
        try:
            self.beat(datetime.now(UTC))
            yield
        finally:
            for left in ("driver.json", "running.json"):
                (self.root / left).unlink(missing_ok=True)
            lock.release()

    def beat(self, started: datetime, runs: Sequence[LiveRun] | None = None) -> None:
        """Note that this process drives the store and lives, and its runs if given. The caller holds the lock."""
        now = datetime.now(UTC)
        driver = Driver(host=os.uname().nodename, pid=os.getpid(), started=started, beat=now)
        files.write(self.root / "driver.json", driver.to_json(), sole=True, durable=False)
        if runs is not None:
            files.write(self.root / "running.json", alive.to_json(runs), sole=True, durable=False)

    @property
    def is_driven(self) -> bool:
        """Whether a driver holds the store."""
        return _is_held(self.root / "driver.lock")

    def driver(self) -> Driver | None:
        """The driver that was last heard of, if it did not leave in order or is still there."""
        return self._glance("driver.json", Driver.from_json)

    def running(self) -> tuple[LiveRun, ...]:
        """The runs of that driver, as it last noted them."""
        return self._glance("running.json", alive.from_json) or ()

    def is_computed(self, run_id: str) -> bool:
        """Whether a worker is at this run."""
        return _is_held(self._folder(run_id) / ".lock")

    def checkpoint(self, run_id: str) -> Path:
        """File from which the next attempt of this run goes on, if there is one."""
        return self._folder(run_id) / ".work" / "checkpoint.safetensors"

    def note_attempt(self, run_id: str, text: str) -> None:
        """Note what befell an attempt at this run; kept for its record."""
        noted = {notes.ATTEMPTS: [*self.attempts(run_id), text]}
        files.write(self._folder(run_id) / ".work" / "attempts.json", notes.to_json(noted))

    def attempts(self, run_id: str) -> tuple[str, ...]:
        """What befell earlier attempts at a run that is not finished."""
        try:
            text = (self._folder(run_id) / ".work" / "attempts.json").read_text(encoding="utf-8")
            return tuple(map(str, notes.from_json(text)[notes.ATTEMPTS]))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError):
            return ("an earlier attempt was lost; its note cannot be read",)

    def _glance(self, name: str, parse: Callable[[str], _Read]) -> _Read | None:
        """What a file says that decides nothing; None where there is none, or none that can be read."""
        try:
            return parse((self.root / name).read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    @contextmanager
    def run_lock(self, run_id: str, seconds: float) -> Iterator[None]:
        """Hold one run, so that an attempt left over from a killed driver and a new one do not work side by side.

        Waits up to `seconds` for the other attempt; raises StoreError after that.
        """
        folder = self._folder(run_id)
        files.make_folder(folder)
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
        """Ids of all runs that have a record, sorted."""
        return sorted(path.parent.name for path in (self.root / "runs").glob("*/record.json"))

    def begun_ids(self) -> list[str]:
        """Ids of all runs that were ever begun here, sorted."""
        return sorted(path.name for path in (self.root / "runs").glob("*/") if not path.name.startswith("."))

    def num_bytes(self, record: Record) -> int:
        """Size of a run's files and its record on disk."""
        folder = self._folder(record.run_id)
        return sum((folder / name).stat().st_size for name in (*record.files, "record.json"))

    def record(self, run_id: str) -> Record:
        """The record of a finished run; raises MissingRunError or BrokenRecordError."""
        path = self._folder(run_id) / "record.json"
        try:
            record = Record.from_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            raise MissingRunError(f"run {run_id} is not finished: {path} does not exist") from None
        except (UnicodeDecodeError, BrokenRecordError) as error:
            raise BrokenRecordError(f"{path}: {error}") from error
        if record.run_id != run_id:
            raise BrokenRecordError(f"{path}: holds the record of run {record.run_id}")
        return record

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

    def finish(self, record: Record) -> None:
        """Make a run finished. Call after its artefacts are published; clears its notes and working folder.

        A record that stands there and cannot be read is put aside.
        """
        folder = self._folder(record.run_id)
        if (folder / "record.json").exists() and not self.is_finished(record.run_id):
            put_aside(folder / "record.json")
        files.write(folder / "record.json", record.to_json())
        for name in ("failure.json", "pruned.json", "damage.json"):
            (folder / name).unlink(missing_ok=True)
        self.discard(record.run_id)

    def publish(self, run_id: str, name: str, made: Path) -> dict[str, str]:
        """Move the file or folder `made` (inside `work(run_id)`) into place as artefact `name`.

        Returns what its record must say: path below the folder of the run -> SHA-256, for every file.
        """
        found = {str(Path(name) / Path(path).relative_to(made.name)): each for path, each in digests(made).items()}
        files.move(made, self._folder(run_id) / name)
        return found

    def fetch(self, run_id: str, name: str) -> Path:
        """Path of an artefact of a finished run, compared with its record, once in a process and file.

        Raises MissingRunError, and DamagedRunError for files that are not what the record says; that is noted, so that
        the run counts as failed until it is computed again or its files are right again.
        """
        try:
            record = self.record(run_id)
        except (MissingRunError, BrokenRecordError) as error:
            raise MissingRunError(f"run {run_id} is not finished, so its {name} cannot be used") from error
        path = self._folder(run_id) / name
        said = {file: each for file, each in record.files.items() if Path(file).is_relative_to(name)}
        if not path.exists() and not said:
            raise MissingRunError(f"run {run_id} is finished but left no {name} in {path}")
        self._check(record, said)
        return path

    def check(self, run_id: str) -> None:
        """Compare all that a finished run left with its record, and note or take back what is damaged.

        Raises MissingRunError, BrokenRecordError or DamagedRunError.
        """
        record = self.record(run_id)
        self._check(record, record.files)
        (self._folder(run_id) / "damage.json").unlink(missing_ok=True)

    def damage(self, run_id: str) -> str:
        """What was found damaged of a finished run, with the remedy, or an empty string."""
        unreadable = f"a file of run {run_id} was found damaged, and the note of it cannot be read"
        return self._reason(run_id, "damage.json", f"{unreadable}. {_again(run_id)}")

    def recompute(self, run_id: str) -> None:
        """Have a run computed again: its record is put aside, and its notes go. Its children stay as they are."""
        folder = self._folder(run_id)
        if (folder / "record.json").exists():
            put_aside(folder / "record.json")
        for name in ("failure.json", "damage.json"):
            (folder / name).unlink(missing_ok=True)

    def _check(self, record: Record, said: Mapping[str, str]) -> None:
        folder = self._folder(record.run_id)
        try:
            check(folder, said)
        except DamagedFileError as error:
            reason = f"run {record.run_id} ({record.name}) is damaged: {error}. {_again(record.run_id)}"
            with suppress(OSError):
                files.write(folder / "damage.json", notes.to_json({"name": record.name, "reason": reason}))
            raise DamagedRunError(reason) from error

    def work(self, run_id: str) -> Path:
        """Folder private to the attempt that computes this run; survives a killed attempt."""
        path = self._folder(run_id) / ".work"
        path.mkdir(parents=True, exist_ok=True)
        return path

    def discard(self, run_id: str) -> None:
        """Remove the working folder of a run that nobody computes any more, and what killed writers left."""
        folder = self._folder(run_id)
        shutil.rmtree(folder / ".work", ignore_errors=True)
        for left in (each for place in (folder, *folder.glob("*/")) for each in files.leftovers(place)):
            files.remove(left)

    def fail(self, run_id: str, name: str, reason: str, *, diverged: bool = False) -> None:
        """Note why an attempt failed; `diverged` says that every other attempt will fail likewise."""
        fields = {"name": name, "reason": reason} | ({"diverged": True} if diverged else {})
        files.write(self._folder(run_id) / "failure.json", notes.to_json(fields))

    def failure(self, run_id: str) -> str:
        """Reason of the last failed attempt, or an empty string."""
        return self._reason(run_id, "failure.json", "an attempt failed; its note cannot be read")

    def diverged(self, run_id: str) -> bool:
        """Whether the last failed attempt failed because training led nowhere."""
        try:
            return bool(notes.from_json((self._folder(run_id) / "failure.json").read_text()).get("diverged"))
        except (FileNotFoundError, ValueError, AttributeError):
            return False

    def failed_ids(self) -> list[str]:
        """Ids of all runs of which the last attempt failed, sorted."""
        return sorted(path.parent.name for path in (self.root / "runs").glob("*/failure.json"))

    def prune(self, pruned: Pruned) -> None:
        """Note that a search has ended a run early; clears its failure."""
        files.write(self._folder(pruned.run_id) / "pruned.json", pruned.to_json())
        (self._folder(pruned.run_id) / "failure.json").unlink(missing_ok=True)

    def pruned(self, run_id: str) -> Pruned | None:
        """What was noted of a run that was ended early and not finished since. A broken note counts as none."""
        path = self._folder(run_id) / "pruned.json"
        try:
            return Pruned.from_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (BrokenRecordError, UnicodeDecodeError) as error:
            log.warning("%s is broken and counts as none: %s", path, error)
            return None

    def save_plan(self, plan: Plan) -> None:
        """Keep a plan as the one of the last sweep, and among those of all sweeps."""
        text = plan.to_json()
        files.write(self.root / "plans" / f"{plan.sweep}.json", text)
        files.write(self.root / "plan.json", text)

    def plan(self, sweep: str = "") -> Plan:
        """The plan of a sweep, of the last one where none is named; raises LedgerError."""
        path = self.root / "plans" / f"{sweep}.json" if sweep else self.root / "plan.json"
        found = self._read(path, Plan.from_json, "a plan", "move it away and `run` again")
        if found is None:
            raise LedgerError(f"no sweep in {self.root}: {path} does not exist. Start one with `run`, or give --store")
        return found

    @property
    def has_plan(self) -> bool:
        """Whether a sweep was planned here."""
        return (self.root / "plan.json").exists()

    def sweeps(self) -> list[str]:
        """Ids of all sweeps that were planned here, the last one first."""
        paths = (self.root / "plans").glob("*.json")
        return [path.stem for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True)]

    def save_studies(self, found: Sequence[StudyResult]) -> None:
        """Write what the searches of the last sweep have found."""
        files.write(self.root / "search.json", studies.to_json(found))

    def studies(self) -> tuple[StudyResult, ...]:
        """What the searches of the last sweep have found; empty where nothing was searched. Raises LedgerError."""
        remedy = "move it away; the trials are in studies.journal, and `run` writes it again"
        return self._read(self.root / "search.json", studies.from_json, "what a search leaves", remedy) or ()

    @property
    def holds_trials(self) -> bool:
        """Whether some sweep was searched or raced here, so that runs may stand here that no table wants."""
        return any((self.root / name).exists() for name in ("search.json", "race.json"))

    def save_race(self, race: RaceRecord) -> None:
        """Write what the race of the last sweep has decided."""
        files.write(self.root / "race.json", race.to_json())

    def race(self, sweep: str = "") -> RaceRecord | None:
        """What the last race has decided, if it was that of the sweep that is named, if any. Raises LedgerError."""
        remedy = "move it away, and the races are decided again from the store"
        found = self._read(self.root / "race.json", RaceRecord.from_json, "the record of a race", remedy)
        return found if found and (not sweep or found.sweep in ("", sweep)) else None

    def forget_race(self) -> None:
        """The sweep that begins has no race."""
        (self.root / "race.json").unlink(missing_ok=True)

    def save_allocation(self, allocation: Allocation) -> None:
        """Keep how the hours of a search were spread."""
        files.write(self.root / "search_budget.json", allocation.to_json())

    def allocation(self) -> Allocation | None:
        """How the hours of a search were spread; None where they were not. Raises LedgerError."""
        what, remedy = "how the hours of a search were spread", "move it away to spread them anew"
        return self._read(self.root / "search_budget.json", Allocation.from_json, what, remedy)

    def note_openings(self, opened: Sequence[Opening]) -> None:
        """Note that test scores are shown now; what was opened before after the same selection is not noted again.

        Raises LedgerError where the earlier ones cannot be read: they are never overwritten.
        """
        noted = self.openings()
        new = [each for each in opened if not any(each.says_the_same(earlier) for earlier in noted)]
        if new:
            files.write(self.root / "openings.json", openings.to_json([*noted, *new]))

    def openings(self) -> tuple[Opening, ...]:
        """Which test scores were looked at so far, in order. Raises LedgerError."""
        what, remedy = "the list of opened test scores", "move it away; keep it, it says what was looked at when"
        return self._read(self.root / "openings.json", openings.from_json, what, remedy) or ()

    def save_config(self, text: str) -> Path:
        """Keep the configuration of the last sweep, YAML; returns where."""
        files.write(self.root / "config.yaml", signed(text))
        return self.root / "config.yaml"

    def save_best(self, text: str) -> Path:
        """Keep the settings that a search has found, YAML; returns where."""
        files.write(self.root / "best.yaml", signed(text))
        return self.root / "best.yaml"

    @property
    def journal(self) -> Path:
        """File of Optuna's studies."""
        return self.root / "studies.journal"

    @property
    def report(self) -> Path:
        """Folder of the report."""
        return self.root / "report"

    @property
    def submission(self) -> Path:
        """Folder of the submission."""
        return self.root / "submission"

    @property
    def ray(self) -> Path:
        """Folder of Ray Tune's own files, unless the configuration says another."""
        return self.root / "ray"

    def _read(self, path: Path, parse: Callable[[str], _Read], what: str, remedy: str) -> _Read | None:
        """What a file holds; None where there is none. Raises LedgerError for anything else."""
        try:
            return parse(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise LedgerError(f"{path} is not {what} ({type(error).__name__}: {error}); {remedy}") from error

    def _reason(self, run_id: str, note: str, unreadable: str) -> str:
        """The reason in a note of a run; empty where there is no such note."""
        try:
            return str(notes.from_json((self._folder(run_id) / note).read_text(encoding="utf-8"))["reason"])
        except FileNotFoundError:
            return ""
        except (ValueError, KeyError, TypeError):
            return unreadable

    def _folder(self, run_id: str) -> Path:
        return self.root / "runs" / run_id


def _is_held(path: Path) -> bool:
    """Whether some process holds a lock; a lock that may not be opened counts as free."""
    if not path.exists():
        return False
    lock = filelock.FileLock(path)
    try:
        lock.acquire(timeout=0)
    except filelock.Timeout:
        return True
    except OSError:
        return False
    lock.release()
    return False


def _again(run_id: str) -> str:
    """What to do about a damaged run."""
    return f"Compute it again: the same `run` with --recompute {run_id}"
