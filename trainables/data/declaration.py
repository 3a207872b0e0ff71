"""Whether a task's declaration agrees with itself: title, metrics, labels, splits, languages and sources."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from trainables.data.findings import Check, Problem
from trainables.ledger.plain import plain
from trainables.tasks.formats.base import Head
from trainables.tasks.languages import ENGLISH
from trainables.tasks.rows import shown
from trainables.tasks.task import Role, Source, Split, Task


def declaration_problems(task: Task) -> Iterator[Problem]:
    """What is wrong with a task before any row is read."""
    for said in (*_of_names(task), *_of_labels(task), *_of_splits(task), *_of_sources(task)):
        yield Problem(check=Check.DECLARATION, text=said)


def _of_names(task: Task) -> Iterator[str]:
    if not task.title.strip():
        yield "it has no title"
    if not task.metrics:
        yield "it has no metrics"
    if task.trains and not task.selection:
        yield "no metric chooses its checkpoints (selection)"
    if not task.fine_tuning:
        yield "fine_tuning is empty; allowed: the task's own name, or that of the training it shares"
    if task.max_length < 1:
        yield f"max_length is {task.max_length}, allowed: at least 1"


def _of_labels(task: Task) -> Iterator[str]:
    labels = task.format.labels
    if len(set(labels)) < len(labels):
        yield f"labels are not distinct: {shown(labels)}"
    if (
        task.format.head in (Head.CLASSIFICATION, Head.CHOICE, Head.TAGGING)
        and not task.open_labels
        and len(labels) < 2
    ):
        yield f"it has {len(labels)} labels; there must be two to tell apart"


def _of_splits(task: Task) -> Iterator[str]:
    wanted = (Split.TEST,) if task.role is Role.TARGET else (Split.TRAIN, Split.STOPPING)
    if missing := [split for split in wanted if not task.languages_of(split) and task.role is not Role.MLM]:
        yield f"it has no {_listed(missing)}, which a task with the role {task.role} needs"
    trained, stopped = task.languages_of(Split.TRAIN), task.languages_of(Split.STOPPING)
    if task.trains and task.role is Role.TARGET and not stopped:
        yield "it has train but no stopping, which chooses the checkpoint"
    if task.trains and stopped and ENGLISH not in stopped and not set(stopped) & set(trained):
        yield f"stopping is in {_listed(stopped)}, training in {_listed(trained)}; they need a language in common"
    if Split.TEST in task.languages and (
        strange := [code for code in task.languages.get(Split.DEV, ()) if code not in task.languages[Split.TEST]]
    ):
        yield f"dev has languages that test has not: {_listed(strange)}"
    for split in Split:
        codes = task.languages.get(split, ())
        if twice := sorted({code for code in codes if codes.count(code) > 1}):
            yield f"{split} names languages twice: {_listed(twice)}"


def _of_sources(task: Task) -> Iterator[str]:
    if not task.sources:
        yield "it has no sources"
    further = list(task.sources)[1:]
    if without := [name for name in further if not task.reasons.get(name)]:
        yield f"a further source needs a reason; there is none for {_listed(without)}"
    if strange := [name for name in task.reasons if name not in further]:
        yield f"reasons are given for {_listed(strange)}, which no further source is called"
    for name, splits in task.sources.items():
        if missing := [split for split in Split if task.languages_of(split) and split not in splits]:
            yield f"source {plain(name)} has no files for {_listed(missing)}"
        for split in splits:
            for code in task.languages_of(split):
                if said := _of_files(task, split, code, name):
                    yield f"source {plain(name)}, {split} {code}: {said}"


def _of_files(task: Task, split: Split, code: str, preference: str) -> str:
    try:
        found = task.files(split, code, preference)
    except Exception as error:  # the function is the task's own
        return f"naming its files raises {type(error).__name__}: {plain(str(error))}"
    if not isinstance(found, tuple | list) or not all(isinstance(source, Source) for source in found):
        return f"its files are {shown(found)}, expected a tuple of Source"
    return "" if found else "it has no files"


def _listed(names: Iterable[str]) -> str:
    return ", ".join(plain(str(name)) for name in names)
