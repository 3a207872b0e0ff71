"""Distances between languages, offline: of two tables that this project has, and of URIEL+ where it is installed.

    family         0 in one branch of Indo-European or one other family, 0.5 in one family, 1 else (languages.csv)
    script         0 for the same script, 1 else (languages.csv)
    genetic        URIEL+: nodes of the family tree (Glottolog)
    geographic     URIEL+: where the language is spoken
    syntactic, phonological, inventory
                   URIEL+: features of grammar, of the sounds as a system, and which sounds there are
    featural       URIEL+: these three together
    scriptural     URIEL+: traits of the scripts (ScriptSource)

URIEL+ distances are angles between feature vectors, 0 for the same direction and 1 for a right angle, over the features
that are known of both; what several sources know of a feature is joined. Nothing is imputed. `urielplus` (the extra
`languages`, CC BY-SA 4.0) is not imported, for its objects copy their tables into the package's own folder when they
are made: the tables that came with it are read, once in a process.
"""

from __future__ import annotations

import functools
import importlib.util
from collections.abc import Mapping
from enum import StrEnum
from importlib.metadata import version
from pathlib import Path
from types import MappingProxyType
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.ledger.nearest import unknown
from trainables.tasks.language_facts import languages
from trainables.tasks.languages import ISO_639_3

PACKAGE = "urielplus"
FEWEST_FEATURES = 10
"""Known of both languages, from which on a distance is given."""

Vector = NDArray[np.float64]


class Kind(StrEnum):
    """What two languages are compared by."""

    FAMILY = "family"
    SCRIPT = "script"
    GENETIC = "genetic"
    GEOGRAPHIC = "geographic"
    SYNTACTIC = "syntactic"
    PHONOLOGICAL = "phonological"
    INVENTORY = "inventory"
    FEATURAL = "featural"
    SCRIPTURAL = "scriptural"


KINDS: tuple[str, ...] = tuple(map(str, Kind))
"""All of them; a report shows every one, not the one that fits."""

_FILES: Mapping[Kind, tuple[str, tuple[str, ...]]] = MappingProxyType({
    Kind.GENETIC: ("family_features", ("F_",)),
    Kind.GEOGRAPHIC: ("geocoord_features", ("GC_",)),
    Kind.SYNTACTIC: ("features", ("S_",)),
    Kind.PHONOLOGICAL: ("features", ("P_",)),
    Kind.INVENTORY: ("features", ("INV_",)),
    Kind.FEATURAL: ("features", ("S_", "P_", "INV_")),
    Kind.SCRIPTURAL: ("script_features", ("SC_",)),
})  # fmt: skip
"""Kind -> file of URIEL+, and how the names of its features begin."""
_MORE_CODES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "en": ("eng",), "ms": ("msa", "zsm"), "my": ("mya",), "yo": ("yor",), "fa": ("pes", "fas"), "zh": ("cmn", "zho"),
})  # fmt: skip
"""Names in URIEL+ where one of Tatoeba's does not do; the first that is known counts."""


def distance(kind: str, a: str, b: str) -> float | None:
    """Distance of two languages from 0 to 1, the same both ways.

    None where it is not known: a language that the table lacks, too few features, or URIEL+ is not installed. Raises
    ValueError for a kind that is none of KINDS.
    """
    if kind not in KINDS:
        raise ValueError(unknown("kind of distance", kind, KINDS))
    if kind in _FILES:
        return _angle(*(_vectors(Kind(kind)).get(code) for code in (a, b)))
    if not {a, b} <= languages().keys():
        return None
    one, other = languages()[a], languages()[b]
    if kind == Kind.SCRIPT:
        return float(one.script != other.script)
    if one.group == other.group:
        return 0.0
    return 0.5 if one.family == other.family else 1.0


def source() -> str:
    """Name and version of the package that is read; empty where it is not installed."""
    return f"{PACKAGE} {version(PACKAGE)}" if _folder() else ""


def _folder() -> Path | None:
    """Where the files of URIEL+ are; found without importing it."""
    found = importlib.util.find_spec(PACKAGE)
    places = found.submodule_search_locations if found else None
    return Path(next(iter(places))) / "database" / "original_uriel" if places else None


@functools.cache
def _vectors(kind: Kind) -> Mapping[str, Vector]:
    """Code of this project -> its features, NaN where unknown; empty without URIEL+."""
    folder = _folder()
    if folder is None:
        return MappingProxyType({})
    file, beginnings = _FILES[kind]
    rows, features = _table(folder / f"{file}.npz")
    wanted = np.array([name.startswith(beginnings) for name in features])
    return MappingProxyType({code: row[wanted] for code, row in rows.items()})


@functools.cache
def _table(path: Path) -> tuple[Mapping[str, Vector], tuple[str, ...]]:
    """Code -> all features of a file, and their names; only the languages of this project are kept."""
    with np.load(path, allow_pickle=False) as file:
        features, names, data = file["feats"], list(file["langs"]), file["data"]
    found = {}
    for code in languages():
        for name in _MORE_CODES.get(code) or (ISO_639_3[code],):
            if name in names and not np.isnan(row := _known(data[names.index(name)])).all():
                found[code] = row
                break
    return MappingProxyType(found), tuple(map(str, features))


def _known(sources: NDArray[Any]) -> Vector:
    """Features[F] of sources[F, S], where -1 is unknown."""
    joined: Vector = sources.max(axis=1).astype(float)
    joined[joined < 0] = np.nan
    return joined


def _angle(a: Vector | None, b: Vector | None) -> float | None:
    if a is None or b is None:
        return None
    both = ~(np.isnan(a) | np.isnan(b))
    if both.sum() < FEWEST_FEATURES:
        return None
    one, other = a[both], b[both]
    lengths = float(np.linalg.norm(one) * np.linalg.norm(other))
    if not lengths:
        return float(one.any() or other.any())
    return float(np.arccos(np.clip(one @ other / lengths, -1.0, 1.0)) / (np.pi / 2))
