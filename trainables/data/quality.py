"""What is odd about examples that can be used all the same: repeated rows, blank texts, shifted answers."""

from __future__ import annotations

import dataclasses
from collections.abc import Sequence

from trainables.tasks.examples import Example, SpanExample


@dataclasses.dataclass(frozen=True, kw_only=True)
class Quality:
    """How many examples say the same as an earlier one, have a blank text or word, or a misplaced answer."""

    duplicates: int
    empty: int
    misplaced: int


def inspect(examples: Sequence[Example]) -> Quality:
    """Count over the examples of one file. An example is the same as another if all but its id is."""
    return Quality(
        duplicates=len(examples) - len({_content(example) for example in examples}),
        empty=sum(not all(text and not text.isspace() for text in example.texts) for example in examples),
        misplaced=sum(isinstance(example, SpanExample) and _is_misplaced(example) for example in examples),
    )


def _content(example: Example) -> tuple[object, ...]:
    return tuple(getattr(example, field.name) for field in dataclasses.fields(example) if field.name != "id")


def _is_misplaced(example: SpanExample) -> bool:
    """Whether any answer is elsewhere than its offset says, as in copies that lost white space (protocol.md 8.4)."""
    return any(
        not example.context.startswith(answer, max(start, 0))
        for answer, start in zip(example.answers, example.starts, strict=True)
    )
