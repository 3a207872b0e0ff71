"""Definitions of tasks of one's own from YAML: a section a task, files beside the YAML file."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from pydantic import ConfigDict, TypeAdapter, ValidationError
from pydantic.dataclasses import dataclass

from search_spaces.plain_yaml import YamlError, read_yaml
from trainables.data.column_files import Columns
from trainables.data.own_tasks import Definition
from trainables.data.source import DataError
from trainables.ledger.nearest import nearest
from trainables.tasks.task import Role, Split


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class _Columns:
    tokens: int = 0
    tags: int = -1
    comment: str = ""


@dataclass(frozen=True, kw_only=True, config=ConfigDict(extra="forbid"))
class _Fields:
    role: Role
    format: str
    files: Mapping[Split, Mapping[str, str]]
    labels: tuple[str, ...] = ()
    columns: _Columns = _Columns()
    chunk_f1: bool = True


def read_definitions(path: Path) -> tuple[Definition, ...]:
    """The tasks of a file; raises DataError that names the file, the task and the field."""
    try:
        document = read_yaml(path.read_text(encoding="utf-8"))
    except (OSError, UnicodeDecodeError, YamlError) as error:
        raise DataError(f"{path} cannot be read: {error}") from error
    if document.twice:
        places = (f"{'.'.join(keys)} (line {line})" for keys, line in document.twice)
        raise DataError(f"{path} says twice: {', '.join(places)}")
    if not document.values or not isinstance(document.values, dict):
        raise DataError(f"{path} has no tasks; expected a section for each, under its name")
    return tuple(_definition(path, name, says) for name, says in document.values.items())


def _definition(path: Path, name: str, says: Any) -> Definition:
    try:
        fields = TypeAdapter(_Fields).validate_python(says)
    except ValidationError as error:
        raise DataError(f"{path}: task {name}: " + "; ".join(map(_told, error.errors()))) from error
    return Definition(
        name=name,
        role=fields.role,
        format=fields.format,
        files={
            split: {code: path.parent / file for code, file in held.items()} for split, held in fields.files.items()
        },
        labels=fields.labels,
        columns=Columns(tokens=fields.columns.tokens, tags=fields.columns.tags, comment=fields.columns.comment),
        chunk_f1=fields.chunk_f1,
    )


def _told(error: Any) -> str:
    field = ".".join(map(str, error["loc"]))
    near = nearest(field, _Fields.__dataclass_fields__) if error["type"] == "unexpected_keyword_argument" else ""
    return f"{field}: {error['msg']}" + (f"; did you mean {near!r}?" if near else "")
