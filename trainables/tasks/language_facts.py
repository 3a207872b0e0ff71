"""What is known of the 40 languages of XTREME: name, family, script (`languages.csv`, in the order of pictures).

Families and the branches of Indo-European as in the table of languages of Hu et al. (2020), by the names of Glottolog;
scripts are those of the data sets, by the names of ISO 15924 (`Japanese` is Han with both kana).
"""

from __future__ import annotations

import csv
import functools
from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass
from importlib.resources import files
from types import MappingProxyType

from trainables.tasks.languages import ENGLISH

TRAINING = "English"
"""A group of its own: the training language, where nothing is transferred across languages."""
OTHER = "other"
"""Group of languages that the table does not have."""


@dataclass(frozen=True, kw_only=True)
class Language:
    """A line of the table; `branch` is given for Indo-European languages only."""

    code: str
    name: str
    family: str
    branch: str
    script: str

    @property
    def group(self) -> str:
        """Family; for Indo-European, with two fifths of the languages, its branch: `IE: Germanic`."""
        return f"IE: {self.branch}" if self.branch else self.family


@functools.cache
def languages() -> Mapping[str, Language]:
    """Code -> language, by script, then family, then name."""
    with files("trainables.tasks").joinpath("languages.csv").open(encoding="utf-8") as file:
        return MappingProxyType({line["code"]: Language(**line) for line in csv.DictReader(file)})


def in_order(codes: Iterable[str]) -> list[str]:
    """The codes in the order of the table, unknown ones last by name."""
    known = list(languages())
    return sorted(codes, key=lambda code: (known.index(code) if code in known else len(known), code))


def script_of(code: str) -> str:
    """Its script; OTHER for an unknown code."""
    return languages()[code].script if code in languages() else OTHER


def by_family(codes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Group -> its codes; English apart. Largest family of the table first."""
    return _grouped(codes, lambda language: language.group)


def by_script(codes: Iterable[str]) -> dict[str, tuple[str, ...]]:
    """Script -> its codes; English apart. Most used script of the table first."""
    return _grouped(codes, lambda language: language.script)


def _grouped(codes: Iterable[str], group: Callable[[Language], str]) -> dict[str, tuple[str, ...]]:
    found: dict[str, list[str]] = {}
    for code in in_order(set(codes)):
        known = languages().get(code)
        name = OTHER if known is None else TRAINING if code == ENGLISH else group(known)
        found.setdefault(name, []).append(code)
    sizes = [group(language) for language in languages().values()]
    order = sorted(found, key=lambda name: (name != TRAINING, name == OTHER, -sizes.count(name)))
    return {name: tuple(found[name]) for name in order}
