"""The table of `xstilts tasks`: what each task is, and what a data source has of it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import fields

from rich.console import Group
from rich.table import Table
from rich.text import Text

from sweep.planning.rows import num_rows
from trainables.data.hub import HUB
from trainables.data.labels import with_labels
from trainables.data.loading import load
from trainables.data.source import UNKNOWN, DataError, DataSource
from trainables.ledger.plain import plain
from trainables.tasks import registry
from trainables.tasks.examples import Example
from trainables.tasks.language_modeling import STAND_IN
from trainables.tasks.task import Role, Split, Task

LONGEST_TEXT = 70


def task_table(data: DataSource, repositories: Mapping[str, str]) -> Group:
    """All tasks with source, languages, metrics and rows by split; below, one example of each.

    A file that cannot be read hides no other: its split has "error" for rows, and the reason stands below.
    """
    table = Table(box=None, padding=(0, 1), pad_edge=False)
    for heading in ("task", "role", "source", "metrics", "languages"):
        table.add_column(heading, overflow="fold")
    for split in Split:
        table.add_column(f"{split} rows", justify="right", no_wrap=True)
    examples, faults = [], dict[str, None]()
    for task in registry.tasks().values():
        preference = repositories.get(task.name, "") or _stand_in(task, data)
        codes = {code for languages in task.languages.values() for code in languages}
        table.add_row(
            task.name, task.role, preference or next(iter(task.sources)), " ".join(task.metrics) or "-",
            str(len(codes)), *(_rows(task, split, data, preference, faults) for split in Split),
        )  # fmt: skip
        if data.kind != HUB:
            examples.append(Text.assemble((f"{task.name}: ", "bold"), _first_example(task, data, preference)))
    note = "Rows over all languages, before caps; (3/15): in 3 of 15 languages; ?: the hub is not asked."
    return Group(table, Text(note, style="dim"), *(Text(fault, style="red") for fault in faults), *examples)


def _stand_in(task: Task, data: DataSource) -> str:
    """The stand-in for MLM text where Wikipedia is not at hand; no other task has one."""
    held = [code for code in task.languages.get(Split.TRAIN, ()) if task.role is Role.MLM and _has(task, code, data)]
    return "" if task.role is not Role.MLM or held else STAND_IN


def _has(task: Task, language: str, data: DataSource) -> bool:
    return all(data.has(source) for source in task.files(Split.TRAIN, language))


def _rows(task: Task, split: Split, data: DataSource, preference: str, faults: dict[str, None]) -> str:
    languages = task.languages.get(split, ())
    if not languages:
        return ""
    try:
        counts = [num_rows(task.files(split, language, preference), data) for language in languages]
    except DataError as error:
        faults[str(error)] = None
        return "error"
    if UNKNOWN in counts:
        return "?"
    held = sum(count > 0 for count in counts)
    return f"{sum(counts):,}" + (f" ({held}/{len(counts)})" if held < len(counts) else "")


def _first_example(task: Task, data: DataSource, preference: str) -> str:
    """The first example that there is, in the shape of its format."""
    for split, languages in task.languages.items():
        for language in languages:
            if any(map(data.problem, task.files(split, language, preference))):
                continue
            try:
                known = with_labels(task, data, preference)
                return _shown(load(known, split, language, data, limit=1, preference=preference).examples[0], known)
            except DataError as error:
                return plain(str(error))
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
        text = plain(" ".join(str(value).split()))
        parts.append(f"{field.name}={text if len(text) <= LONGEST_TEXT else text[: LONGEST_TEXT - 1] + '…'}")
    return "  ".join(parts[1:])
