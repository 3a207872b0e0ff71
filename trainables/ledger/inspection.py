"""Inspection of a store: everything in it is read and compared with what is written of it."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from trainables.ledger.errors import DamagedRunError, LedgerError
from trainables.ledger.paths import names_in
from trainables.ledger.record import BrokenRecordError
from trainables.ledger.records import RECOMPUTED
from trainables.ledger.shared import is_sound
from trainables.ledger.signature import is_as_signed
from trainables.ledger.store import Store

WITHOUT_DIGESTS = "an earlier version wrote it without digests"


class Condition(StrEnum):
    """What was found of one thing in a store."""

    SOUND = "sound"
    """It is what was written."""
    UNCHECKED = "unchecked"
    """It can be read; an earlier version wrote it, without digests."""
    UNFINISHED = "unfinished"
    """A run without a record."""
    DAMAGED = "damaged"
    """It is not what was written, or cannot be read."""


@dataclass(frozen=True, kw_only=True)
class Inspected:
    """One thing that was looked at.

    Attributes:
        what: a run by id and name, or a file.
        text: what is wrong, with the remedy; empty for what is sound.
        num_bytes: that were read for it.
        removed: artefacts of a run that were removed.
    """

    what: str
    condition: Condition
    text: str = ""
    num_bytes: int = 0
    removed: tuple[str, ...] = ()


def inspect(store: Store) -> Iterator[Inspected]:
    """Read every run and file of a store, one after another; damage of a run that is found or gone is noted."""
    store.refresh()
    for run_id in store.begun_ids():
        yield _run(store, run_id)
    yield from _notes(store)
    yield from _tokenizers(store)
    yield from _files(store)


def _run(store: Store, run_id: str) -> Inspected:
    if run_id not in store.run_ids():
        reason = store.failure(run_id)
        return Inspected(what=f"run {run_id}", condition=Condition.UNFINISHED, text=reason and f"failed: {reason}")
    try:
        record = store.record(run_id)
        store.check(run_id)
    except BrokenRecordError as error:
        return Inspected(what=f"run {run_id}", condition=Condition.DAMAGED, text=f"{error}; {RECOMPUTED}")
    except DamagedRunError as error:
        return Inspected(what=f"run {run_id} ({record.name})", condition=Condition.DAMAGED, text=str(error))
    what, size, gone = f"run {run_id} ({record.name})", store.num_bytes(record), tuple(store.removed(run_id))
    if not record.files:
        return Inspected(what=what, condition=Condition.UNCHECKED, text=WITHOUT_DIGESTS, removed=gone)
    return Inspected(what=what, condition=Condition.SOUND, num_bytes=size, removed=gone)


def _notes(store: Store) -> Iterator[Inspected]:
    """Notes of runs that are not what was written; the others are not worth a line."""
    for run_id in store.begun_ids():
        for name in store.broken_notes(run_id):
            text = "it counts as none; the next attempt writes it again"
            yield Inspected(what=f"run {run_id}, {name}", condition=Condition.DAMAGED, text=text)


def _tokenizers(store: Store) -> Iterator[Inspected]:
    """What runs share. The next run that needs a damaged one makes it again; runs that have it are damaged, too."""
    for name in names_in(store.tokenizers):
        folder = store.tokenizers / name
        if folder.is_dir() and "." not in name:
            what, size = f"tokenizers/{name}", sum(path.stat().st_size for path in folder.iterdir())
            if is_sound(folder):
                yield Inspected(what=what, condition=Condition.SOUND, num_bytes=size)
            else:
                text = "it is not what was written; the next run that needs it makes it again"
                yield Inspected(what=what, condition=Condition.DAMAGED, text=text)


def _files(store: Store) -> Iterator[Inspected]:
    readers: dict[Path, Callable[[], object]] = {
        store.root / "plan.json": store.plan,
        store.root / "search.json": store.studies,
        store.root / "race.json": store.race,
        store.root / "search_budget.json": store.allocation,
        store.root / "receipts.json": store.receipts,
        store.root / "openings.json": store.openings,
    }
    for sweep in store.sweeps():
        readers[store.root / "plans" / f"{sweep}.json"] = lambda sweep=sweep: store.plan(sweep)  # type: ignore[misc]
    for path, read in readers.items():
        if not path.exists():
            continue
        try:
            read()
        except LedgerError as error:
            yield Inspected(what=path.name, condition=Condition.DAMAGED, text=str(error))
        else:
            is_sealed = '"digest"' in path.read_text(encoding="utf-8")[-100:]
            condition = Condition.SOUND if is_sealed else Condition.UNCHECKED
            text = "" if is_sealed else WITHOUT_DIGESTS
            yield Inspected(what=path.name, condition=condition, text=text, num_bytes=path.stat().st_size)
    for path in (store.root / "config.yaml", store.root / "best.yaml"):
        if path.exists() and not _is_as_signed(path):
            text = "it was changed by hand, or is damaged; nothing but --config reads it"
            yield Inspected(what=path.name, condition=Condition.DAMAGED, text=text)


def _is_as_signed(path: Path) -> bool:
    try:
        return is_as_signed(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError):
        return False
