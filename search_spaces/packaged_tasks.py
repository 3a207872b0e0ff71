"""Tasks that installed packages bring, by entry points of the group `xstilts.tasks`."""

from __future__ import annotations

import functools
import sys
from collections.abc import Mapping
from importlib.metadata import EntryPoint, entry_points
from typing import Any

from search_spaces.python_tasks import task_of, told
from search_spaces.task_checks import check_tasks
from trainables.data.cache_folder import warn_once
from trainables.data.source import DataError
from trainables.tasks.task import Task

GROUP = "xstilts.tasks"


def packaged_tasks() -> tuple[Task, ...]:
    """The tasks of all entry points, ordered by package and entry.

    An entry is a Task, a function that returns one, or several of either. One that cannot be used is warned of, with
    its package and the reason, and left out: an installed package must not stop a sweep that does not use it.
    """
    found: dict[str, Task] = {}
    for entry in sorted(_entries(tuple(sys.path)), key=lambda entry: (_package(entry), entry.name)):
        try:
            tasks = _tasks(entry)
            check_tasks(tasks, f"the entry {entry.name}")
            if known := [task.name for task in tasks.values() if task.name in found]:
                raise DataError(f"another entry has a task {known[0]!r}")
        except (Exception, SystemExit) as error:
            warn_once(f"{GROUP}: {entry.name} of {_package(entry)} cannot be used: {told(error, '')}")
        else:
            found |= {task.name: task for task in tasks.values()}
    return tuple(found.values())


@functools.cache
def _entries(path: tuple[str, ...]) -> tuple[EntryPoint, ...]:
    """Looked for once in a process for every `sys.path`: all installed packages are asked."""
    return tuple(entry_points(group=GROUP))


def _tasks(entry: EntryPoint) -> Mapping[str, Task]:
    """By where they stand in the entry."""
    loaded: Any = entry.load()
    if callable(loaded) and not isinstance(loaded, Task):
        loaded = loaded()
    several = loaded if isinstance(loaded, tuple | list) else (loaded,)
    return {f"{entry.value}[{place}]": task_of(each) for place, each in enumerate(several)}


def _package(entry: EntryPoint) -> str:
    return f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unknown package"
