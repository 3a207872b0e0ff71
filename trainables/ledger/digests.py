"""Digests of files: taken when a file is written, compared before it is read, once in a process and file."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Mapping
from datetime import UTC, datetime
from pathlib import Path

from trainables.ledger import files


class DamagedFileError(RuntimeError):
    """A file that is not what was written: missing, or of another content."""


def digests(path: Path) -> dict[str, str]:
    """SHA-256 of a file under its name, or of all files of a folder by their paths below its parent."""
    found = [each for each in sorted(path.rglob("*")) if each.is_file()] if path.is_dir() else [path]
    return {each.relative_to(path.parent).as_posix(): digest(each) for each in found}


def digest(path: Path) -> str:
    """SHA-256 of a file, 64 hexadecimal digits. Read again only when size, times or place on the disk have changed."""
    state = path.stat()
    return _digest(path, state.st_size, state.st_mtime_ns, state.st_ctime_ns, state.st_ino)


def git_digest(path: Path) -> str:
    """SHA-1 that Git names the content of a file by, 40 hexadecimal digits."""
    content = path.read_bytes()
    return hashlib.sha1(b"blob %d\0" % len(content) + content, usedforsecurity=False).hexdigest()


def check(folder: Path, expected: Mapping[str, str]) -> None:
    """Compare files below a folder with their digests; raises DamagedFileError that names the first that differs."""
    for name, wanted in expected.items():
        path = folder / name
        try:
            found = digest(path)
        except OSError as error:
            raise DamagedFileError(f"{path} cannot be read: {error.strerror or error}") from error
        if found != wanted:
            raise DamagedFileError(f"{path} is not what was written (SHA-256 {found[:12]}…, written {wanted[:12]}…)")


def put_aside(path: Path, why: str = "damaged") -> Path:
    """Rename what cannot be used, so that it can be made again, and say so in its name; returns the new path.

    Of what was put aside from the same place earlier nothing is kept. Raises OSError where it cannot be renamed.
    """
    for earlier in asides(path):
        files.remove(earlier)
    aside = path.with_name(f"{path.name}.{why}-{datetime.now(UTC):%Y%m%dT%H%M%SZ}")
    path.rename(aside)
    return aside


def asides(path: Path) -> list[Path]:
    """What was put aside from a place."""
    return [each for why in ("damaged", "replaced") for each in path.parent.glob(f"{path.name}.{why}-*")]


@functools.lru_cache(maxsize=4096)
def _digest(path: Path, size: int, changed_ns: int, status_ns: int, inode: int) -> str:
    with path.open("rb") as stream:
        return hashlib.file_digest(stream, "sha256").hexdigest()
