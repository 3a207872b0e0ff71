"""Shapes: the columns that each input format has, and rows whose file calls them otherwise."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from types import MappingProxyType
from typing import Any

from trainables.ledger.plain import plain
from trainables.tasks.examples import (
    BitextExample,
    ChoiceExample,
    CorpusExample,
    Example,
    PairExample,
    TaggingExample,
)
from trainables.tasks.formats.base import Format
from trainables.tasks.formats.choice import ChoiceFormat
from trainables.tasks.formats.mining import MiningFormat
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.formats.sentence import SentenceFormat
from trainables.tasks.formats.span import SpanFormat
from trainables.tasks.formats.tagging import TaggingFormat
from trainables.tasks.labels import label_index, parse_span
from trainables.tasks.languages import ENGLISH
from trainables.tasks.rows import Row, decoded, numbers, shown, text, texts

ID = "id"
LABEL = "label"
TAGS = "tags"
FORMATS: Mapping[str, type[Format]] = MappingProxyType({
    "pair": PairFormat, "choice": ChoiceFormat, "tagging": TaggingFormat, "span": SpanFormat,
    "sentence": SentenceFormat, "mining": MiningFormat,
})  # fmt: skip
"""The input formats of tasks of one's own, by the names that files give them."""
COLUMNS: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "pair": (ID, "text_a", "text_b", LABEL),
    "choice": (ID, "prompt", "choices", LABEL),
    "tagging": (ID, "words", TAGS),
    "span": (ID, "question", "context", "answers"),
    "sentence": (ID, "foreign", "english"),
    "mining": (ID, "text", "language", "translations"),
})  # fmt: skip
"""Plain names of the columns of each format; labels are names, `answers` is SQuAD's record. The id may be left out."""
ALIASES: Mapping[str, str] = MappingProxyType({"tokens": "words"})
"""Other plain names."""
_UNLABELLED = ("", "-")


@dataclass(frozen=True, kw_only=True)
class Shape:
    """Where the columns of a format are in the rows of a file.

    Attributes:
        kind: one of FORMATS.
        columns: columns of the format and what the file calls them, several where each choice has one of its own. A
            column that is not here has its plain name.
        checks_answers: whether an answer that is not where it is said to be is an error.
    """

    kind: str
    columns: tuple[tuple[str, tuple[str, ...]], ...] = ()
    checks_answers: bool = True

    def of_file(self, present: Sequence[str]) -> Mapping[str, tuple[str, ...]]:
        """Columns of the format -> those of a file that has these; an id that is not there is left out."""
        found = {column: (self._plain(column, present),) for column in COLUMNS[self.kind]} | dict(self.columns)
        if found[ID] == (ID,) and ID not in present:
            del found[ID]
        return found

    def row(self, row: Row, columns: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
        """A row with the columns of the format, from one with what `columns` says; raises ValueError, which names the
        file's column, for a value of another kind.
        """
        made: dict[str, Any] = {}
        for column in COLUMNS[self.kind]:
            names = columns.get(column, ())
            if missing := [name for name in names if name not in row and column not in _MAY_BE_NULL]:
                raise ValueError(f"no {' and no '.join(missing)}; it has {', '.join(map(plain, row)) or 'nothing'}")
            value = row.get(names[0]) if len(names) == 1 else [text(row, name) for name in names]
            made[column] = _READERS.get(column, _text)(value, " and ".join(names)) if names else None
        if self.kind == "span":
            made["answers"] = _placed(made["answers"], made["context"], self.checks_answers)
        return made

    @staticmethod
    def _plain(column: str, present: Sequence[str]) -> str:
        others = [alias for alias, of in ALIASES.items() if of == column and alias in present]
        return column if column in present or not others else others[0]


def parser(kind: str, labels: tuple[str, ...], language: str, hint: str = "") -> Callable[[Row, str], Example | None]:
    """Parser of rows with the columns of a format, in a language; `hint` follows what is said of an unknown label.

    Rows without a label, a word or an answer are dropped.
    """
    known = {name: number for number, name in enumerate(labels)}

    def number_of(name: Any, column: str) -> int:
        if isinstance(name, str) and name in known:
            return known[name]
        try:
            return label_index(name, labels, column)
        except ValueError as error:
            raise ValueError(f"{error}{hint}") from error

    def pair(row: Row, name: str) -> Example | None:
        if is_unlabelled(row[LABEL], labels):
            return None
        return PairExample(name, text(row, "text_a"), text(row, "text_b"), number_of(row[LABEL], LABEL))

    def choice(row: Row, name: str) -> Example | None:
        if is_unlabelled(row[LABEL], labels):
            return None
        choices = texts(row, "choices")
        if len(choices) != len(labels):
            raise ValueError(f"{len(choices)} choices, allowed: {len(labels)}, as there are labels")
        return ChoiceExample(name, text(row, "prompt"), choices, number_of(row[LABEL], LABEL))

    def tagging(row: Row, name: str) -> Example | None:
        words = texts(row, "words")
        if not words or row[TAGS] is None:
            return None
        tags = texts(row, TAGS)
        if len(words) != len(tags):
            raise ValueError(f"{len(words)} words but {len(tags)} tags")
        return TaggingExample(name, words, tuple(number_of(tag, TAGS) for tag in tags))

    def span(row: Row, name: str) -> Example | None:
        return parse_span({**row, ID: name}, name)

    def sentence(row: Row, name: str) -> Example:
        return BitextExample(name, text(row, "foreign"), text(row, "english"))

    def mining(row: Row, name: str) -> Example:
        if row["language"] not in (language, ENGLISH):
            raise ValueError(f"language is {shown(row['language'])}, allowed: {language}, {ENGLISH}")
        return CorpusExample(name, text(row, "text"), text(row, "language"), texts(row, "translations"))

    parse: Callable[[Row, str], Example | None] = {
        "pair": pair, "choice": choice, "tagging": tagging, "span": span, "sentence": sentence, "mining": mining,
    }[kind]  # fmt: skip
    return lambda row, row_id: parse(row, row_id if row[ID] is None else text(row, ID))


def is_unlabelled(label: Any, labels: Sequence[str]) -> bool:
    """Whether a row has no label: nothing, an empty text, or the dash of rows without a majority."""
    return label is None or (label in _UNLABELLED and label not in labels)


def place_of(answer: str, start: int | None, context: str, *, check: bool) -> int:
    """Offset of an answer in its context: the given one, else that of its first occurrence.

    Raises ValueError for an answer that is not in it, with `check` for one that is not at its offset, too.
    """
    place = context.find(answer) if start is None else start
    if place < 0 and start is None:
        raise ValueError(f"the answer {shown(answer)} is not in the context")
    if place < 0:
        raise ValueError(f"answer_start is {place}, expected a number of characters")
    if check and not context.startswith(answer, place):
        there = shown(context[place : place + len(answer)])
        raise ValueError(f"the answer is {shown(answer)}, but at {place} the context has {there}")
    return place


def name_of(value: Any, column: str) -> str | None:
    """A label or an id as text; raises ValueError for what is neither a text, a whole number nor a switch."""
    if isinstance(value, bool):
        return str(value).lower()
    if value is None or isinstance(value, str):
        return value
    if not isinstance(value, int):
        raise ValueError(f"{column} is {shown(value)}, expected a name")
    return str(value)


def _text(value: Any, column: str) -> str:
    return text({column: value}, column)


def _id(value: Any, column: str) -> str | None:
    return name_of(value, column) or None


def _names(value: Any, column: str) -> list[str | None] | None:
    """Tags; None in a row that has none."""
    if value is None:
        return None
    found = _listed(value)
    if not isinstance(found, list):
        raise ValueError(f"{column} is {shown(value)}, expected a list of tags")
    return [name_of(each, f"{column}[{place}]") for place, each in enumerate(found)]


def _words(value: Any, column: str) -> list[str]:
    return list(texts({column: _listed(value)}, column))


def _ids(value: Any, column: str) -> list[str]:
    listed = _listed(value) if value is not None else []
    given = listed if isinstance(listed, list) else [listed]
    return [_text(name_of(each, column), column) for each in given]


def _choices(value: Any, column: str) -> list[str]:
    """A list, JSON of one, or a record with a list `text`, as several data sets of the hub have it."""
    found = decoded(value)
    found = found.get("text") if isinstance(found, Mapping) else found
    return list(texts({column: found}, column))


def _answers(value: Any, column: str) -> dict[str, Any] | None:
    """SQuAD's record, or texts whose offsets are not known; None in a row without an answer."""
    found = decoded(value)
    record = found if isinstance(found, Mapping) else {"text": found}
    given = record.get("text")
    given = [given] if isinstance(given, str) else given
    if given is None or given == []:
        return None
    known = texts({f"{column}.text": given}, f"{column}.text")
    starts = record.get("answer_start")
    if starts is None:
        return {"text": list(known), "answer_start": [None] * len(known)}
    of_starts = f"{column}.answer_start"
    found_starts = numbers({of_starts: [starts] if isinstance(starts, int) else starts}, of_starts)
    return {"text": list(known), "answer_start": list(found_starts)}


def _placed(answers: dict[str, Any] | None, context: str, check: bool) -> dict[str, list[Any]]:
    """SQuAD's record of the answers that are not blank."""
    given, starts = (answers["text"], answers["answer_start"]) if answers else ([], [])
    if len(given) != len(starts):
        raise ValueError(f"{len(given)} answers but {len(starts)} answer_start")
    known = [(answer, start) for answer, start in zip(given, starts, strict=True) if answer.strip()]
    places = [place_of(answer, start, context, check=check) for answer, start in known]
    return {"text": [answer for answer, _ in known], "answer_start": places}


def _listed(value: Any) -> Any:
    """A list as it is or as JSON; the words of any other text."""
    found = decoded(value)
    return found.split() if isinstance(found, str) else found


_READERS: Mapping[str, Callable[[Any, str], Any]] = MappingProxyType({
    ID: _id, LABEL: name_of, TAGS: _names, "words": _words, "choices": _choices, "answers": _answers,
    "translations": _ids,
})  # fmt: skip
"""Columns that hold no text."""
_MAY_BE_NULL = frozenset({ID, LABEL, TAGS, "answers", "translations"})
