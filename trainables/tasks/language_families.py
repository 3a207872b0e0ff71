"""Name, family and script of the 40 languages of XTREME; Indo-European by its branches.

Scripts are those in which the data of XTREME is written: Kazakh is in Cyrillic, Javanese and Malay in Latin letters.
"""

from __future__ import annotations

import csv
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from functools import cache
from importlib.resources import files
from types import MappingProxyType

_FILE = "languages.csv"


@dataclass(frozen=True, kw_only=True)
class Language:
    """One language; `code` is that of the data sets."""

    code: str
    name: str
    family: str
    script: str


@cache
def languages() -> Mapping[str, Language]:
    """By code, in the order of the codes."""
    lines = files("trainables.tasks").joinpath(_FILE).read_text(encoding="utf-8").splitlines()
    return MappingProxyType({row["code"]: Language(**row) for row in csv.DictReader(lines)})


def language_name(code: str) -> str:
    """In English; the code itself where it is none of XTREME's."""
    return languages()[code].name if code in languages() else code


def families(codes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Family -> those of the codes that belong to it, both in alphabetical order; unknown codes are left out."""
    return _groups((languages()[code].family, code) for code in codes if code in languages())


def scripts(codes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Script -> those of the codes that are written in it, both in alphabetical order; unknown codes are left out."""
    return _groups((languages()[code].script, code) for code in codes if code in languages())


def _groups(pairs: Iterable[tuple[str, str]]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for group, code in sorted(set(pairs)):
        found.setdefault(group, []).append(code)
    return {group: tuple(codes) for group, codes in found.items()}
