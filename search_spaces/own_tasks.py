"""Tasks of one's own: read from FILE.py or FILE.yaml."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from search_spaces.python_tasks import python_tasks
from search_spaces.task_checks import check_tasks
from trainables.data.source import DataError, MissingDataError
from trainables.ledger.nearest import nearest, unknown
from trainables.ledger.paths import expanded, names_in
from trainables.tasks.task import Task

_READERS: Mapping[str, Callable[[Path], Mapping[str, Task]]] = MappingProxyType({".py": python_tasks})
SUFFIXES = (".py", ".yaml", ".yml")


def read_tasks(path: Path) -> tuple[Task, ...]:
    """The tasks of a file, in its order; a .py file is executed.

    Raises DataError that names the file and, where it is about one, the task: for a file that cannot be read or has no
    task, and for a task that no sweep can have.
    """
    path = expanded(path).absolute()
    if path.suffix.lower() not in _READERS:
        raise DataError(f"{path}: {unknown('kind of file of tasks', path.suffix or 'none', SUFFIXES)}")
    if not path.is_file():
        near = nearest(path.name, [name for name in names_in(path.parent) if Path(name).suffix.lower() in SUFFIXES])
        raise MissingDataError(f"{path} is no file" + (f"; did you mean {near!r}?" if near else ""))
    found = _READERS[path.suffix.lower()](path)
    check_tasks(found, str(path))
    return tuple(found.values())
