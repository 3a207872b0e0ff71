"""A small sound task of pairs with rows of its own, from which tests make broken ones."""

from __future__ import annotations

import dataclasses
from pathlib import Path

from tests.made.texts import write_rows
from trainables.data.hub import open_data
from trainables.data.source import DataSource
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.labels import pair_parser
from trainables.tasks.task import Role, Source, Split, Task

LABELS = ("yes", "no")
ROWS = {Split.TRAIN: 24, Split.STOPPING: 12, Split.TEST: 12}
LANGUAGES = {Split.TRAIN: ("en",), Split.STOPPING: ("en",), Split.TEST: ("en", "de")}


def pair_task(**changes: object) -> Task:
    """A target with rows in `own/pairs/LANGUAGE/SPLIT.parquet`, with changes."""
    parse = pair_parser("a", "b", "label", LABELS)

    def sources(split: Split):
        return lambda code: (
            Source(repository="own/pairs", config=code, split=split, columns=("a", "b", "label"), parse=parse),
        )

    made = Task(
        name="pairs",
        title="Pairs",
        role=Role.TARGET,
        format=PairFormat(labels=LABELS),
        metrics=("accuracy",),
        selection=("accuracy",),
        languages=LANGUAGES,
        sources={"own/pairs": {split: sources(split) for split in ROWS}},
        fine_tuning="pairs",
        max_length=32,
        num_train_rows=ROWS[Split.TRAIN],
    )
    return dataclasses.replace(made, **changes)


def pair_rows(split: Split, code: str, rows: int) -> dict[str, list[str]]:
    """Rows that no other split or language has, half of them `yes`."""
    return {
        "a": [f"{code} {split} number {row} is red" for row in range(rows)],
        "b": [f"{code} {split} number {row} is it" for row in range(rows)],
        "label": [LABELS[row % 2] for row in range(rows)],
    }


def write_pairs(folder: Path, **changes: dict[str, list[str]]) -> DataSource:
    """A mirror with the rows of the task; `changes` are other columns by `split_language`, None for no file."""
    for split, codes in LANGUAGES.items():
        for code in codes:
            columns = changes.get(f"{split}_{code}", pair_rows(split, code, ROWS[split]))
            if columns is not None:
                write_rows(folder, f"own/pairs/{code}/{split}", columns)
    return open_data(str(folder))
