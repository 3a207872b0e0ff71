"""Questions in the JSON of SQuAD: data, paragraphs, qas, answers."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from trainables.data.source import DataError
from trainables.ledger.plain import plain
from trainables.tasks.rows import shown
from trainables.tasks.shapes import place_of

_SHAPE = 'expected {"data": [{"paragraphs": [{"context": ..., "qas": [{"id", "question", "answers"}]}]}]}'


def holds_squad(path: Path) -> bool:
    """Whether a file is one object with `data`, not one a line; raises OSError for a file that cannot be read."""
    try:
        content = json.loads(path.read_bytes())
    except (ValueError, RecursionError):
        return False
    return isinstance(content, dict) and isinstance(content.get("data"), list)


def read_squad_file(path: Path, *, is_answered: bool = True) -> list[dict[str, Any]]:
    """Rows `{"id", "question", "context", "answers": {"text", "answer_start"}}`, a question each.

    Questions without an answer (SQuAD 2) have empty lists, as have those that say nothing of answers unless the file
    `is_answered`; an answer without its offset is where it is found first. Raises DataError for another shape, an id
    that stands twice, and an answer that is not where it is said to be.
    """
    try:
        content = json.loads(path.read_bytes().decode("utf-8-sig"))
    except OSError as error:
        raise DataError(f"{path} cannot be read: {error.strerror or error}") from error
    except (ValueError, RecursionError) as error:
        raise DataError(f"{path} is no JSON ({error}); {_SHAPE}") from error
    rows: dict[str, dict[str, Any]] = {}
    for place, context, question in _questions(content, path):
        if not is_answered and isinstance(question, dict):
            question = {"answers": [], **question}
        row = _row(f"{path}, {place}", context, question)
        if row["id"] in rows:
            raise DataError(f"{path}, {place}: id {plain(row['id'])} stands twice")
        rows[row["id"]] = row
    if not rows:
        raise DataError(f"{path} has no questions; {_SHAPE}")
    return list(rows.values())


def _questions(content: Any, path: Path) -> Iterator[tuple[str, str, Mapping[str, Any]]]:
    for article, of_article in enumerate(_list(content, "data", str(path))):
        place = f"data[{article}]"
        for paragraph, held in enumerate(_list(of_article, "paragraphs", f"{path}, {place}")):
            inner = f"{place}.paragraphs[{paragraph}]"
            questions = _list(held, "qas", f"{path}, {inner}")
            context = _text(held, "context", f"{path}, {inner}")
            for number, question in enumerate(questions):
                yield f"{inner}.qas[{number}]", context, question


def _row(place: str, context: str, question: Any) -> dict[str, Any]:
    answers = [
        (_text(answer, "text", place), answer.get("answer_start")) for answer in _list(question, "answers", place)
    ]
    try:
        starts = [place_of(text, _start(start), context, check=True) for text, start in answers]
    except ValueError as error:
        raise DataError(f"{place}: {error}") from error
    return {
        "id": _text(question, "id", place),
        "question": _text(question, "question", place),
        "context": context,
        "answers": {"text": [text for text, _ in answers], "answer_start": starts},
    }


def _start(given: Any) -> int | None:
    """An offset, None where none is given."""
    if given is not None and (isinstance(given, bool) or not isinstance(given, int)):
        raise ValueError(f"answer_start is {shown(given)}, expected a number of characters")
    return given


def _list(held: Any, name: str, place: str) -> list[Any]:
    found = held.get(name) if isinstance(held, dict) else None
    if not isinstance(found, list):
        raise DataError(f"{place}: {name} is {shown(found)}, expected a list; {_SHAPE}")
    return found


def _text(held: Any, name: str, place: str) -> str:
    found = held.get(name) if isinstance(held, dict) else None
    if not isinstance(found, str):
        raise DataError(f"{place}: {name} is {shown(found)}, expected text; {_SHAPE}")
    return found
