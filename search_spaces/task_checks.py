"""What holds for every task of one's own, wherever it is written: its name, role, splits and languages."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from search_spaces.recipe_fields import MLM_LANGUAGES
from trainables.data.source import DataError
from trainables.ledger.cells import BASELINE, MULTI_TASK
from trainables.ledger.nearest import unknown
from trainables.ledger.plain import plain
from trainables.ledger.recipe import MLM, MethodKind
from trainables.tasks import registry
from trainables.tasks.declared import NAME
from trainables.tasks.formats.base import Format, Head
from trainables.tasks.formats.mining import MiningFormat
from trainables.tasks.languages import ENGLISH
from trainables.tasks.task import Role, Split, Task

ROLES = (Role.INTERMEDIATE, Role.TARGET)
_RESERVED = frozenset({BASELINE, MLM, MULTI_TASK, *MethodKind})


def check_tasks(found: Mapping[str, Task], place: str) -> None:
    """Raise DataError for tasks that no sweep can have, or of one name; keys say where in `place` each stands."""
    seen: dict[str, str] = {}
    for where, task in found.items():
        codes = {split: task.languages_of(split) for split in Split}
        if wrong := list(problems(task.name, task.role, type(task.format), codes)):
            raise DataError(f"{place}: task {plain(str(task.name))}: {'; '.join(wrong)}")
        if task.name in seen:
            raise DataError(f"{place} has two tasks {task.name!r}: {seen[task.name]} and {where}; names are distinct")
        seen[task.name] = where


def problems(name: str, role: Role, form: type[Format], codes: Mapping[Split, Collection[str]]) -> Iterator[str]:
    """Why no sweep can have a task of one's own of this name, role and format, with rows in these languages."""
    yield from _of_name(name)
    if role not in ROLES:
        yield unknown("role", str(role), ROLES)
        return
    trains = form.head not in (Head.EMBEDDING, Head.MLM)
    if role is Role.INTERMEDIATE and not trains:
        yield "an intermediate task trains, which rows of retrieval cannot; allowed: the role target"
    elif missing := [str(split) for split in _needed(role, form) if not codes.get(split)]:
        yield f"no rows of {', '.join(missing)}; a task with the role {role} needs {_and(_needed(role, form))}"
    else:
        yield from _of_stopping(codes) if trains else _of_retrieval(form, codes)
    known = dict.fromkeys(code for held in codes.values() for code in held)
    yield from (unknown("language", code, MLM_LANGUAGES) for code in known if code not in MLM_LANGUAGES)


def _of_name(name: str) -> Iterator[str]:
    if not isinstance(name, str) or not NAME.fullmatch(name):
        allowed = "at most 40 characters a-z, 0-9, _ and -, a letter first"
        yield f"given the name {plain(repr(name), 60)}; allowed: {allowed}"
    elif name in _RESERVED or name in MLM_LANGUAGES:
        what = "a language" if name in MLM_LANGUAGES else "a word of recipes"
        yield f"the name {name!r} is {what}; give the task another"
    elif name in registry.tasks() and not registry.is_own(name):
        yield f"there is a task {name!r} already; give this one another name"


def _needed(role: Role, form: type[Format]) -> tuple[Split, ...]:
    """Splits without which a task can do nothing; retrieval is not trained, and mining tunes its threshold on DEV."""
    if form.head is Head.EMBEDDING:
        return (Split.DEV, Split.TEST) if issubclass(form, MiningFormat) else (Split.TEST,)
    return (Split.TRAIN, Split.STOPPING, Split.TEST) if role is Role.TARGET else (Split.TRAIN, Split.STOPPING)


def _of_stopping(codes: Mapping[Split, Collection[str]]) -> Iterator[str]:
    stopping = codes[Split.STOPPING]
    if ENGLISH not in stopping and (alone := [code for code in codes[Split.TRAIN] if code not in stopping]):
        yield f"no stopping rows in {', '.join(alone)} for the train rows in these languages, nor in {ENGLISH}"


def _of_retrieval(form: type[Format], codes: Mapping[Split, Collection[str]]) -> Iterator[str]:
    if extra := [str(split) for split in (Split.TRAIN, Split.STOPPING) if codes.get(split)]:
        yield f"{' and '.join(extra)} rows, but retrieval is not trained; allowed: dev, test"
    if any(ENGLISH in held for held in codes.values()):
        yield f"rows of retrieval in {ENGLISH}; allowed: other languages, whose translations are in {ENGLISH}"
    untuned = [code for code in codes[Split.TEST] if code not in codes.get(Split.DEV, ())]
    if issubclass(form, MiningFormat) and untuned:
        yield f"no dev rows in {', '.join(untuned)}, on which the threshold of mining is tuned"


def _and(names: Collection[Split]) -> str:
    *others, last = map(str, names)
    return f"{', '.join(others)} and {last}" if others else last
