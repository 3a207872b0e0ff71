"""The table of `python -m sweep.grid tasks`: what each task is, and what a data source has of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from rich.console import Group
from rich.table import Table
from rich.text import Text

from sweep.rows import UNKNOWN, num_rows
from trainables.data.loading import load
from trainables.data.source import DataError, DataSource
from trainables.tasks import registry
from trainables.tasks.examples import Example
from trainables.tasks.task import Split, Task

LONGEST_TEXT = 70


def task_table(data: DataSource, repositories: Mapping[str, str]) -> Group:
    """All tasks with source, languages, metrics and rows by split; below, one example of each."""
    table = Table(box=None, padding=(0, 1))
    for heading in ("task", "role", "source", "languages", "metrics"):
        table.add_column(heading, overflow="fold")
    for split in Split:
        table.add_column(f"{split} rows", justify="right")
    examples = []
    for task in registry.tasks().values():
        preference = repositories.get(task.name, "")
        codes = {code for split in (Split.DEV, Split.TEST, Split.TRAIN) for code in task.languages.get(split, ())}
        table.add_row(
            task.name, task.role, preference or next(iter(task.sources)), str(len(codes)),
            ", ".join(task.metrics) or "-", *(_rows(task, split, data, preference) for split in Split),
        )  # fmt: skip
        if data.kind != "hub":
            examples.append(Text.assemble((f"{task.name}: ", "bold"), _first_example(task, data, preference)))
    note = "Rows are counted over all languages, in a mirror or the demo only; missing languages in brackets."
    return Group(table, Text(note, style="dim"), *examples)


def _rows(task: Task, split: Split, data: DataSource, preference: str) -> str:
    languages = task.languages.get(split, ())
    if not languages:
        return ""
    counts = [num_rows(task.files(split, language, preference), data) for language in languages]
    if UNKNOWN in counts:
        return "?"
    absent = counts.count(0)
    return f"{sum(counts):,}" + (f" (-{absent} languages)" if absent else "")


def _first_example(task: Task, data: DataSource, preference: str) -> str:
    """The first example of the first split that has rows, in the shape of its format."""
    for split in Split:
        for language in task.languages.get(split, ())[:1]:
            try:
                return _shown(load(task, split, language, data, limit=1, preference=preference).examples[0], task)
            except (DataError, NotImplementedError):
                continue
    return "no rows"


def _shown(example: Example, task: Task) -> str:
    parts = []
    for field in fields(example):
        value = getattr(example, field.name)
        if field.name == "label" and task.format.labels:
            value = task.format.labels[value]
        elif field.name == "tags":
            value = " ".join(task.format.labels[tag] for tag in value)
        elif isinstance(value, tuple):
            value = " ".join(map(str, value)) if field.name == "words" else " | ".join(map(str, value))
        text = " ".join(str(value).split())
        parts.append(f"{field.name}={text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + '…'}")
    return "  ".join(parts[1:])
