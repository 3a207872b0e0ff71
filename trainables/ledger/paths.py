"""Texts and paths that people give: what they mean, and whether they can be what they are meant to be."""

from __future__ import annotations

import os
import stat
from pathlib import Path

_LONGEST = 4096
"""Bytes of a path that Linux takes; no other text needs more."""
_LONGEST_NAME = 200
"""Bytes of a name that is part of file names, which may have 255."""


def expanded(given: str | Path) -> Path:
    """The path with `~` and `~user` replaced; raises ValueError for a user without a home folder."""
    try:
        return Path(given).expanduser()
    except RuntimeError as error:
        raise ValueError(f"{str(given)!r}: there is no home folder of that user") from error


def why_no_folder(path: Path) -> str:
    """Why a path is no folder that can be looked at; an empty string when it is one."""
    try:
        mode = path.stat().st_mode
    except (OSError, ValueError) as error:
        return getattr(error, "strerror", None) or str(error)
    return "" if stat.S_ISDIR(mode) else "it is no folder but a file"


def names_in(folder: Path) -> list[str]:
    """Sorted names of what lies in a folder; none where it cannot be read."""
    try:
        return sorted(child.name for child in folder.iterdir())
    except OSError:
        return []


def clean_text(text: str) -> str:
    """A text that can be shown, written and used as a name; raises ValueError for any other."""
    if not all(char.isprintable() or char == "\N{NO-BREAK SPACE}" for char in text):
        raise ValueError("allowed: a text without control characters")
    if len(text.encode()) > _LONGEST:
        raise ValueError(f"allowed: at most {_LONGEST} bytes")
    return text


def possible_path(text: str) -> str:
    """A path that is there or could be; raises ValueError with the reason."""
    if clean_text(text):
        _nearest_existing(text)
    return text


def possible_folder(text: str) -> str:
    """A folder that is there or could be made, other than the root; raises ValueError with the reason."""
    if not possible_path(text):
        return text
    place, existing = _nearest_existing(text)
    if not stat.S_ISDIR(existing.stat().st_mode):
        raise ValueError(f"allowed: a folder; {existing} is no folder")
    if place == Path("/"):
        raise ValueError("allowed: a folder of its own, not the root of the file system")
    return text


def writable_folder(text: str) -> str:
    """As `possible_folder`, for one that is to be written."""
    if possible_folder(text):
        _, existing = _nearest_existing(text)
        if not os.access(existing, os.W_OK | os.X_OK):
            raise ValueError(f"allowed: a folder that can be written; {existing} cannot")
    return text


def short_name(text: str) -> str:
    """A name that fits into the names of files."""
    if len(text.encode()) > _LONGEST_NAME:
        raise ValueError(f"allowed: at most {_LONGEST_NAME} bytes")
    return text


def _nearest_existing(text: str) -> tuple[Path, Path]:
    """The path that is meant, and the part of it that exists; raises ValueError for one that cannot be."""
    try:
        place = Path(text).expanduser().absolute()
        place.resolve()  # finds links to themselves
    except RuntimeError as error:
        reason = "a link that leads to itself" if "loop" in str(error) else "the home folder of an unknown user"
        raise ValueError(f"allowed: a path; this is {reason}") from error
    for candidate in (place, *place.parents):
        try:
            candidate.stat()
        except (FileNotFoundError, NotADirectoryError):
            continue
        except OSError as error:
            raise ValueError(f"allowed: a path that can be used; {error.strerror}") from error
        return place.resolve(), candidate
    raise AssertionError("the root exists")
