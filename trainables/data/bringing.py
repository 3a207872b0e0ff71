"""Bringing files into a folder, each whole or not at all; what is there and right stays, so a second try goes on."""

from __future__ import annotations

import logging
import threading
from collections.abc import Callable, Collection, Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path
from queue import Empty, SimpleQueue

import filelock

from trainables.data.fetched import Fetched, Manifest, read_manifest
from trainables.data.parquet import count_rows
from trainables.data.wanted import Wanted
from trainables.ledger import files
from trainables.ledger.digests import digest, git_digest
from trainables.ledger.errors import StoreError
from trainables.ledger.plain import plain

log = logging.getLogger(__name__)

STAGING = ".fetching"
"""Folder for what is half there."""
LOCK = ".fetching.lock"
AT_ONCE = 4
_GIT_DIGITS = 40

Brought = tuple[Fetched, bool]
"""What is at the place of a file, and whether it was there before."""


class WrongContentError(RuntimeError):
    """A file that came is not the one that was wanted."""


@dataclass(kw_only=True)
class Outcome:
    """How it ended: paths of files that came, that were there before, and why others did not come."""

    manifest: Manifest
    brought: list[str] = field(default_factory=list)
    kept: list[str] = field(default_factory=list)
    failed: dict[str, str] = field(default_factory=dict)


def there(wanted: Collection[Wanted], folder: Path) -> int:
    """Bytes of the wanted files that seem to be in the folder: those of the right size that the manifest has."""
    known = read_manifest(folder).files
    return sum(
        known[each.path].num_bytes
        for each in wanted
        if each.path in known and _size(folder / each.path) == known[each.path].num_bytes
    )


def bring_all(
    wanted: Sequence[Wanted], folder: Path, *, on_end: Callable[[Wanted, str], object] = lambda wanted, why: None
) -> Outcome:
    """Bring files into a folder, several at a time; one that cannot be had keeps no other from coming.

    `on_end` hears of every file, with the reason of one that did not come. The manifest is written after each file, and
    what is half there stays in `STAGING` until all have come. Raises StoreError when another process fetches into the
    folder, LedgerError for a manifest that was changed, OSError for a folder that cannot be written.
    """
    with _held(folder):
        outcome = Outcome(manifest=read_manifest(folder))
        known = outcome.manifest.files
        for each, result in _at_once(wanted, lambda each: _bring(each, folder, known.get(each.path))):
            _note(each, result, outcome, folder)
            on_end(each, outcome.failed.get(each.path, ""))
        outcome.manifest.save(folder)
        if not outcome.failed:
            files.remove(folder / STAGING)
    return outcome


def _at_once(
    wanted: Sequence[Wanted], bring: Callable[[Wanted], Brought]
) -> Iterator[tuple[Wanted, Brought | Exception]]:
    """What comes of each, as it ends. The threads are daemons: one in a long download keeps nobody from leaving."""
    todo, done = SimpleQueue[Wanted](), SimpleQueue[tuple[Wanted, Brought | Exception]]()
    for each in wanted:
        todo.put(each)

    def work() -> None:
        with suppress(Empty):
            while True:
                each = todo.get_nowait()
                try:
                    done.put((each, bring(each)))
                except Exception as error:  # the hub's client, the network and the disk each have errors of their own
                    done.put((each, error))

    for _ in range(AT_ONCE):
        threading.Thread(target=work, name="fetch", daemon=True).start()
    for _ in wanted:
        yield done.get()


def _note(wanted: Wanted, result: Brought | Exception, outcome: Outcome, folder: Path) -> None:
    if isinstance(result, Exception):
        log.debug("%s did not come", wanted.path, exc_info=result)
        outcome.failed[wanted.path] = plain((str(result).strip().splitlines() or [type(result).__name__])[0])
        return
    fetched, was_there = result
    (outcome.kept if was_there else outcome.brought).append(wanted.path)
    outcome.manifest = outcome.manifest.with_file(wanted.path, fetched)
    outcome.manifest.save(folder, durable=False)


def _bring(wanted: Wanted, folder: Path, known: Fetched | None) -> Brought:
    """Raises whatever keeps the file from coming."""
    path, source = folder / wanted.path, wanted.made_from()
    if known and known.made_from == source and _size(path) == known.num_bytes and digest(path) == known.sha256:
        return known, True
    if path.is_file() and _is_copy(path, source):
        return _fetched(wanted, path, source), True
    with files.replacing(path, sole=True) as made:
        wanted.bring(made, folder / STAGING)
        if _is_plain(source) and not _is_copy(made, source):
            raise WrongContentError(f"{wanted.origin} is not what it is said to be: its digest is not {source[:12]}…")
        found = _fetched(wanted, made, source)
    return found, False


def _fetched(wanted: Wanted, path: Path, source: str) -> Fetched:
    return Fetched(
        sha256=digest(path),
        num_bytes=path.stat().st_size,
        made_from=source,
        repository=wanted.repository,
        config=wanted.config,
        origin=wanted.origin,
        revision=wanted.revision,
        num_rows=count_rows(path) if wanted.path.endswith(".parquet") else -1,
    )


def _is_plain(source: str) -> bool:
    """Whether a file is its source, not made of it."""
    return source.isalnum()


def _is_copy(path: Path, source: str) -> bool:
    return source == (git_digest(path) if len(source) == _GIT_DIGITS else digest(path))


def _size(path: Path) -> int:
    try:
        return path.stat().st_size
    except OSError:
        return -1


@contextmanager
def _held(folder: Path) -> Iterator[None]:
    """The folder, made and held for one process."""
    files.make_folder(folder)
    lock = filelock.FileLock(folder / LOCK)
    try:
        lock.acquire(timeout=1)
    except filelock.Timeout:
        raise StoreError(f"another process fetches into {folder}. Wait for it, or give another --out") from None
    try:
        yield
    finally:
        lock.release()
