"""The folder for what can be made again: the demo corpus, file digests, tokens, the bundled encoder, compiled code."""

from __future__ import annotations

import functools
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from trainables.ledger.paths import expanded

CACHE_VARIABLE = "XSTILTS_CACHE"
DEFAULT = "~/.cache/xstilts"

log = logging.getLogger(__name__)


class CacheFolderError(RuntimeError):
    """The cache folder cannot be used: it cannot be made, read or written."""


def cache_folder() -> Path:
    """`$XSTILTS_CACHE`, or `~/.cache/xstilts`; absolute, made if it does not exist.

    Raises CacheFolderError, which names the folder, the reason and the variable, when it cannot be made.
    """
    try:
        folder = expanded(_given()).absolute()
        folder.mkdir(parents=True, exist_ok=True)
    except (OSError, ValueError) as error:
        raise _unusable(_given(), error) from error
    return folder


def own_folder(name: str) -> Path | None:
    """A folder inside the cache folder for what can do without; None, and a warning, where there is no cache folder."""
    try:
        return cache_folder() / name
    except CacheFolderError as error:
        warn_once(f"{error}. Until then what would be kept in {name} is made anew every time")
        return None


@contextmanager
def fills_cache() -> Iterator[None]:
    """For what cannot do without the cache folder: an error of the disk becomes CacheFolderError."""
    try:
        yield
    except OSError as error:
        raise _unusable(_given(), error) from error


def check_cache_folder() -> Path:
    """The cache folder; raises CacheFolderError unless something can be made in it."""
    folder = cache_folder()
    if not os.access(folder, os.W_OK | os.X_OK):
        raise _unusable(str(folder), PermissionError("it cannot be written"))
    return folder


@functools.cache
def warn_once(message: str) -> None:
    """Log a warning, the same one only once in a process."""
    log.warning("%s", message)


def _given() -> str:
    return os.environ.get(CACHE_VARIABLE) or DEFAULT


def _unusable(folder: str, error: Exception) -> CacheFolderError:
    reason = getattr(error, "strerror", None) or str(error)
    return CacheFolderError(
        f"the cache folder {folder!r} cannot be used: {reason}. Set the variable {CACHE_VARIABLE} to a folder that can "
        f"be written (now: {os.environ.get(CACHE_VARIABLE) or f'not set, so {DEFAULT}'})"
    )
