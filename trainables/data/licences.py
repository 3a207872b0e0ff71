"""Licences of the data sets as their publishers state them; a reminder for those who copy them, not advice."""

from __future__ import annotations

import csv
import functools
from importlib.resources import files

FILE = "licences.csv"


def licence_of(repository: str, config: str) -> str:
    """The licence of a configuration of a repository; empty where none is written down."""
    for known, prefix, licence in _licences():
        if known == repository and config.startswith(prefix):
            return licence
    return ""


@functools.cache
def _licences() -> tuple[tuple[str, str, str], ...]:
    """Repository, beginning of the configuration, licence; longer beginnings first."""
    with files("trainables.data").joinpath(FILE).open(encoding="utf-8") as file:
        rows = [(row["repository"], row["config"], row["licence"]) for row in csv.DictReader(file)]
    return tuple(sorted(rows, key=lambda row: -len(row[1])))
