"""Tasks of a Python file, as docs/adding_a_task.md has them: functions that return a Task, and Tasks themselves."""

from __future__ import annotations

import inspect
import itertools
import sys
import traceback
from collections.abc import Iterator, Mapping
from pathlib import Path
from types import ModuleType
from typing import Any

from trainables.data.source import DataError
from trainables.ledger.plain import plain
from trainables.tasks.task import Task

_NAMES = (f"xstilts_own_tasks_{number}" for number in itertools.count())
_LONGEST = 300
"""Characters of somebody else's error message."""


def python_tasks(path: Path) -> Mapping[str, Task]:
    """The tasks of a file, by what they are called in it, in its order.

    Those are what its public functions return that are annotated to return a Task and need no arguments, and public
    Tasks. Raises DataError for a file that cannot be executed or has none, and for a function that raises or returns
    something else.
    """
    module = ModuleType(next(_NAMES))
    module.__file__ = str(path)
    sys.modules[module.__name__] = module
    try:
        _execute(module, path)
        found = dict(_tasks(module, path))
    finally:
        # Ray sends functions of modules that it does not find here by value.
        del sys.modules[module.__name__]
    if not found:
        raise DataError(f"{path} has no task; allowed: `def name() -> Task`, or a Task under a name")
    return found


def task_of(value: Any) -> Task:
    """A Task, or what a function without arguments returns; raises TypeError for another, and what it raises."""
    found = value if isinstance(value, Task) or not callable(value) else value()
    if not isinstance(found, Task):
        raise TypeError(f"it gives {plain(repr(found), 60)}, expected a Task")
    return found


def told(error: BaseException, file: str) -> str:
    """Type and message of an error, and the last line of the file that it came through."""
    lines = [frame.lineno for frame in traceback.extract_tb(error.__traceback__) if frame.filename == file]
    line = error.lineno if isinstance(error, SyntaxError) and error.filename == file else next(reversed(lines), None)
    message = error.msg if isinstance(error, SyntaxError) else str(error)
    kind = "" if isinstance(error, DataError) else f"{type(error).__name__}: "
    return f"{kind}{plain(message, _LONGEST)}" + (f" (line {line})" if line else "")


def _execute(module: ModuleType, path: Path) -> None:
    try:
        exec(compile(path.read_bytes(), str(path), "exec", dont_inherit=True), module.__dict__)
    except OSError as error:
        if error.filename == str(path):
            raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
        raise DataError(f"{path} cannot be imported: {told(error, str(path))}") from error
    except (Exception, SystemExit) as error:
        raise DataError(f"{path} cannot be imported: {told(error, str(path))}") from error


def _tasks(module: ModuleType, path: Path) -> Iterator[tuple[str, Task]]:
    """Of a Task that has several names the first one."""
    seen: list[Task] = []
    for name, value in list(vars(module).items()):
        if name.startswith("_") or not (isinstance(value, Task) or _makes_a_task(value, module.__name__)):
            continue
        where = name if isinstance(value, Task) else f"{name}()"
        try:
            found = task_of(value)
        except (Exception, SystemExit) as error:
            raise DataError(f"{path}: {where}: {told(error, str(path))}") from error
        if not any(found is known for known in seen):
            seen.append(found)
            yield where, found


def _makes_a_task(value: Any, module: str) -> bool:
    function = inspect.unwrap(value) if callable(value) else value
    if not inspect.isfunction(function) or function.__module__ != module:
        return False
    if any(each.default is each.empty and each.kind not in (each.VAR_POSITIONAL, each.VAR_KEYWORD)
           for each in inspect.signature(function).parameters.values()):  # fmt: skip
        return False
    try:
        returned = inspect.get_annotations(function, eval_str=True).get("return")
    except Exception:  # an annotation may name what is not there when the file is executed
        returned = function.__annotations__.get("return")
    return returned is Task or (isinstance(returned, str) and returned.rpartition(".")[2] == Task.__name__)
