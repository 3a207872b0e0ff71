"""Probe: files that show whether two machines see the same disk, and each other's locks there."""

from __future__ import annotations

import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import filelock

PREFIX = ".xstilts-doctor-"


@dataclass(frozen=True, kw_only=True)
class Probe:
    """A file whose content is `token`, and one whose lock is held."""

    file: Path
    lock: Path
    token: str


@contextmanager
def probe(folder: Path) -> Iterator[Probe]:
    """Probe files in a folder, or in the nearest one above that is there, while the block lasts; then none is left.

    Raises OSError where nothing can be written.
    """
    place = next(each for each in (folder, *folder.parents) if each.is_dir())
    token = uuid.uuid4().hex
    made = Probe(file=place / f"{PREFIX}{token}", lock=place / f"{PREFIX}{token}.lock", token=token)
    try:
        made.file.write_text(token, encoding="utf-8")
        with filelock.FileLock(made.lock):
            yield made
    finally:
        made.file.unlink(missing_ok=True)
        made.lock.unlink(missing_ok=True)
