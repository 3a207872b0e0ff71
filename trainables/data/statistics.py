"""Published sizes of the data sets, so that a data set that has changed on the hub shows as a message."""

from __future__ import annotations

import csv
import functools
from importlib.resources import files
from typing import NamedTuple

from trainables.tasks.task import Split, Task

FILE = "statistics.csv"
LABELS = "labels"
"""In place of a split: the number of labels of a task whose inventory comes with the data."""


class Key(NamedTuple):
    """What a figure counts: one split of a task in one language, or its labels."""

    task: str
    split: str
    language: str


@functools.cache
def published() -> dict[Key, int]:
    """Rows with a label by task, split and language (protocol.md 2 to 4 and 8.17); of BUCC gold pairs."""
    with files("trainables.data").joinpath(FILE).open(encoding="utf-8") as file:
        return {Key(row["task"], row["split"], row["language"]): int(row["rows"]) for row in csv.DictReader(file)}


def drift(task: Task, split: Split, language: str, rows: int) -> tuple[str, ...]:
    """One sentence for each figure that is not the published one; nothing where none is published."""
    figures = [(Key(task.name, split, language), rows, f"{split} {language} has", "rows")]
    if task.open_labels and split is Split.TRAIN:
        figures.append((Key(task.name, LABELS, language), len(task.format.labels), "the data has", "labels"))
    return tuple(
        f"{task.name}: {what} {found:,} {unit}, published are {published()[key]:,}"
        for key, found, what, unit in figures
        if key in published() and published()[key] != found
    )
