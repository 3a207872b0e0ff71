"""Shared files: what many runs have alike is kept once, in a folder named by its content, and linked into each run.

A link is a file of its own to whoever reads, digests or removes it; it takes no room. Where the file system has none,
the files are copied.
"""

from __future__ import annotations

import hashlib
import logging
import os
from collections.abc import Mapping
from pathlib import Path

import filelock

from trainables.ledger import files
from trainables.ledger.digests import digests, put_aside

log = logging.getLogger(__name__)


def link_shared(root: Path, contents: Mapping[str, bytes], folder: Path) -> None:
    """Put files with these names and contents into `folder`; kept below `root`, which any number of processes share.

    What is kept is compared with its name, once in a process and file, and made again where it is damaged.
    """
    shared = root / _name({name: hashlib.sha256(content).hexdigest() for name, content in contents.items()})
    if not is_sound(shared):
        _make(shared, contents)
    for name, content in contents.items():
        try:
            os.link(shared / name, folder / name)
        except OSError:  # no links here, too many of them, or another user's file
            (folder / name).write_bytes(content)


def is_sound(shared: Path) -> bool:
    """Whether a folder of shared files holds what its name says; nothing that is not there does."""
    try:
        found = {Path(path).name: each for path, each in digests(shared).items()}
    except OSError:
        return False
    return shared.name == _name(found)


def _make(shared: Path, contents: Mapping[str, bytes]) -> None:
    files.make_folder(shared.parent)
    with filelock.FileLock(shared.parent / ".lock"):
        if is_sound(shared):
            return
        if shared.exists():
            log.warning("%s is damaged and is made again", shared)
            put_aside(shared)
        with files.replacing(shared, sole=True) as partial:
            partial.mkdir()
            for name, content in contents.items():
                (partial / name).write_bytes(content)


def _name(told: Mapping[str, str]) -> str:
    """Name of a folder of files with these digests."""
    lines = "".join(f"{name}\0{each}\n" for name, each in sorted(told.items()))
    return hashlib.sha256(lines.encode()).hexdigest()[:32]
