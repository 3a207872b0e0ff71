"""Label names -> positions in a task's canonical order, and the errors of rows that break it (protocol.md 8.1)."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from trainables.tasks.examples import PairExample, SpanExample, TaggingExample
from trainables.tasks.rows import Row, numbers, part, shown, text, texts


def label_index(label: Any, labels: Sequence[str], column: str) -> int:
    """Position of a label name; raises ValueError naming the column, what it holds and what is allowed."""
    if isinstance(label, str) and label in labels:
        return labels.index(label)
    without_names = "; the file declares no label names for its numbers" if isinstance(label, int) else ""
    raise ValueError(f"{column} is {shown(label)}, allowed: {', '.join(labels)}{without_names}")


def pair_parser(
    first: str, second: str, column: str, labels: tuple[str, ...], variants: Mapping[str, str] | None = None
) -> Callable[[Row, str], PairExample | None]:
    """Parser of rows with two texts and a label name in `column`; `variants` are other spellings of labels.

    Rows whose label is missing, empty or `-` (no majority among annotators) are dropped.
    """

    def parse(row: Row, row_id: str) -> PairExample | None:
        label = row[column]
        if label is None or label in ("", "-"):
            return None
        name = (variants or {}).get(label, label) if isinstance(label, str) else label
        number = label_index(name, labels, column)
        return PairExample(id=row_id, text_a=text(row, first), text_b=text(row, second), label=number)

    return parse


def tagging_parser(
    tag_column: str, tags: tuple[str, ...], clean: Callable[[str], str]
) -> Callable[[Row, str], TaggingExample | None]:
    """Parser of rows with `tokens` and tag names in `tag_column`; sentences without words are dropped."""
    known = {tag: number for number, tag in enumerate(tags)}

    def parse(row: Row, row_id: str) -> TaggingExample | None:
        words, names = texts(row, "tokens"), row[tag_column]
        if not isinstance(names, list):
            raise ValueError(f"{tag_column} is {shown(names)}, expected a list of tags")
        if len(words) != len(names):
            raise ValueError(f"{len(words)} tokens but {len(names)} {tag_column}")
        withheld = words.count("_")
        if not words or (withheld and len(words) - withheld <= 1):
            return None
        try:
            found = tuple(known[name] for name in names)
        except (KeyError, TypeError):
            found = tuple(label_index(name, tags, tag_column) for name in names)
        return TaggingExample(id=row_id, words=tuple(map(clean, words)), tags=found)

    return parse


def parse_span(row: Row, row_id: str) -> SpanExample | None:
    """Parser of rows in the shape of SQuAD; questions whose answers are all empty (placeholders) are dropped."""
    answers = part(row, "answers", "text", "answer_start")
    given, starts = texts(answers, "answers.text"), numbers(answers, "answers.answer_start")
    if len(given) != len(starts):
        raise ValueError(f"{len(given)} answers but {len(starts)} answer_start")
    known = [(answer, start) for answer, start in zip(given, starts, strict=True) if answer.strip()]
    if not known:
        return None
    return SpanExample(
        id=text(row, "id"),
        question=text(row, "question"),
        context=text(row, "context"),
        answers=tuple(answer for answer, _ in known),
        starts=tuple(start for _, start in known),
    )
