"""Paths that people give: what they mean, and why one is no folder."""

from __future__ import annotations

import stat
from pathlib import Path


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
