"""The runs of a store, a folder each: records, what they left, notes of attempts; a record is written last."""

from __future__ import annotations

import logging
import os
import shutil
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path

import filelock

from trainables.ledger import files, notes, removed
from trainables.ledger.digests import DamagedFileError, asides, check, digests, put_aside
from trainables.ledger.errors import DamagedRunError, MissingRunError, RemovedError, StoreError
from trainables.ledger.locks import is_held
from trainables.ledger.record import BrokenRecordError, Pruned, Record, compared
from trainables.ledger.records import Records
from trainables.ledger.removed import Removed
from trainables.ledger.usage import bytes_on_disk

log = logging.getLogger(__name__)


class Runs(Records):
    """The runs below a folder, by their ids: what is written of them, and what they left.

    An artefact or record is either wholly visible or not at all; publishing the same artefact twice keeps a whole one;
    a record is visible only after all artefacts published before it.

    The underscored methods at the end say how files are looked at, written and removed: a store that lies elsewhere has
    others (`s3.store`).
    """

    def __init__(self, root: Path) -> None:
        super().__init__(root)
        self._was_locked = False

    def is_computed(self, run_id: str) -> bool:
        """Whether a worker is at this run."""
        return is_held(self._folder(run_id) / ".lock")

    def checkpoint(self, run_id: str) -> Path:
        """File from which the next attempt of this run goes on, if there is one."""
        return self._folder(run_id) / ".work" / "checkpoint.safetensors"

    def has_checkpoint(self, run_id: str) -> bool:
        """Whether the next attempt of this run goes on from a checkpoint."""
        return self.checkpoint(run_id).exists()

    def take_up(self, run_id: str) -> Path:
        """The checkpoint, for the attempt that goes on from it and replaces it; whether there is one or not."""
        return self.checkpoint(run_id)

    def keep_checkpoint(self, run_id: str) -> None:
        """The attempt has replaced the checkpoint; raises OSError where it cannot be kept."""

    def note_attempt(self, run_id: str, text: str) -> None:
        """Note what befell an attempt at this run; kept for its record."""
        noted = {notes.ATTEMPTS: [*self.attempts(run_id), text]}
        self._write(self._folder(run_id) / ".work" / "attempts.json", notes.to_json(noted))

    def attempts(self, run_id: str) -> tuple[str, ...]:
        """What befell earlier attempts at a run that is not finished."""
        try:
            text = (self._now(run_id) / ".work" / "attempts.json").read_text(encoding="utf-8")
            return tuple(map(str, notes.from_json(text)[notes.ATTEMPTS]))
        except FileNotFoundError:
            return ()
        except (OSError, ValueError, KeyError, TypeError):
            return ("an earlier attempt was lost; its note cannot be read",)

    @contextmanager
    def run_lock(self, run_id: str, seconds: float) -> Iterator[None]:
        """Hold one run, so that an attempt left over from a killed driver and a new one do not work side by side.

        Waits up to `seconds` for the other attempt; raises StoreError after that, FileNotFoundError where the store is
        not there (any more).
        """
        folder = self._folder(run_id)
        files.make_below(folder, self.root / "runs")
        self._was_locked = True
        lock = filelock.FileLock(folder / ".lock")
        try:
            lock.acquire(timeout=seconds)
        except filelock.Timeout:
            raise StoreError(f"run {run_id} is still being computed by another process") from None
        try:
            yield
        finally:
            lock.release()

    def num_bytes(self, record: Record) -> int:
        """Size of a run's files and its record on disk, without what was removed."""
        folder = self._folder(record.run_id)
        held = _without(record.files, self.removed(record.run_id))
        return sum((folder / name).stat().st_size for name in (*held, "record.json"))

    def finish(self, record: Record) -> None:
        """Make a run finished. Call after its artefacts are published; clears its notes and working folder.

        A record that stands there and cannot be read is put aside. Of a run that is computed again, since its record
        was put aside or what it left was removed, the record says whether it left the same as before: others may have
        started from that.
        """
        folder = self._folder(record.run_id)
        if self._was_locked:
            files.make_below(folder, self.root / "runs")
        record = replace(record, notes=(*record.notes, *self._beside_earlier(record)))
        if (folder / "record.json").exists() and not self.is_finished(record.run_id):
            self._put_aside(folder / "record.json")
        self._write(folder / "record.json", record.to_json())
        self._unlink(*(folder / note for note in ("failure.json", "pruned.json", "damage.json", removed.NOTE)))
        self.discard(record.run_id)

    def _beside_earlier(self, record: Record) -> Iterator[str]:
        """What is to be said of a run whose earlier record was put aside, or whose artefacts were removed."""
        folder = self._folder(record.run_id)
        for aside in asides(folder / "record.json"):
            try:
                yield compared(Record.from_json(aside.read_text(encoding="utf-8")), record)
            except (OSError, ValueError):
                yield "computed again; the earlier record cannot be read, so the two cannot be compared"
        if self.removed(record.run_id) and self.is_finished(record.run_id):
            yield compared(self.record(record.run_id), record)

    def publish(self, run_id: str, name: str, made: Path) -> dict[str, str]:
        """Move the file or folder `made` (inside `work(run_id)`) into place as artefact `name`.

        Returns what its record must say: path below the folder of the run -> SHA-256, for every file.
        """
        found = {str(Path(name) / Path(path).relative_to(made.name)): each for path, each in digests(made).items()}
        files.move(made, self._folder(run_id) / name)
        return found

    def fetch(self, run_id: str, name: str) -> Path:
        """Path of an artefact of a finished run, compared with its record, once in a process and file.

        Raises MissingRunError, RemovedError for one that was removed, and DamagedRunError for files that are not what
        the record says; that is noted, so that the run counts as failed until it is computed again or its files are
        right again.
        """
        try:
            record = self.record(run_id)
        except (MissingRunError, BrokenRecordError) as error:
            raise MissingRunError(f"run {run_id} is not finished, so its {name} cannot be used") from error
        if found := removed.read(self._now(run_id)).get(Path(name).parts[0]):
            gone = f"the {name} of run {run_id} ({record.name}) was removed on {found.at[:10]}: {found.why}"
            raise RemovedError(f"{gone}. {_to_have(run_id)}")
        path = self._folder(run_id) / name
        said = {file: each for file, each in record.files.items() if Path(file).is_relative_to(name)}
        if not path.exists() and not said:
            raise MissingRunError(f"run {run_id} is finished but left no {name} in {path}")
        self._check(record, said, self._compare)
        return path

    def check(self, run_id: str) -> None:
        """Compare all that a finished run left with its record, and note or take back what is damaged.

        What was removed is no damage. Raises MissingRunError, BrokenRecordError or DamagedRunError.
        """
        record = self.record(run_id)
        self._check(record, _without(record.files, self.removed(run_id)), self._compare_kept)
        with suppress(OSError):  # a disk that is read-only
            self._unlink(self._folder(run_id) / "damage.json")

    def remove(self, run_id: str, name: str, why: str) -> bool:
        """Remove an artefact of a finished run; whether there was anything to remove.

        What is removed is noted first, with the reason, so that a half-removed folder is taken for a removed one and
        `finish_removals` can go on. Raises MissingRunError or BrokenRecordError where there is no record, OSError where
        the note cannot be written; then nothing is removed.
        """
        if name not in removed.REMOVABLE:
            raise ValueError(f"{name} of run {run_id} cannot be removed; allowed: {', '.join(removed.REMOVABLE)}")
        self.record(run_id)
        folder = self._folder(run_id)
        noted = removed.read(folder)
        if name not in noted:
            if not self._has(run_id, name):
                return False
            now = datetime.now(UTC).isoformat(timespec="seconds")
            self._write(folder / removed.NOTE, removed.to_json({**noted, name: Removed(why=why, at=now)}))
        return self._finish_removal(run_id)

    def removed(self, run_id: str) -> Mapping[str, str]:
        """Artefacts of a run that were removed -> why."""
        return {name: each.why for name, each in removed.read(self._now(run_id)).items()}

    def holds(self, run_id: str, name: str) -> bool:
        """Whether a run has an artefact that was not removed; what it is worth is for `fetch` to say."""
        return self._has(run_id, name) and name not in self.removed(run_id)

    def artefact(self, run_id: str, name: str) -> Path:
        """Where an artefact of a run is, if it is there; `fetch` is for those who read it."""
        return self._folder(run_id) / name

    def unshared_bytes(self, run_id: str, name: str) -> int:
        """What removing an artefact would free on the disk; 0 for one that is not there."""
        return bytes_on_disk(self.artefact(run_id, name), shared=False)

    def removed_ids(self) -> set[str]:
        """Ids of all runs of which something was removed."""
        return {name for name, path in self._begun() if os.path.lexists(f"{path}/{removed.NOTE}")}

    def finish_removals(self) -> int:
        """Go on where removals were interrupted; how many. A run that somebody computes again is left alone."""
        ids = sorted(self.removed_ids())
        return sum(self._finish_removal(run_id) for run_id in ids if not self.is_computed(run_id))

    def damage(self, run_id: str) -> str:
        """What was found damaged of a finished run, with the remedy, or an empty string."""
        unreadable = f"a file of run {run_id} was found damaged, and the note of it cannot be read"
        return self._reason(run_id, "damage.json", f"{unreadable}. {_again(run_id)}")

    def recompute(self, run_id: str) -> None:
        """Have a run computed again: its record is put aside, and its notes go. Its children stay as they are."""
        folder = self._now(run_id)
        if (folder / "record.json").exists():
            self._put_aside(folder / "record.json", "replaced")
        self._unlink(*(folder / note for note in ("failure.json", "damage.json")))

    def _check(
        self, record: Record, said: Mapping[str, str], compare: Callable[[str, Mapping[str, str]], None]
    ) -> None:
        folder = self._folder(record.run_id)
        try:
            compare(record.run_id, said)
        except DamagedFileError as error:
            reason = f"run {record.run_id} ({record.name}) is damaged: {error}. {_again(record.run_id)}"
            with suppress(OSError):
                self._write(folder / "damage.json", notes.to_json({"name": record.name, "reason": reason}))
            raise DamagedRunError(reason) from error

    def work(self, run_id: str) -> Path:
        """Folder private to the attempt that computes this run; survives a killed attempt."""
        path = self._folder(run_id) / ".work"
        path.mkdir(parents=not self._was_locked, exist_ok=True)
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
        self._write(self._folder(run_id) / "failure.json", notes.to_json(fields))

    def failure(self, run_id: str) -> str:
        """Reason of the last failed attempt, or an empty string."""
        return self._reason(run_id, "failure.json", "an attempt failed; its note cannot be read")

    def diverged(self, run_id: str) -> bool:
        """Whether the last failed attempt failed because training led nowhere."""
        try:
            text = (self._now(run_id) / "failure.json").read_text(encoding="utf-8")
            return bool(notes.from_json(text).get("diverged"))
        except (OSError, ValueError, AttributeError):
            return False

    def failed_ids(self) -> list[str]:
        """Ids of all runs of which the last attempt failed, sorted."""
        return sorted(path.parent.name for path in self._all_now().glob("*/failure.json"))

    def prune(self, pruned: Pruned) -> None:
        """Note that a search has ended a run early; clears its failure."""
        self._write(self._folder(pruned.run_id) / "pruned.json", pruned.to_json())
        self._unlink(self._folder(pruned.run_id) / "failure.json")

    def pruned(self, run_id: str) -> Pruned | None:
        """What was noted of a run that was ended early and not finished since. A broken note counts as none."""
        path = self._now(run_id) / "pruned.json"
        try:
            return Pruned.from_json(path.read_text(encoding="utf-8"))
        except FileNotFoundError:
            return None
        except (OSError, BrokenRecordError, UnicodeDecodeError) as error:
            log.warning("%s is broken and counts as none: %s", path, error)
            return None

    def broken_notes(self, run_id: str) -> list[str]:
        """Names of the notes of a run that are not what was written."""
        read = {
            "failure.json": notes.from_json, "damage.json": notes.from_json, "pruned.json": Pruned.from_json,
            removed.NOTE: removed.from_json,
        }  # fmt: skip
        found, folder = [], self._now(run_id)
        for name, parse in read.items():
            try:
                parse((folder / name).read_text(encoding="utf-8"))
            except FileNotFoundError:
                continue
            except (OSError, ValueError, KeyError, TypeError, AttributeError):
                found.append(name)
        return found

    def _reason(self, run_id: str, note: str, unreadable: str) -> str:
        """The reason in a note of a run; empty where there is no such note."""
        try:
            return str(notes.from_json((self._now(run_id) / note).read_text(encoding="utf-8"))["reason"])
        except FileNotFoundError:
            return ""
        except (OSError, ValueError, KeyError, TypeError):
            return unreadable

    def _write(self, path: Path, content: str, *, sole: bool = False, durable: bool = True) -> None:
        """Replace a record or a note, as `files.write` does."""
        files.write(path, content, sole=sole, durable=durable)

    def _unlink(self, *paths: Path) -> None:
        """Remove records or notes, if they are there."""
        for path in paths:
            path.unlink(missing_ok=True)

    def _put_aside(self, path: Path, why: str = "damaged") -> None:
        """Put a record aside, as `digests.put_aside` does."""
        put_aside(path, why)

    def _has(self, run_id: str, name: str) -> bool:
        """Whether an artefact is there, or a part of it."""
        return (self._folder(run_id) / name).exists()

    def _finish_removal(self, run_id: str) -> bool:
        """Remove what is left of what was removed; whether there was anything."""
        return removed.finish(self._folder(run_id))

    def _compare(self, run_id: str, said: Mapping[str, str]) -> None:
        """Compare files of a run, which are about to be read, with their digests; raises DamagedFileError."""
        check(self._folder(run_id), said)

    def _compare_kept(self, run_id: str, said: Mapping[str, str]) -> None:
        """Compare what is kept of a run with its digests; raises DamagedFileError."""
        check(self._folder(run_id), said)


def _again(run_id: str) -> str:
    """What to do about a damaged run."""
    return f"Compute it again: the same `run` with --recompute {run_id}"


def _without(names: Mapping[str, str], gone: Iterable[str]) -> dict[str, str]:
    """Files of a run but those of some of its artefacts."""
    left_out = set(gone)
    return {name: each for name, each in names.items() if Path(name).parts[0] not in left_out}


def _to_have(run_id: str) -> str:
    """What to do to have again what was removed."""
    return f"A `run` that needs it computes it again; to have it and keep it: --recompute {run_id} --keep all"
