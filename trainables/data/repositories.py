"""Whether a folder is a mirror of the hub at all."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from trainables.data.source import MissingDataError
from trainables.ledger.nearest import nearest
from trainables.ledger.paths import names_in
from trainables.ledger.plain import plain

_SHOWN = 12
_INSIDE = 200
"""Folders that are looked into for a mirror that lies one deeper."""


def check_repositories(folder: Path, wanted: Sequence[str]) -> None:
    """Raise MissingDataError, with what is expected and what is there, unless one of the repositories is there."""
    if _holds_some(folder, wanted):
        return
    there = _entries(folder)
    question = f" did you mean {close}?" if (close := _close(folder, wanted, there)) else ""
    raise MissingDataError(
        f"data {str(folder)!r} holds none of the repositories that are read;{question} expected: "
        f"{folder}/<repository>/<configuration>/<split>.parquet with one of {_some(wanted)}; there is: "
        f"{_some(there) or 'nothing'}"
    )


def _holds_some(folder: Path, wanted: Sequence[str]) -> bool:
    return any((folder / repository).is_dir() for repository in wanted)


def _entries(folder: Path) -> list[str]:
    """What lies in a folder: `owner/name` for folders in folders, names for the rest."""
    found = []
    for name in names_in(folder):
        inner = [child for child in names_in(folder / name) if (folder / name / child).is_dir()]
        found += [f"{name}/{child}" for child in inner] or [name]
    return found


def _close(folder: Path, wanted: Sequence[str], there: Sequence[str]) -> str:
    """The folder or the repository that was probably meant; an empty string where none comes to mind."""
    around = [*folder.resolve().parents[:2], *(folder / name for name in names_in(folder)[:_INSIDE])]
    for other in around:
        if other != other.parent and _holds_some(other, wanted):
            return repr(str(other))
    pairs = ((name, nearest(name, wanted)) for name in there)
    return next((f"{near!r} instead of {plain(name)!r}" for name, near in pairs if near), "")


def _some(names: Sequence[str]) -> str:
    more = f" and {len(names) - _SHOWN} more" if len(names) > _SHOWN else ""
    return ", ".join(map(plain, names[:_SHOWN])) + more
