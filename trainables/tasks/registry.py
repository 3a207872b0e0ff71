"""All tasks by name, in the order of Table 2; after them tasks of one's own, which files and packages bring."""

from __future__ import annotations

import functools
from collections.abc import Callable

from trainables.ledger.nearest import unknown
from trainables.tasks import language_modeling, multiple_choice, nli, paraphrase, retrieval, span_qa, tagging
from trainables.tasks.task import Role, Split, Task

_TASKS: tuple[Callable[[], Task], ...] = (
    nli.anli,
    paraphrase.qqp,
    span_qa.squad,
    multiple_choice.hellaswag,
    tagging.ccg,
    multiple_choice.cosmosqa,
    multiple_choice.csqa,
    nli.xnli,
    paraphrase.pawsx,
    tagging.udpos,
    tagging.panx,
    span_qa.xquad,
    span_qa.mlqa,
    span_qa.tydiqa,
    retrieval.bucc,
    retrieval.tatoeba,
    language_modeling.mlm,
)


_OWN: dict[str, Task] = {}
"""Tasks of one's own of this process, in the order in which they were enlisted."""


@functools.cache
def _of_paper() -> dict[str, Task]:
    return {made.name: made for made in (make() for make in _TASKS)}


def tasks() -> dict[str, Task]:
    """Every task by name: intermediates, targets, MLM, each in the order of Table 2; then one's own."""
    return {**_of_paper(), **_OWN} if _OWN else _of_paper()


def enlist(own: Task) -> None:
    """Have this process know a task of one's own, in place of an earlier one of its name.

    Raises ValueError for the name of a task that is no one's own.
    """
    if own.name in _of_paper():
        raise ValueError(f"a task {own.name!r} is there already; allowed: a name that no task has")
    _OWN[own.name] = own


def is_own(name: str) -> bool:
    """Whether a name is that of a task of one's own."""
    return name in _OWN


def forget_own() -> None:
    """Have this process know no task of one's own."""
    _OWN.clear()


def task(name: str) -> Task:
    """The task of that name; raises ValueError with the nearest name."""
    if name not in tasks():
        raise ValueError(unknown("task", name, tasks()))
    return tasks()[name]


def is_open(name: str, split: str) -> bool:
    """Whether scores of a task on a split may be seen before a selection stands.

    Those on TEST are closed, unless the task has that set only and it is the one that selects.
    """
    return split != Split.TEST or (name in tasks() and tasks()[name].selection_split is Split.TEST)


def intermediates() -> tuple[Task, ...]:
    """Intermediate tasks in the order of Table 2."""
    return _with_role(Role.INTERMEDIATE)


def targets() -> tuple[Task, ...]:
    """Target tasks in the order of Table 2."""
    return _with_role(Role.TARGET)


def _with_role(role: Role) -> tuple[Task, ...]:
    return tuple(found for found in tasks().values() if found.role is role)
