"""Writing files so that a reader sees the old or the new one, whole, also after a power cut.

What is new is made under a temporary name beside its place, flushed, moved, and the folder flushed.
"""

from __future__ import annotations

import errno
import os
import shutil
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from glob import escape
from pathlib import Path

_HEX_DIGITS = 32


@contextmanager
def replacing(path: Path, *, sole: bool = False, durable: bool = True) -> Iterator[Path]:
    """A temporary path for a new file or folder, which takes the place of `path` when the block ends without an error.

    Parent folders are made. `sole` is for a caller that holds the lock of `path`: it removes what killed writers left.
    Without `durable` nothing is flushed: for files of which a power cut may take the last version.
    Raises OSError, with a file name, where it cannot be; what was at `path` is then as it was.
    """
    try:
        with beside(path, sole=sole) as temporary:
            yield temporary
            if durable:
                move(temporary, path)
            else:
                temporary.replace(path)
    except OSError as error:
        if error.errno and error.filename is None:  # such as a full disk, which names no file by itself
            error.filename = str(path)
        raise


@contextmanager
def beside(path: Path, *, sole: bool = False) -> Iterator[Path]:
    """A temporary path beside `path`; whatever is still there when the block ends is removed. `sole` as above."""
    make_folder(path.parent)
    if sole:
        for left_by_killed in leftovers(path.parent, path.name):
            remove(left_by_killed)
    temporary = _temporary(path)
    try:
        yield temporary
    finally:
        remove(temporary)


def write(path: Path, content: str | bytes, *, sole: bool = False, durable: bool = True) -> None:
    """Replace a file by new content; text is UTF-8, its line ends as they are. `sole` and `durable` as above."""
    with replacing(path, sole=sole, durable=durable) as temporary:
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)


def move(made: Path, path: Path) -> None:
    """Put a file or folder that is complete in its place, durably.

    A file replaces a file in one step. A folder cannot: for the moment between two renames there is none at `path`.
    """
    flush(made)
    make_folder(path.parent)
    if path.is_dir():  # or a link to one
        old = _temporary(path)
        path.rename(old)
        try:
            made.rename(path)
        except OSError:
            old.rename(path)
            raise
        remove(old)
    else:
        made.replace(path)
    flush_one(path.parent)


def make_folder(path: Path) -> None:
    """Make a folder and those above it, and flush the folders that got a new entry."""
    missing = [each for each in (path, *path.parents) if not each.exists()]
    path.mkdir(parents=True, exist_ok=True)
    for each in missing:
        flush_one(each.parent)


def make_below(path: Path, top: Path) -> None:
    """Make a folder and those between it and `top`; raises FileNotFoundError where `top` is not there (any more)."""
    if not top.is_dir():
        raise FileNotFoundError(errno.ENOENT, "it is not there any more", str(top))
    make_folder(path)


def flush(path: Path) -> None:
    """Flush a file, or a folder with all that is in it."""
    for each in (path, *path.rglob("*")) if path.is_dir() else (path,):
        if not each.is_symlink():
            flush_one(each)


def flush_one(path: Path) -> None:
    """Flush one file or the entries of one folder."""
    descriptor = os.open(path, os.O_RDONLY)
    try:
        os.fsync(descriptor)
    finally:
        os.close(descriptor)


def remove(path: Path) -> None:
    """Remove a file or folder, if it is there."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path, ignore_errors=True)
    else:
        path.unlink(missing_ok=True)


def leftovers(folder: Path, name: str = "") -> list[Path]:
    """Temporary files and folders in `folder`, of writers at work or killed; those for `name` only, if given."""
    return sorted(folder.glob(f".{escape(name) or '*'}.{'[0-9a-f]' * _HEX_DIGITS}"))


def _temporary(path: Path) -> Path:
    return path.with_name(f".{path.name}.{uuid.uuid4().hex}")
