"""Published row counts, committed: what a plan reckons with where the rows themselves cannot be counted."""

from __future__ import annotations

import csv
import functools
from importlib.resources import files

from trainables.data import statistics
from trainables.data.statistics import Key

FILE = "published_rows.csv"


def published_rows(task: str, split: str, language: str) -> int | None:
    """Rows of a split of a task in one language; None where none are published.

    What the card of a hub repository says of its files comes before what the paper of the data set says: of POS the hub
    joins every treebank of a language (protocol.md 8.3).
    """
    key = Key(task, split, language)
    return _of_cards().get(key, statistics.published().get(key))


@functools.cache
def _of_cards() -> dict[Key, int]:
    with files("sweep.planning").joinpath(FILE).open(encoding="utf-8") as file:
        return {Key(row["task"], row["split"], row["language"]): int(row["rows"]) for row in csv.DictReader(file)}
