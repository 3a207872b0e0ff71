"""What holds for every task of one's own, wherever it is written: its name, role, splits and languages."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping

from search_spaces.recipe_fields import MLM_LANGUAGES
from trainables.data.source import DataError
from trainables.ledger.cells import BASELINE, MULTI_TASK
from trainables.ledger.nearest import unknown
from trainables.ledger.plain import plain
from trainables.ledger.recipe import MLM, MethodKind
from trainables.tasks import registry
from trainables.tasks.formats.base import Head
from trainables.tasks.task import Role, Split, Task

ROLES = (Role.INTERMEDIATE, Role.TARGET)
_NAME = re.compile(r"[a-z][a-z0-9_-]*", re.ASCII)
_LONGEST_NAME = 40
_RESERVED = frozenset({BASELINE, MLM, MULTI_TASK, *MethodKind})


def check_tasks(found: Mapping[str, Task], place: str) -> None:
    """Raise DataError for tasks that no sweep can have, or of one name; keys say where in `place` each stands."""
    seen: dict[str, str] = {}
    for where, task in found.items():
        if problems := [*name_problems(task.name), *_problems(task)]:
            raise DataError(f"{place}: task {plain(str(task.name))}: {'; '.join(problems)}")
        if task.name in seen:
            raise DataError(f"{place} has two tasks {task.name!r}: {seen[task.name]} and {where}; names are distinct")
        seen[task.name] = where


def name_problems(name: str) -> Iterator[str]:
    """Why a task of one's own cannot have this name."""
    if not isinstance(name, str) or not _NAME.fullmatch(name) or len(name) > _LONGEST_NAME:
        yield (
            f"given the name {name!r:.60}; allowed: at most {_LONGEST_NAME} characters a-z, 0-9, _ and -, a letter first"
        )
    elif name in _RESERVED or name in MLM_LANGUAGES:
        what = "a language" if name in MLM_LANGUAGES else "a word of recipes"
        yield f"the name {name!r} is {what}; give the task another"
    elif name in registry.tasks() and not registry.is_own(name):
        yield f"there is a task {name!r} already; give it another name"


def missing_splits(role: Role, head: Head, present: Mapping[Split, object]) -> list[str]:
    """Splits that a task of this role needs and has not; tasks of retrieval train nothing."""
    wanted: tuple[Split, ...] = (Split.TRAIN, Split.STOPPING) if head is not Head.EMBEDDING else ()
    wanted += (Split.TEST,) if role is Role.TARGET else ()
    return [str(split) for split in wanted if not present.get(split)]


def _problems(task: Task) -> Iterator[str]:
    if task.role not in ROLES:
        yield unknown("role", str(task.role), ROLES)
        return
    head = task.format.head
    if task.role is Role.INTERMEDIATE and head in (Head.EMBEDDING, Head.MLM):
        yield f"an intermediate task trains, which rows of {head} cannot; allowed: role: target"
    if missing := missing_splits(task.role, head, {split: task.languages_of(split) for split in Split}):
        yield f"no rows of {', '.join(missing)}, which a task with the role {task.role} needs"
    codes = dict.fromkeys(code for split in Split for code in task.languages_of(split))
    yield from (unknown("language", code, MLM_LANGUAGES) for code in codes if code not in MLM_LANGUAGES)
