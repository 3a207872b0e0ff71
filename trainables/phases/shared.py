"""Rows that a run evaluates and that its training, or that of a stage before it, has seen: said in its notes."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass

from trainables.data.reading import stopping_languages, trained_tasks, training_languages
from trainables.data.seen_rows import seen_rows
from trainables.data.source import DataError
from trainables.ledger.spec import RunSpec
from trainables.phases.context import Context
from trainables.tasks.examples import Example
from trainables.tasks.families import family_of
from trainables.tasks.sampling import shares
from trainables.tasks.task import Split, Task


@dataclass(frozen=True, kw_only=True)
class Evaluated:
    """The rows of a split of a task in a language."""

    task: Task
    split: Split
    language: str
    examples: Iterable[Example]


def note_shared(context: Context, evaluated: Iterable[Evaluated]) -> None:
    """Note which evaluated rows are among those that trained or stopped this run or one before it, by id or by text.

    Rows of other families and of other languages are not looked at, nor files that stop and select by design.
    """
    parts = list(evaluated)
    for spec in (context.spec, *_before(context)):
        for own in trained_tasks(spec):
            alike = [part for part in parts if family_of(part.task.name) == family_of(own.name)]
            for split, limits in _limits(context, spec, own).items() if alike else ():
                context.notes.extend(_said(context, own, split, limits, alike))


def _said(
    context: Context, own: Task, seen: Split, limits: Mapping[str, int], evaluated: Iterable[Evaluated]
) -> Iterator[str]:
    for part in evaluated:
        if part.language not in limits or _is_same_file(context, own, seen, part):
            continue
        try:
            held = {part.language: limits[part.language]}
            found = seen_rows(own, seen, held, context.data, context.preference(own.name)).shared(part.examples)
        except DataError as error:
            yield f"{own.name} {seen} rows could not be compared with those of {part.task.name}: {error}"
            continue
        if found.either:
            yield (
                f"{part.task.name} {part.split} in {part.language}: {found.either:,} of {found.rows:,} rows are {seen} "
                f"rows of {own.name} ({found.by_id:,} by id, {found.by_text:,} by text)"
            )


def _limits(context: Context, spec: RunSpec, own: Task) -> dict[Split, dict[str, int]]:
    """Rows of each language that a run has seen, as `fit` takes them."""
    settings, cap = spec.optimisation, spec.data.eval_rows
    assert settings
    stopped = min(settings.dev_rows, cap) if cap else settings.dev_rows
    languages = stopping_languages(own, spec, context.data, context.preference(own.name))
    return {
        Split.TRAIN: shares(spec.data.train_rows, training_languages(own, spec)),
        Split.STOPPING: shares(stopped, languages),
    }


def _before(context: Context) -> Iterator[RunSpec]:
    """The runs that made the encoder, the last stage first."""
    spec = context.spec
    while spec.parent:
        spec = context.store.record(spec.parent).spec
        yield spec


def _is_same_file(context: Context, own: Task, seen: Split, part: Evaluated) -> bool:
    """Whether one file serves both: development rows stop a run and select (protocol.md 2.5)."""
    known = {source.path for source in own.files(seen, part.language, context.preference(own.name))}
    files = part.task.files(part.split, part.language, context.preference(part.task.name))
    return not known.isdisjoint(source.path for source in files)
