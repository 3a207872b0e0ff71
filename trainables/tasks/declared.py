"""Declared: what a task of one's own says, as plain data; its rows lie beside it in one schema for each format.

A task that a file or a package brings may read anything by any code. A sweep carries it as this: no code in workers,
none in stores.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

from trainables.ledger.nearest import unknown
from trainables.tasks.examples import (
    BitextExample,
    ChoiceExample,
    CorpusExample,
    Example,
    PairExample,
    SpanExample,
    TaggingExample,
)
from trainables.tasks.formats.base import Format
from trainables.tasks.formats.span import Rule
from trainables.tasks.languages import KNOWN
from trainables.tasks.retrieval import pairs_among_others
from trainables.tasks.sampling import spread_examples
from trainables.tasks.shapes import COLUMNS, FORMATS, parser
from trainables.tasks.task import Role, Source, Sources, Split, Task

NAME = re.compile(r"[a-z][a-z0-9_-]{0,39}", re.ASCII)
"""Names of tasks of one's own: they stand in recipes and in paths."""
OWN = "own/tasks"
"""Repository of carried rows, `own/tasks/<name>-<definition>`; ids of the hub have one slash."""


@dataclass(frozen=True, kw_only=True)
class Declared:
    """What a task says; the fields are those of `Task`.

    Attributes:
        kind: one of FORMATS; `options` are the fields of that format besides the labels.
    """

    name: str
    title: str
    role: Role
    kind: str
    metrics: tuple[str, ...]
    selection: tuple[str, ...]
    languages: Mapping[str, tuple[str, ...]]
    max_length: int
    fine_tuning: str
    labels: tuple[str, ...] = ()
    options: Mapping[str, str | bool] = field(default_factory=dict)
    other_languages: Mapping[str, tuple[str, ...]] = field(default_factory=dict)
    num_train_rows: int = 0
    seed_stopping: bool = False
    parallel: bool = False
    shares_rows: bool = False
    family: str = ""

    def __post_init__(self) -> None:
        if self.kind not in FORMATS:
            raise ValueError(unknown("format", self.kind, FORMATS))
        if not NAME.fullmatch(self.name):
            raise ValueError(f"given the name {self.name!r:.60}; allowed: at most 40 of a-z, 0-9, _, -, a letter first")
        codes = [code for held in (self.languages, self.other_languages) for each in held.values() for code in each]
        if strange := [code for code in codes if code not in KNOWN]:
            raise ValueError(unknown("language", strange[0], KNOWN))

    def to_dict(self) -> dict[str, Any]:
        """As JSON has it; a field with its default is left out, so that later ones change no earlier definition."""
        held = {own.name: getattr(self, own.name) for own in dataclasses.fields(self)}
        return {name: _plain(value) for name, value in held.items() if value or name in _ALWAYS_WRITTEN}

    @classmethod
    def from_dict(cls, fields: Mapping[str, Any]) -> Declared:
        """The inverse of `to_dict`; raises ValueError for what is no declaration."""
        known = [own.name for own in dataclasses.fields(cls)]
        if strange := [name for name in fields if name not in known]:
            raise ValueError(unknown("field of a task", strange[0], known))
        try:
            lists = {name: tuple(fields[name]) for name in ("metrics", "selection", "labels") if name in fields}
            maps = {
                name: {str(Split(split)): tuple(codes) for split, codes in fields[name].items()}
                for name in ("languages", "other_languages") if name in fields
            }  # fmt: skip
            return cls(**{**fields, **lists, **maps, "role": Role(fields["role"])})
        except (TypeError, KeyError, AttributeError) as error:
            raise ValueError(f"no task: {type(error).__name__}: {error}") from error

    def format(self) -> Format:
        """Its input format."""
        given: dict[str, Any] = dict(self.options)
        if "rule" in given:
            given["rule"] = Rule(given["rule"])
        if self.labels:
            given["labels"] = self.labels
        return FORMATS[self.kind](**given)

    def task(self, definition: str) -> Task:
        """The task whose rows are carried under a definition."""
        place = f"{OWN}/{self.name}-{definition}"
        return Task(
            name=self.name,
            title=self.title,
            role=self.role,
            format=self.format(),
            metrics=self.metrics,
            selection=self.selection,
            languages={Split(split): codes for split, codes in self.languages.items()},
            other_languages={Split(split): codes for split, codes in self.other_languages.items()},
            sources={place: {split: self._sources(place, split) for split in self.splits}},
            fine_tuning=self.fine_tuning,
            max_length=self.max_length,
            num_train_rows=self.num_train_rows,
            seed_stopping=self.seed_stopping,
            cap=_CAPS.get(self.kind, spread_examples),
            parallel=self.parallel,
            shares_rows=self.shares_rows,
            family=self.family,
            definition=definition,
        )

    @property
    def splits(self) -> tuple[Split, ...]:
        """Those with rows."""
        return tuple(Split(split) for split in dict.fromkeys((*self.languages, *self.other_languages)))

    def _sources(self, place: str, split: Split) -> Sources:
        columns, kind, labels = COLUMNS[self.kind], self.kind, self.labels
        return lambda language: (
            Source(
                repository=place,
                config=language,
                split=split,
                columns=columns,
                parse=parser(kind, labels, language),
            ),
        )


def declared(of: Task) -> Declared:
    """What a task says, its labels known; raises ValueError for what only code can say."""
    kind = next((name for name, kind in FORMATS.items() if type(of.format) is kind), "")
    if not kind:
        given = type(of.format).__name__
        allowed = ", ".join(kind.__name__ for kind in FORMATS.values())
        raise ValueError(f"task {of.name} has the format {given}; allowed: {allowed}")
    if of.cap not in (spread_examples, _CAPS.get(kind)):
        raise ValueError(f"task {of.name} has a cap of its own, which no sweep can carry; allowed: that of its format")
    held = [own for own in dataclasses.fields(of.format) if own.init and own.name != "labels"]  # type: ignore[arg-type]
    options = {own.name: value for own in held if (value := getattr(of.format, own.name)) != own.default}
    return Declared(
        name=of.name,
        title=of.title,
        role=of.role,
        kind=kind,
        metrics=of.metrics,
        selection=of.selection,
        languages={str(split): codes for split, codes in of.languages.items() if codes},
        max_length=of.max_length,
        fine_tuning=of.fine_tuning,
        labels=of.format.labels,
        options=options,
        other_languages={str(split): codes for split, codes in of.other_languages.items() if codes},
        num_train_rows=of.num_train_rows,
        seed_stopping=of.seed_stopping,
        parallel=of.parallel,
        shares_rows=of.shares_rows,
        family=of.family,
    )


def row_of(example: Example, labels: tuple[str, ...]) -> dict[str, Any]:
    """An example as a carried row, in the columns of its format."""
    match example:
        case PairExample():
            return {"id": example.id, "text_a": example.text_a, "text_b": example.text_b,
                    "label": labels[example.label]}  # fmt: skip
        case ChoiceExample():
            return {"id": example.id, "prompt": example.prompt, "choices": list(example.choices),
                    "label": labels[example.label]}  # fmt: skip
        case TaggingExample():
            return {"id": example.id, "words": list(example.words), "tags": [labels[tag] for tag in example.tags]}
        case SpanExample():
            answers = {"text": list(example.answers), "answer_start": list(example.starts)}
            return {"id": example.id, "question": example.question, "context": example.context, "answers": answers}
        case BitextExample():
            return {"id": example.id, "foreign": example.foreign, "english": example.english}
        case CorpusExample():
            return {"id": example.id, "text": example.text, "language": example.language,
                    "translations": list(example.translations)}  # fmt: skip
    raise ValueError(f"rows of {type(example).__name__} cannot be carried")


_CAPS = {"mining": pairs_among_others}
"""Formats whose rows do not stand for themselves."""

_ALWAYS_WRITTEN = frozenset({
    "name", "title", "role", "kind", "metrics", "selection", "languages", "max_length", "fine_tuning",
})  # fmt: skip


def _plain(value: Any) -> Any:
    if isinstance(value, Mapping):
        return {str(name): _plain(held) for name, held in value.items()}
    if isinstance(value, tuple | list):
        return [_plain(each) for each in value]
    return value.value if isinstance(value, StrEnum) else value
