"""The note of what was removed from the folder of a finished run: which artefacts, why and when.

The note is written before anything is removed. So whatever it names counts as removed, also while half of it is still
there, and whoever finds the rest removes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from trainables.ledger import files, notes
from trainables.ledger.artefacts import ENCODER, HEADS

NOTE = "removed.json"
REMOVABLE = (ENCODER, HEADS)
"""What may be removed: what a finished run can do without."""
_ARTEFACTS = "artefacts"


@dataclass(frozen=True, kw_only=True)
class Removed:
    """Why an artefact was removed, and when (ISO time with its zone)."""

    why: str
    at: str


def to_json(removed: Mapping[str, Removed]) -> str:
    """The note of what is removed from the folder of a run; the inverse of `from_json`."""
    said = {name: {"why": each.why, "at": each.at} for name, each in removed.items()}
    return notes.to_json({_ARTEFACTS: said})


def read(folder: Path) -> dict[str, Removed]:
    """What the note says by the name of the artefact; empty where there is none, or none that can be read."""
    try:
        return from_json((folder / NOTE).read_text(encoding="utf-8"))
    except (OSError, ValueError, KeyError, TypeError, AttributeError):
        return {}


def from_json(text: str) -> dict[str, Removed]:
    """What a note says; raises ValueError, KeyError, TypeError or AttributeError for anything else."""
    said = notes.from_json(text)[_ARTEFACTS]
    if foreign := said.keys() - set(REMOVABLE):  # names are paths below the folder of the run
        raise ValueError(f"names {sorted(foreign)}; allowed: {', '.join(REMOVABLE)}")
    return {str(name): Removed(why=str(each["why"]), at=str(each["at"])) for name, each in said.items()}


def finish(folder: Path) -> bool:
    """Remove what is left of what the note names; whether there was anything."""
    left = [folder / name for name in read(folder) if (folder / name).exists()]
    for path in left:
        files.remove(path)
    return bool(left)
