"""Wanted: one file that a folder for nodes without network needs, where it comes from, and what it must be."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from trainables.data.source import MissingDataError
from trainables.ledger.digests import digest

Bring = Callable[[Path, Path], None]
"""Makes a file at the first path; what should outlive an interruption goes into the folder that is the second."""


@dataclass(frozen=True, kw_only=True)
class Wanted:
    """One file to bring.

    Attributes:
        path: where it goes, below the folder, with `/`.
        repository: what it is a part of, for people and licences: an id of the hub, an official release, an encoder.
        config: the configuration of the repository; empty for an encoder.
        origin: where it comes from, for people.
        revision: commit of the hub; empty elsewhere.
        num_bytes: about, where it is made of another.
        made_from: identifies the content that it comes from: a SHA-256, of the hub also Git's SHA-1, and what is
            changed of it. A copy with this digest is the file.
        bring: makes it.
    """

    path: str
    repository: str
    config: str = ""
    origin: str
    revision: str = ""
    num_bytes: int
    made_from: Callable[[], str]
    bring: Bring


def copied(source: Path, path: str, *, repository: str, config: str = "") -> Wanted:
    """A file of this machine, as it is. Raises MissingDataError for one that cannot be looked at."""
    try:
        num_bytes = source.stat().st_size
    except OSError as error:
        raise MissingDataError(f"{source} cannot be read: {error.strerror or error}") from error
    return Wanted(
        path=path,
        repository=repository,
        config=config,
        origin=str(source),
        num_bytes=num_bytes,
        made_from=lambda: digest(source),
        bring=lambda made, staging: _copy(source, made),
    )


def _copy(source: Path, made: Path) -> None:
    shutil.copyfile(source, made)
