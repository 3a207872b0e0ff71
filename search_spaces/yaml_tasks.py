"""Tasks of a YAML file: a section each, under its name."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Any

from search_spaces.plain_yaml import MOST_CHARACTERS, Document, Keys, YamlError, read_yaml
from search_spaces.task_checks import problems
from search_spaces.task_fields import TaskFields, read_fields
from search_spaces.task_rows import TaskRows
from trainables.data.own_files import OwnFiles, labels_of
from trainables.data.source import DataError
from trainables.ledger.nearest import unknown
from trainables.ledger.plain import plain
from trainables.tasks.formats.base import Format
from trainables.tasks.languages import ENGLISH
from trainables.tasks.retrieval import pairs_among_others
from trainables.tasks.sampling import spread_examples
from trainables.tasks.shapes import FORMATS
from trainables.tasks.task import Split, Task

_LENGTHS: Mapping[str, int] = MappingProxyType(
    {"pair": 256, "choice": 256, "tagging": 256, "span": 384, "sentence": 512, "mining": 512}
)
"""Sub-words, as the tasks of the paper have them."""
_LABELLED = ("pair", "choice", "tagging")
_MOST_LABELS = 2000
_IOB = re.compile("O|[BIES]-.+")


def yaml_tasks(path: Path) -> Mapping[str, Task]:
    """The tasks of a file by name, in its order.

    Raises DataError with everything that is wrong, a line each with its place: `FILE:LINE: task NAME: ...`.
    """
    document = _document(path)
    wrong = [f"{path}:{line}: {'.'.join(keys)} is given twice" for keys, line in document.twice]
    found: dict[str, Task] = {}
    for name, says in document.values.items():
        said = list(_wrong(path, name, says))
        wrong += [f"{path}:{_line(document, (name, *keys))}: task {plain(name)}: {problem}" for keys, problem in said]
        if not said and not document.twice:
            fields = read_fields(says)
            assert isinstance(fields, TaskFields)
            try:
                found[name] = _task(TaskRows(file=path, name=name, fields=fields))
            except ValueError as error:
                wrong.append(f"{path}:{_line(document, (name,))}: task {plain(name)}: {error}")
    if wrong:
        raise DataError("\n".join(wrong))
    return found


def _document(path: Path) -> Document:
    try:
        with path.open("rb") as file:
            content = file.read(4 * MOST_CHARACTERS + 1)  # a character has four bytes at most
        document = read_yaml(content.decode("utf-8-sig"))
    except UnicodeDecodeError as error:
        raise DataError(f"{path} is no UTF-8 text ({error.reason} at byte {error.start})") from error
    except YamlError as error:
        raise DataError(f"{path}{f':{error.line}' if error.line else ''}: {error}") from error
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    if not document.values or not isinstance(document.values, dict):
        raise DataError(f"{path} has no task; allowed: a section for each, under its name")
    return document


def _line(document: Document, keys: Keys) -> int:
    return next((document.lines[keys[:n]] for n in range(len(keys), 0, -1) if keys[:n] in document.lines), 1)


def _wrong(path: Path, name: str, says: Any) -> Iterator[tuple[Keys, str]]:
    fields = read_fields(says)
    if not isinstance(fields, TaskFields):
        yield from fields
        return
    rows = TaskRows(file=path, name=name, fields=fields)
    yield from (((), said) for said in problems(name, fields.role, FORMATS[fields.format], rows.codes))
    yield from rows.problems()
    yield from _wrong_labels(fields)


def _wrong_labels(fields: TaskFields) -> Iterator[tuple[Keys, str]]:
    if fields.labels and fields.format not in _LABELLED:
        yield ("labels",), f"labels are given, but rows of the format {fields.format} have none"
    if not fields.labels and fields.format == "choice":
        yield ("labels",), "labels are not given; needed: what says that the first choice is right, the second, ..."
    elif not fields.labels and fields.hub and fields.format in _LABELLED:
        yield ("labels",), "labels are not given; needed with hub, whose rows are not read here"
    if fields.positive and fields.format != "pair":
        yield ("positive",), "positive is for the format pair"
    elif fields.positive and fields.labels and fields.positive not in fields.labels:
        yield ("positive",), unknown("label", fields.positive, fields.labels)
    if fields.chunk_f1 is not None and fields.format != "tagging":
        yield ("chunk_f1",), "chunk_f1 is for the format tagging"
    if twice := [metric for metric in fields.metrics if fields.metrics.count(metric) > 1]:
        yield ("metrics",), f"metrics: {twice[0]} stands there twice"


def _task(rows: TaskRows) -> Task:
    """The task; raises ValueError for labels and metrics that it cannot have."""
    fields = rows.fields
    labels, hint = _labels(rows)
    form = _format(fields, labels)
    metrics = fields.metrics or _metrics(fields, form)[0]
    if unmeasured := [metric for metric in metrics if metric not in _metrics(fields, form)[1]]:
        raise ValueError(unknown("metric", unmeasured[0], _metrics(fields, form)[1]))
    languages = {split: codes for split, codes in rows.codes.items() if codes}
    trained = [split for split in (Split.TRAIN, Split.STOPPING) if ENGLISH in languages.get(split, ())]
    others = {split: languages[split][1:] for split in trained if languages[split][1:]}
    return Task(
        name=rows.name,
        title=fields.title or rows.name,
        role=fields.role,
        format=form,
        metrics=metrics,
        selection=metrics,
        languages=languages | dict.fromkeys(trained, (ENGLISH,)),
        other_languages=others,
        sources=rows.sources(labels, hint),
        fine_tuning=rows.name,
        max_length=fields.max_length or _LENGTHS[fields.format],
        num_train_rows=fields.hub.num_train_rows if fields.hub else 0,
        cap=pairs_among_others if fields.format == "mining" else spread_examples,
        shares_rows=fields.shares_rows,
        family=fields.family,
    )


def _labels(rows: TaskRows) -> tuple[tuple[str, ...], str]:
    """The labels, and what to say of others where they are those of the train rows."""
    if rows.fields.labels or rows.fields.format not in _LABELLED:
        return rows.fields.labels, ""
    found = labels_of(rows.files(Split.TRAIN), OwnFiles())
    if not 2 <= len(found) <= _MOST_LABELS:
        raise ValueError(
            f"the train rows have {len(found):,} labels ({plain(', '.join(found), 60)}); allowed: from 2 to "
            f"{_MOST_LABELS:,}. Say `columns` where the labels are in another column, or `labels`"
        )
    return found, f"; these are the labels of the train rows. Say `labels:` in {rows.file} where there are others"


def _format(fields: TaskFields, labels: tuple[str, ...]) -> Format:
    options: dict[str, Any] = {"labels": labels} if labels else {}
    if fields.positive:
        options["positive"] = fields.positive
    if fields.format == "tagging":
        options["chunk_f1"] = _is_iob(labels) if fields.chunk_f1 is None else fields.chunk_f1
    return FORMATS[fields.format](**options)


def _is_iob(labels: Sequence[str]) -> bool:
    """Whether labels are of chunks: `O`, and marks such as `B-` before a kind."""
    return all(map(_IOB.fullmatch, labels)) and any(label != "O" for label in labels)


def _metrics(fields: TaskFields, form: Format) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Metrics of a format where none are named, and all that it has."""
    if fields.format == "tagging":
        measured = ("f1", "accuracy") if getattr(form, "chunk_f1", False) else ("accuracy",)
        return measured[:1], measured
    measured = {
        "pair": ("accuracy", "f1") if fields.positive else ("accuracy",), "choice": ("accuracy",),
        "span": ("f1", "exact_match"), "sentence": ("accuracy",), "mining": ("f1",),
    }[fields.format]  # fmt: skip
    return measured, measured
