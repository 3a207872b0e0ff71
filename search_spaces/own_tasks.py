"""Tasks of one's own: those of a file, and those that installed packages bring."""

from __future__ import annotations

from pathlib import Path

from search_spaces.packaged_tasks import packaged_tasks
from search_spaces.python_tasks import python_tasks
from search_spaces.task_checks import check_tasks
from search_spaces.yaml_tasks import yaml_tasks
from trainables.data.source import DataError, MissingDataError
from trainables.ledger.nearest import nearest, unknown
from trainables.ledger.paths import expanded, names_in
from trainables.tasks.task import Task

__all__ = ["SUFFIXES", "packaged_tasks", "read_tasks"]

SUFFIXES = (".py", ".yaml", ".yml")


def read_tasks(path: Path) -> tuple[Task, ...]:
    """The tasks of a file, in its order; a .py file is executed.

    Raises DataError that names the file and, where it is about one, the task: for a file that cannot be read or has no
    task, and for a task that no sweep can have.
    """
    path = expanded(path).absolute()
    if path.suffix.lower() not in SUFFIXES:
        raise DataError(f"{path}: {unknown('kind of file of tasks', path.suffix or 'none', SUFFIXES)}")
    if not path.is_file():
        near = nearest(path.name, [name for name in names_in(path.parent) if Path(name).suffix.lower() in SUFFIXES])
        raise MissingDataError(f"{path} is no file" + (f"; did you mean {near!r}?" if near else ""))
    found = python_tasks(path) if path.suffix.lower() == ".py" else yaml_tasks(path)
    check_tasks(found, str(path))
    return tuple(found.values())
