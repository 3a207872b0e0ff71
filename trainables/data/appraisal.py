"""Appraisal of a task of one's own by all of its rows: what the suite of every task finds, and what only they tell."""

from __future__ import annotations

import functools
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from trainables.data.conformance import check_rows, raised
from trainables.data.declaration import declaration_problems
from trainables.data.findings import Check, Finding, Problem, Remark
from trainables.data.fit import encoder_fit, row_fit
from trainables.data.labels import with_labels
from trainables.data.loading import Loaded, load
from trainables.data.source import DataSource, MissingDataError, UnreachableError
from trainables.data.whole_rows import (
    Place,
    label_counts,
    label_findings,
    missing_findings,
    number_findings,
    row_findings,
    shared_findings,
)
from trainables.tasks.examples import Example
from trainables.tasks.formats.base import Tokenizer
from trainables.tasks.task import Split, Task


@dataclass(frozen=True, kw_only=True)
class Appraisal:
    """What was found of a task.

    Attributes:
        task: with its labels, where they come with the data.
        findings: problems and remarks in the order of the checks.
        examples: of every split in every language that could be read.
        labels: how often training shows each label of the task, over rows or words; empty for spans and retrieval.
    """

    task: Task
    findings: tuple[Finding, ...]
    examples: Mapping[Place, Sequence[Example]]
    labels: Mapping[str, int]

    @property
    def problems(self) -> tuple[Problem, ...]:
        """What makes the task wrong."""
        return tuple(each for each in self.findings if isinstance(each, Problem))

    @property
    def remarks(self) -> tuple[Remark, ...]:
        """What is worth knowing."""
        return tuple(each for each in self.findings if isinstance(each, Remark))


def appraise(task: Task, data: DataSource, tokenizer: Tokenizer, *, rows: int = 40) -> Appraisal:
    """Read all rows of a task and look at them; `rows` of each split and language go through encoding and scoring.

    A repository that cannot be reached is asked for each of them, unless the data is `AskedOnce`. Nothing that a task
    does raises here: what its functions raise is a problem.
    """
    found: list[Finding] = [*declaration_problems(task), *encoder_fit(task, tokenizer)]
    loaded: dict[Place, Loaded] = {}

    def note(check: Check, place: Place | None, error: Exception) -> None:
        split, language = place or (None, "")
        found.append(Problem(check=check, text=raised(error), split=split, language=language))

    def look(check: Check, place: Place | None, make: Callable[[], Iterable[Finding]]) -> None:
        try:
            found.extend(make())
        except Exception as error:  # of the task's own functions
            note(check, place, error)

    try:
        task = with_labels(task, data)
    except UnreachableError:
        pass  # its rows are not there either
    except Exception as error:
        note(Check.LABELS, None, error)
    missing: dict[Place, MissingDataError] = {}
    for place in [(split, code) for split in Split for code in task.languages_of(split)]:
        try:
            loaded[place] = load(task, *place, data)
        except MissingDataError as error:
            missing[place] = error
        except Exception as error:
            note(Check.ROWS, place, error)
    found += missing_findings(task, missing)
    held = {place: each.examples for place, each in loaded.items()}
    for place, examples in held.items():
        found += row_findings(*place, loaded[place])
        given = (task, *place, examples, tokenizer)
        look(Check.INPUTS, place, functools.partial(check_rows, *given, rows=rows))
        look(Check.LENGTHS, place, functools.partial(row_fit, *given))
    look(Check.ROWS, None, lambda: number_findings(task, loaded, data))
    trained = {place: examples for place, examples in held.items() if place[0] is Split.TRAIN}
    if trained:
        look(Check.LABELS, None, lambda: label_findings(task, held))
        look(Check.SHARED_ROWS, None, lambda: shared_findings(task, held))
    return Appraisal(
        task=task,
        findings=tuple(found),
        examples=held,
        labels=label_counts(task, (example for examples in trained.values() for example in examples)),
    )
