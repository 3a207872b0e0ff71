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
  receipts.json              which selections stood, from which dev scores; written before a test score is opened
  checkpoint-slots/          locks of the runs that write a checkpoint at this moment
  cache/                     what readers keep for the next one; it may be removed at any time
  tasks/<name>-<definition>/ tasks of one's own: what they say and their rows, never changed
  tokenizers/<digest>/       files of tokenizers, kept once and linked into the folders of runs
  openings.json              which test scores were looked at, when, and after which selection
  runs/<run id>/record.json  the run is finished if and only if this exists
  runs/<run id>/<name>       published artefacts: encoder/, heads/, predictions/, candidates/, layers.json
  runs/<run id>/removed.json artefacts that were removed since nothing needs them, and why; removed with the next record
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

from trainables.ledger import alive, files, openings, receipts, studies
from trainables.ledger.alive import Driver, LiveRun
from trainables.ledger.allocation import Allocation
from trainables.ledger.errors import LedgerError, StoreError
from trainables.ledger.locks import is_held
from trainables.ledger.openings import Opening
from trainables.ledger.own_tasks import OwnTasks
from trainables.ledger.plan import Plan
from trainables.ledger.race import RaceRecord
from trainables.ledger.receipts import Receipt
from trainables.ledger.records import FileState, file_state
from trainables.ledger.runs import Runs
from trainables.ledger.shared import link_shared
from trainables.ledger.signature import signed
from trainables.ledger.slots import Slots
from trainables.ledger.studies import StudyResult
from trainables.ledger.usage import bytes_on_disk

log = logging.getLogger(__name__)

_Read = TypeVar("_Read")
_Noted = TypeVar("_Noted", Opening, Receipt)

GLANCE_SECONDS = 1.0
"""Longer than `is_driven` holds the driver's lock to see whether it is free."""
NOTE_SECONDS = 30.0
"""Longer than anybody takes to note what is opened."""


class Store(Runs, OwnTasks):
    """A store in a folder: local disk or a disk that all nodes share.

    Its runs are those of `Runs`. Whoever plans, runs or reads goes through here.
    """

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

    @property
    def is_there(self) -> bool:
        """Whether there is anything."""
        return self.root.is_dir()

    @property
    def has_runs(self) -> bool:
        """Whether there is a place for runs, so that this is a store."""
        return (self.root / "runs").is_dir()

    def refresh(self) -> None:
        """Look at everything as it is now, for whoever reads files of the store by their paths."""

    @contextmanager
    def driver_lock(self, on_lost: Callable[[str], object] = lambda why: None) -> Iterator[None]:
        """Hold the store for one driver; raises StoreError when another driver holds it.

        `on_lost` is told why the driver has to stop, from another thread, should the store be lost to it.
        """
        lock = filelock.FileLock(self.root / "driver.lock")
        try:
            lock.acquire(timeout=GLANCE_SECONDS)
        except filelock.Timeout:
            holder = self.driver() or "unknown"
            raise StoreError(in_use(self, str(holder))) from None
        try:
            with self._drive(on_lost):
                try:
                    self.beat(datetime.now(UTC))
                    yield
                finally:
                    self._leave()
        finally:
            lock.release()

    def beat(self, started: datetime, runs: Sequence[LiveRun] | None = None, to_go: float = 0.0) -> None:
        """Note that this process drives the store and lives, its runs if given, and the seconds that are left.

        The caller holds the lock.
        """
        now = datetime.now(UTC)
        driver = Driver(host=os.uname().nodename, pid=os.getpid(), started=started, beat=now, to_go=to_go)
        self._write(self.root / "driver.json", driver.to_json(), sole=True, durable=False)
        if runs is not None:
            self._write(self.root / "running.json", alive.to_json(runs), sole=True, durable=False)

    @property
    def is_in_place(self) -> bool:
        """Whether the folder that a driver has locked is still in its place: not an empty one on which a disk was
        mounted, nor one that was made since.
        """
        try:
            return (self.root / "driver.lock").exists()
        except OSError:  # a stale handle
            return False

    @property
    def is_driven(self) -> bool:
        """Whether a driver holds the store."""
        return is_held(self.root / "driver.lock")

    def driver(self) -> Driver | None:
        """The driver that was last heard of, if it did not leave in order or is still there."""
        return self._glance("driver.json", Driver.from_json)

    def running(self) -> tuple[LiveRun, ...]:
        """The runs of that driver, as it last noted them."""
        return self._glance("running.json", alive.from_json) or ()

    def _glance(self, name: str, parse: Callable[[str], _Read]) -> _Read | None:
        """What a file says that decides nothing; None where there is none, or none that can be read."""
        try:
            return parse(self._note(name).read_text(encoding="utf-8"))
        except (OSError, ValueError, KeyError, TypeError):
            return None

    def save_plan(self, plan: Plan) -> None:
        """Keep a plan as the one of the last sweep, and among those of all sweeps."""
        text = plan.to_json()
        self._write(self.root / "plans" / f"{plan.sweep}.json", text)
        self._write(self.root / "plan.json", text)

    def plan(self, sweep: str = "") -> Plan:
        """The plan of a sweep, of the last one where none is named; raises LedgerError."""
        path = self._note(f"plans/{sweep}.json" if sweep else "plan.json")
        found = self._read(path, Plan.from_json, "a plan", "move it away and `run` again")
        if found is None:
            raise LedgerError(f"no sweep in {self}: {path} does not exist. Start one with `run`, or give --store")
        return found

    def plan_state(self) -> FileState | None:
        """State of the file of the last plan, if there is one."""
        try:
            return file_state(self._note("plan.json").stat())
        except OSError:
            return None

    @property
    def has_plan(self) -> bool:
        """Whether a sweep was planned here."""
        return self._note("plan.json").exists()

    @property
    def plans_own_tasks(self) -> bool:
        """Whether the last plan names tasks of one's own, told without reading it whole."""
        try:
            return b'"definitions"' in self._note("plan.json").read_bytes()
        except OSError:
            return False

    def sweeps(self) -> list[str]:
        """Ids of all sweeps that were planned here, the last one first."""
        paths = self._note("plans").glob("*.json")
        return [path.stem for path in sorted(paths, key=lambda path: path.stat().st_mtime_ns, reverse=True)]

    def save_studies(self, found: Sequence[StudyResult]) -> None:
        """Write what the searches of the last sweep have found."""
        self._write(self.root / "search.json", studies.to_json(found))

    def studies(self) -> tuple[StudyResult, ...]:
        """What the searches of the last sweep have found; empty where nothing was searched. Raises LedgerError."""
        remedy = "move it away; the trials are in studies.journal, and `run` writes it again"
        return self._read(self._note("search.json"), studies.from_json, "what a search leaves", remedy) or ()

    @property
    def holds_trials(self) -> bool:
        """Whether some sweep was searched or raced here, so that runs may stand here that no table wants."""
        return any(self._note(name).exists() for name in ("search.json", "race.json"))

    def save_race(self, race: RaceRecord) -> None:
        """Write what the race of the last sweep has decided."""
        self._write(self.root / "race.json", race.to_json())

    def race(self, sweep: str = "") -> RaceRecord | None:
        """What the last race has decided, if it was that of the sweep that is named, if any. Raises LedgerError."""
        remedy = "move it away, and the races are decided again from the store"
        found = self._read(self._note("race.json"), RaceRecord.from_json, "the record of a race", remedy)
        return found if found and (not sweep or found.sweep in ("", sweep)) else None

    def forget_race(self) -> None:
        """The sweep that begins has no race."""
        self._unlink(self.root / "race.json")

    def save_allocation(self, allocation: Allocation) -> None:
        """Keep how the hours of a search were spread."""
        self._write(self.root / "search_budget.json", allocation.to_json())

    def allocation(self) -> Allocation | None:
        """How the hours of a search were spread; None where they were not. Raises LedgerError."""
        what, remedy = "how the hours of a search were spread", "move it away to spread them anew"
        return self._read(self._note("search_budget.json"), Allocation.from_json, what, remedy)

    def note_openings(self, opened: Sequence[Opening]) -> None:
        """Note that test scores are shown now; what was opened before after the same selection is not noted again.

        Raises LedgerError where the earlier ones cannot be read: they are never overwritten. Two at once wait for each
        other.
        """
        self._add("openings.json", opened, self.openings, openings.to_json)

    def note_receipts(self, made: Sequence[Receipt]) -> None:
        """Write down selections that stand; one that says the same as an earlier one is not written again.

        Raises LedgerError where the earlier ones cannot be read: they are never overwritten. Two at once wait for each
        other.
        """
        self._add("receipts.json", made, self.receipts, receipts.to_json)

    def _add(
        self,
        name: str,
        new: Sequence[_Noted],
        read: Callable[[], tuple[_Noted, ...]],
        to_json: Callable[[Sequence[_Noted]], str],
    ) -> None:
        """Add to a list what it does not say yet."""

        def unsaid() -> list[_Noted]:
            noted = read()
            return [each for each in new if not any(each.says_the_same(earlier) for earlier in noted)]

        if not unsaid():
            return
        lock = (self.root / name).with_suffix(".lock")
        try:
            with filelock.FileLock(lock, timeout=NOTE_SECONDS):
                self._rewrite(self.root / name, lambda: to_json(list(read()) + unsaid()))
        except filelock.Timeout:
            raise LedgerError(f"another process holds {lock}") from None

    def receipts(self) -> tuple[Receipt, ...]:
        """Which selections stood so far, in order. Raises LedgerError."""
        what, remedy = "the receipts of selections", "move it away; keep it, it says what was selected when"
        return self._read(self._note("receipts.json"), receipts.from_json, what, remedy) or ()

    def openings(self) -> tuple[Opening, ...]:
        """Which test scores were looked at so far, in order. Raises LedgerError."""
        what, remedy = "the list of opened test scores", "move it away; keep it, it says what was looked at when"
        return self._read(self._note("openings.json"), openings.from_json, what, remedy) or ()

    def link_tokenizer(self, contents: Mapping[str, bytes], folder: Path) -> None:
        """Put the files of a tokenizer into a folder of this store, which keeps their contents once."""
        link_shared(self.tokenizers, contents, folder)

    @property
    def tokenizers(self) -> Path:
        """Folder of the tokenizers of all runs, each named by its content."""
        return self.root / "tokenizers"

    def save_config(self, text: str) -> Path:
        """Keep the configuration of the last sweep, YAML; returns its file."""
        self._write(self.root / "config.yaml", signed(text))
        return self.root / "config.yaml"

    def config_file(self) -> Path | None:
        """The file of `save_config`, if there is one."""
        path = self._note("config.yaml")
        return path if path.is_file() else None

    def config_text(self) -> str:
        """The configuration of the last sweep, YAML; raises OSError where there is none, ValueError for other bytes."""
        return self._note("config.yaml").read_text(encoding="utf-8")

    def save_best(self, text: str) -> Path:
        """Keep the settings that a search has found, YAML; returns its file."""
        self._write(self.root / "best.yaml", signed(text))
        return self.root / "best.yaml"

    @property
    def journal(self) -> Path:
        """File of Optuna's studies."""
        return self._note("studies.journal")

    @property
    def report(self) -> Path:
        """Folder of the report."""
        return self.root / "report"

    @property
    def submission(self) -> Path:
        """Folder of the submission."""
        return self.root / "submission"

    @property
    def cache(self) -> Path:
        """Folder of what can be made again from the rest."""
        return self.root / "cache"

    def checkpoint_slots(self, number: int) -> Slots:
        """Places of those who write a checkpoint at the same time; 0 is no limit."""
        return Slots(folder=self.root / "checkpoint-slots", number=number)

    @property
    def ray(self) -> Path:
        """Folder of Ray Tune's own files, unless the configuration says another."""
        return self.root / "ray"

    def keep(self, folder: Path) -> None:
        """Keep the files that somebody has written into a folder of this store, such as `report`.

        Nothing happens for a folder elsewhere. Raises OSError where they cannot be kept.
        """

    def taken_bytes(self) -> int:
        """What all files of the store take on its disk."""
        return bytes_on_disk(self.root)

    def free_bytes(self) -> int:
        """What is free on the disk that the store is on, or will be."""
        there = next(each for each in (self.root, *self.root.parents) if each.exists())
        return shutil.disk_usage(there).free

    def _note(self, name: str) -> Path:
        """A file of the sweep, or a folder of them, as it is now."""
        return self.root / name

    def _leave(self) -> None:
        """Nothing is said of a driver any more."""
        self._unlink(self.root / "driver.json", self.root / "running.json")

    def _rewrite(self, path: Path, content: Callable[[], str]) -> None:
        """Replace a file by what is made from itself; the caller keeps others of this machine from doing so."""
        self._write(path, content())

    @contextmanager
    def _drive(self, on_lost: Callable[[str], object]) -> Iterator[None]:
        """What a driver holds besides the lock on the file."""
        yield

    def _read(self, path: Path, parse: Callable[[str], _Read], what: str, remedy: str) -> _Read | None:
        """What a file holds; None where there is none. Raises LedgerError for anything else."""
        try:
            return parse(path.read_text(encoding="utf-8"))
        except (FileNotFoundError, NotADirectoryError):
            return None
        except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
            raise LedgerError(f"{path} is not {what} ({type(error).__name__}: {error}); {remedy}") from error


def in_use(store: Store, holder: str) -> str:
    """What is said to a second driver."""
    return f"the store {store} is in use by another sweep ({holder}). Wait for it, or give another --store"
