"""SweepConfig as YAML and as dotted overrides. All problems of one input are reported at once, each with its place."""

from __future__ import annotations

import dataclasses
import logging
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType
from typing import Any

from pydantic import BaseModel, ValidationError
from pydantic_core import ErrorDetails

from search_spaces.config import SweepConfig
from search_spaces.fields import listed
from search_spaces.plain_yaml import (
    MOST_CHARACTERS,
    MOST_DEPTH,
    Document,
    Keys,
    NotYamlError,
    YamlError,
    read_yaml,
    write_yaml,
)
from trainables.ledger.nearest import unknown
from trainables.ledger.s3.place import without_keys
from trainables.ledger.signature import is_as_signed

log = logging.getLogger(__name__)

_WORDS: Mapping[str, str] = MappingProxyType({
    "bool_parsing": "off, on",
    "bool_type": "off, on",
    "string_pattern_mismatch": "letters, digits, dot, dash and underscore, starting with a letter or digit",
    "too_short": "at least one value",
})  # fmt: skip
"""What is allowed, by pydantic's type of error, where its own words do not say it."""


_TASKS = "tasks"
"""Section of the files of tasks of one's own."""
_LONGEST = 120
"""Characters of what was given that a message shows."""


class ConfigError(ValueError):
    """A configuration that cannot be used; `problems` holds one sentence for each thing that is wrong."""

    def __init__(self, problems: Sequence[str]) -> None:
        super().__init__("\n".join(problems))
        self.problems = tuple(problems)


@dataclass(frozen=True, kw_only=True)
class Override:
    """One value set from outside.

    Attributes:
        keys: of its place; none for an assignment that names none.
        value: as it would be read from a file.
        origin: what the user typed, for messages.
        problem: why the value cannot be read; empty where it can.
    """

    keys: Keys
    value: Any
    origin: str
    problem: str = ""

    def __str__(self) -> str:
        return _cut(self.origin)


def load_yaml(path: Path, defaults: SweepConfig) -> SweepConfig:
    """Read a configuration file; sections and fields it leaves out come from `defaults`.

    Files of tasks that it names are relative to its folder. Raises ConfigError with every problem of the file, as
    `FILE:LINE: section.field: given ..., allowed: ...`; where tasks cannot be read, with theirs alone.
    """
    document = _parse(path)

    def place(keys: Keys) -> str:
        known = next((keys[:n] for n in range(len(keys), 0, -1) if keys[:n] in document.lines), ())
        return f"{path}:{document.lines[known]}" if known else str(path)

    problems = [f"{path}:{line}: {'.'.join(keys)} is given twice" for keys, line in document.twice]
    config, found = _validate(_merge(to_dict(defaults), _with_tasks_of(path, document.values)), place)
    if problems or found:
        raise ConfigError([*problems, *found])
    assert config is not None
    return config


def moved_yaml(path: Path) -> str:
    """The text of a configuration file for another folder; files of tasks are absolute in it.

    As it is where it names none, else without its comments. Raises ConfigError for a file that is not YAML.
    """
    values = _parse(path).values
    placed = _with_tasks_of(path.absolute(), values)
    return path.read_bytes().decode() if placed == values else write_yaml(placed)


def dump_yaml(config: SweepConfig) -> str:
    """The configuration as YAML; `load_yaml` of it gives an equal configuration. Unset fields are left out."""
    return write_yaml(to_dict(config))


def to_dict(config: SweepConfig) -> dict[str, Any]:
    """Plain dictionaries, lists, strings and numbers, without unset fields."""
    return config.model_dump(mode="json", exclude_none=True)


def apply_sets(config: SweepConfig, sets: Sequence[str]) -> SweepConfig:
    """The configuration with assignments such as `intermediate.tasks.qqp.epochs=1`; values are YAML, `null` unsets.

    Raises ConfigError with every problem of all assignments.
    """
    return apply(config, [parse_set(text) for text in sets])


def parse_set(text: str) -> Override:
    """One assignment `section.field=value`; without a name or `=` it has no keys, which `apply` reports."""
    name, equals, value = text.partition("=")
    origin = f"--set {without_keys(text)}"
    if not equals or not name.strip():
        return Override(keys=(), value=None, origin=origin)
    parsed: Any = value
    problem = ""
    try:
        parsed = read_yaml(value).values
    except NotYamlError:
        pass  # a text as it is
    except YamlError as error:
        problem = str(error)
    return Override(keys=tuple(name.strip().split(".")), value=parsed, origin=origin, problem=problem)


def apply(config: SweepConfig, overrides: Sequence[Override]) -> SweepConfig:
    """The configuration with overrides, later ones winning; raises ConfigError with all problems."""
    values = to_dict(config)
    problems = [problem for override in overrides if (problem := _put(values, override))]
    origins = {override.keys: str(override) for override in overrides}

    def place(keys: Keys) -> str:
        same = [known for known in origins if known and known[: len(keys)] == keys[: len(known)]]
        return origins[same[-1]] if same else config.name

    result, found = _validate(values, place)
    if problems or found:
        raise ConfigError([*problems, *found])
    assert result is not None
    return result


def _put(values: dict[str, Any], override: Override) -> str:
    """Set one value in place; returns what is wrong with the assignment, or an empty string."""
    if not override.keys:
        return f"{override}: allowed: section.field=value, for example intermediate.learning_rate=5e-5"
    if override.problem:
        return f"{override}: {override.problem}"
    if len(override.keys) > MOST_DEPTH:
        return f"{override}: given {len(override.keys)} names inside each other; allowed: {MOST_DEPTH}"
    *sections, last = override.keys
    for section in sections:
        values = values.setdefault(section, {})
        if not isinstance(values, dict):
            return f"{override}: {section!r} is a value, not a section"
    values[last] = override.value
    return ""


def _with_tasks_of(path: Path, values: Mapping[str, Any]) -> Mapping[str, Any]:
    """The values of a file, in which the files of tasks that they name are relative to its folder."""
    if not isinstance(values.get(_TASKS), str | list):
        return values

    def placed(given: Any) -> Any:
        return str(path.parent / given) if isinstance(given, str) and given[:1] not in ("", "~") else given

    return {**values, _TASKS: [placed(each) for each in listed(values[_TASKS])]}


def _merge(base: dict[str, Any], values: Mapping[str, Any]) -> dict[str, Any]:
    merged = dict(base)
    for key, value in values.items():
        inner = merged.get(key)
        merged[key] = _merge(inner, value) if isinstance(inner, dict) and isinstance(value, Mapping) else value
    return merged


def _parse(path: Path) -> Document:
    try:
        with path.open("rb") as file:
            content = file.read(4 * MOST_CHARACTERS + 1)  # a character has four bytes at most
        text = content.decode("utf-8-sig")
        document = read_yaml(text)
    except UnicodeDecodeError as error:
        raise ConfigError([f"{path}: not a text file in UTF-8"]) from error
    except YamlError as error:
        raise ConfigError([f"{path}{f':{error.line}' if error.line else ''}: {error}"]) from error
    except (OSError, ValueError) as error:
        raise ConfigError([f"cannot read {path}: {getattr(error, 'strerror', None) or error}"]) from error
    if not is_as_signed(text):
        log.warning("%s is not what a sweep wrote there: it was changed or is damaged; see its first line", path)
    if document.values is None:
        return dataclasses.replace(document, values={})
    if not isinstance(document.values, dict):
        kind = type(document.values).__name__
        raise ConfigError([f"{path}: given a {kind}, allowed: sections {', '.join(_fields())}"])
    return document


def _validate(values: dict[str, Any], place: Any) -> tuple[SweepConfig | None, list[str]]:
    try:
        return SweepConfig.model_validate(values), []
    except ValidationError as error:
        found = error.errors()
        # Names of rows and targets may be unknown for no other reason than that tasks could not be read.
        found = [each for each in found if each["loc"][:1] == (_TASKS,)] or found
        return None, list(dict.fromkeys(_sentence(details, values, place) for details in found))


def _sentence(error: ErrorDetails, values: dict[str, Any], place: Any) -> str:
    keys = tuple(str(key) for key in error["loc"] if key != "[key]")
    keys = _existing(keys, values)
    path = ".".join(key for key in keys if not key.isdigit())
    where = place(keys)
    if error["type"] == "extra_forbidden":
        *section, name = keys
        what = f"{'.'.join(section)} field" if section else "section"
        return f"{where}: {unknown(what, name, _fields(section))}{_elsewhere(name)}"
    given = "" if error["type"] == "missing" else f"given {_short(error['input'])}; "
    message = error["msg"].removeprefix("Value error, ").removeprefix("Input should be ")
    if error["type"] == "value_error":
        return f"{where}: {path}: {given if message.startswith('allowed') else ''}{message}"
    if error["type"] == "model_type":
        message = f"a section with the fields {', '.join(_fields(keys))}"
    return f"{where}: {path}: {given}allowed: {_WORDS.get(error['type'], message)}"


def _existing(keys: Keys, values: Any) -> Keys:
    """The part of a location that the input holds; pydantic appends names of union members."""
    for depth, key in enumerate(keys):
        if isinstance(values, Mapping) and key in values:
            values = values[key]
        elif isinstance(values, list) and key.isdigit() and int(key) < len(values):
            values = values[int(key)]
        else:
            return keys[:depth] or keys
    return keys


def _short(value: Any) -> str:
    return _cut(repr(value))


def _cut(text: str) -> str:
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]}..."


def _fields(keys: Sequence[str] = ()) -> list[str]:
    """Names of the fields of the section at `keys`."""
    model: Any = SweepConfig
    for key in keys:
        if isinstance(model, type) and issubclass(model, BaseModel):
            model = model.model_fields[key].annotation if key in model.model_fields else None
        else:
            model = getattr(model, "__args__", (None,))[-1]
    return list(model.model_fields) if isinstance(model, type) and issubclass(model, BaseModel) else []


def _elsewhere(name: str) -> str:
    """Where a field of this name is, for users who forgot the section."""
    found = [f"{section}.{name}" for section in _fields() if name in _fields([section])]
    return f". There is {' and '.join(found)}" if found else ""
