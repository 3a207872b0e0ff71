"""Schemas: the columns in which rows of one's own may come: those of a task's files, or plain ones, labels or not.

A row without its label is parsed with one that stands for it, so that the parsers of the data sets serve both.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from trainables.tasks.examples import ChoiceExample, Example, PairExample, SpanExample, TaggingExample
from trainables.tasks.formats.base import Head
from trainables.tasks.labels import label_index
from trainables.tasks.rows import Row, text, texts
from trainables.tasks.shapes import ALIASES
from trainables.tasks.task import Task

ID = "id"
LANGUAGE = "language"
_LABELS = MappingProxyType({
    Head.CLASSIFICATION: ("label", "gold_label"),
    Head.CHOICE: ("label", "answerKey"),
    Head.TAGGING: ("tags", "pos_tags", "ner_tags", "categories"),
    Head.SPAN: ("answers",),
})  # fmt: skip
"""Kind of head -> columns that hold what is right."""
_LISTS = frozenset({"tokens", "words", "choices", "endings", *_LABELS[Head.TAGGING]})
_ANSWER = "?"


@dataclass(frozen=True, kw_only=True)
class Schema:
    """Columns of rows.

    Attributes:
        inputs: columns that must be there.
        label: column that says what is right, which a file or a row may lack.
        parse: (row with all columns, id) -> example.
    """

    inputs: tuple[str, ...]
    label: str
    parse: Callable[[Row, str], Example | None]

    def __str__(self) -> str:
        return f"{', '.join(self.inputs)} [{self.label}]"


def schemas(of: Task) -> tuple[Schema, ...]:
    """Those of the task's files, its default source first, then the plain one; each once.

    Those of a task of one's own have the other plain names, too.
    """
    found: dict[tuple[tuple[str, ...], str], Schema] = {}
    known = (*_of_files(of), _plain(of))
    for schema in (*known, *(_renamed(schema) for schema in known if of.definition)):
        found.setdefault((schema.inputs, schema.label), schema)
    return tuple(found.values())


def example_of(row: Mapping[str, Any], schema: Schema, of: Task, row_id: str) -> tuple[Example, bool]:
    """A row as an example, and whether it says what is right; raises ValueError for a row that breaks the schema.

    Lists may be JSON, or words apart by blanks.
    """
    values = {name: _listed(row.get(name)) if name in _LISTS else row.get(name) for name in schema.inputs}
    gold = _gold(row.get(schema.label), of)
    stand_in = _stand_in(values, of)
    made = schema.parse({ID: row_id, **values, schema.label: stand_in if gold is None else gold}, row_id)
    if made is None:
        raise ValueError("it has no words that can be tagged" if of.format.head is Head.TAGGING else "it is empty")
    return made, gold is not None


def _of_files(of: Task) -> Iterator[Schema]:
    labels = _LABELS[of.format.head]
    for splits in of.sources.values():
        for split, files in splits.items():
            for source in files(of.languages[split][0]):
                inputs = tuple(name for name in source.columns if name not in (*labels, ID, LANGUAGE))
                label = next((name for name in source.columns if name in labels), labels[0])
                yield Schema(inputs=inputs, label=label, parse=source.parse)


def _renamed(schema: Schema) -> Schema:
    """A schema with the other plain names of its columns."""
    others = {plain: other for other, plain in ALIASES.items()}

    def parse(row: Row, row_id: str) -> Example | None:
        return schema.parse({**row, **{plain: row[other] for other, plain in ALIASES.items() if other in row}}, row_id)

    return Schema(inputs=tuple(others.get(name, name) for name in schema.inputs), label=schema.label, parse=parse)


def _plain(of: Task) -> Schema:
    labels, head = of.format.labels, of.format.head

    def pair(row: Row, row_id: str) -> Example:
        return PairExample(row_id, text(row, "text_a"), text(row, "text_b"), label_index(row["label"], labels, "label"))

    def choice(row: Row, row_id: str) -> Example:
        choices = texts(row, "choices")
        if len(choices) != len(labels):
            raise ValueError(f"{len(choices)} choices, allowed: {len(labels)}")
        return ChoiceExample(row_id, text(row, "prompt"), choices, label_index(row["label"], labels, "label"))

    def tagging(row: Row, row_id: str) -> Example | None:
        words, tags = texts(row, "words"), texts(row, "tags")
        if len(words) != len(tags):
            raise ValueError(f"{len(words)} words but {len(tags)} tags")
        numbers = tuple(label_index(tag, labels, "tags") for tag in tags)
        return TaggingExample(row_id, words, numbers) if words else None

    def span(row: Row, row_id: str) -> Example:
        answers = texts(row["answers"], "text")
        return SpanExample(row_id, text(row, "question"), text(row, "context"), answers, (0,) * len(answers))

    kinds: dict[Head, tuple[tuple[str, ...], Callable[[Row, str], Example | None]]] = {
        Head.CLASSIFICATION: (("text_a", "text_b"), pair), Head.CHOICE: (("prompt", "choices"), choice),
        Head.TAGGING: (("words",), tagging), Head.SPAN: (("question", "context"), span),
    }  # fmt: skip
    inputs, parse = kinds[head]
    return Schema(inputs=inputs, label=_LABELS[head][0], parse=parse)


def _gold(given: Any, of: Task) -> Any:
    """What is right as the parsers take it; None where a row does not say."""
    if given is None or (isinstance(given, str) and given.strip() in ("", "-")):
        return None
    if of.format.head is Head.SPAN:
        return _answers(given)
    if of.format.head is Head.TAGGING:
        return [_name(each, of.format.labels) for each in _listed(given) or []] or None
    return _name(given, of.format.labels)


def _name(label: Any, labels: Sequence[str]) -> Any:
    """The name of a label that is written as a number, where names are numbers."""
    written = str(label) if isinstance(label, int) and not isinstance(label, bool) else label
    return written if written in labels else label


def _answers(given: Any) -> Any:
    """SQuAD's record of answers from what may be one text, several, or such a record without offsets."""
    found = given
    if isinstance(given, Mapping):
        found = given.get("text")
    if isinstance(found, str):
        found = [found]
    if isinstance(found, list) and all(isinstance(each, str) for each in found):
        kept = [each for each in found if each.strip()]
        return {"text": kept, "answer_start": [0] * len(kept)} if kept else None
    raise ValueError("answers is neither a text nor a list of texts nor a record of text and answer_start")


def _stand_in(values: Row, of: Task) -> Any:
    head, labels = of.format.head, of.format.labels
    if head is Head.SPAN:
        return {"text": [_ANSWER], "answer_start": [0]}
    if head is not Head.TAGGING:
        return labels[0]
    words = next((each for each in values.values() if isinstance(each, list)), [])
    return [labels[0]] * len(words)


def _listed(value: Any) -> Any:
    """A list as it is; a text as its words."""
    return value.split() if isinstance(value, str) else value
