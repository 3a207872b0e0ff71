"""Cache: artefacts of a store in a bucket that this machine has made or fetched; the least recently used go first."""

from __future__ import annotations

import os
import time
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import NamedTuple

from trainables.ledger import files
from trainables.ledger.usage import bytes_on_disk

REST_SECONDS = 3600.0
"""What was used within this time stays: somebody may be about to read it."""
CHECKED_SHARE = 20
"""The folder is measured again after this part of what is allowed was added."""


class _Kept(NamedTuple):
    used: float
    size: int
    path: Path


class Cache:
    """The artefacts below `runs`, which may take so many bytes. Only those of recorded runs go: the bucket has them."""

    def __init__(self, runs: Path, most_bytes: float) -> None:
        self._runs = runs
        self._most = most_bytes
        self._added = most_bytes

    def used(self, path: Path) -> None:
        """Somebody reads an artefact, or a file in it."""
        with suppress(OSError):
            os.utime(self._runs.joinpath(*path.relative_to(self._runs).parts[:2]))

    def added(self, num_bytes: int) -> None:
        """So much has come; make room if that is too much."""
        self._added += num_bytes
        if self._added > self._most / CHECKED_SHARE:
            self._added = 0
            self._shrink()

    def _shrink(self) -> None:
        kept = sorted(self._kept())
        total, now = sum(each.size for each in kept), time.time()
        for each in kept:
            if total <= self._most or now - each.used < REST_SECONDS:
                return
            files.remove(each.path)
            total -= each.size

    def _kept(self) -> Iterator[_Kept]:
        for run in self._runs.glob("*/record.json"):
            for path in run.parent.iterdir():
                if path.is_dir() and not path.name.startswith("."):
                    with suppress(OSError):
                        yield _Kept(path.stat().st_mtime, bytes_on_disk(path), path)
