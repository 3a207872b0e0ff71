"""Findings: what a check of a task came upon, and whether it makes the task wrong."""

from __future__ import annotations

from dataclasses import dataclass
from enum import StrEnum

from trainables.tasks.task import Split


class Check(StrEnum):
    """What is looked at."""

    DECLARATION = "declaration"
    """What the task says of itself, without its rows."""
    ROWS = "rows"
    """Whether they load, how many there are, what is odd about them."""
    IDS = "ids"
    INPUTS = "inputs"
    """What `encode` makes of examples, within the declared length."""
    LENGTHS = "lengths"
    """What does not fit into the declared length."""
    SCORES = "scores"
    DECODING = "decoding"
    LABELS = "labels"
    ANSWERS = "answers"
    SHARED_ROWS = "shared rows"


@dataclass(frozen=True, kw_only=True)
class Finding:
    """One finding.

    Attributes:
        check: what was looked at.
        text: what was found, a sentence.
        split: of the rows; None where it is about no split.
        language: of the rows; empty where it is about no language.
    """

    check: Check
    text: str
    split: Split | None = None
    language: str = ""

    @property
    def place(self) -> str:
        """Split and language, for example `test es`; empty where it is about the task as a whole."""
        return f"{self.split or ''} {self.language}".strip()

    def __str__(self) -> str:
        return f"{self.place + ', ' if self.place else ''}{self.check}: {self.text}"


@dataclass(frozen=True, kw_only=True)
class Problem(Finding):
    """What makes figures of the task wrong, or runs of it fail."""


@dataclass(frozen=True, kw_only=True)
class Remark(Finding):
    """What is worth knowing and may be as it should."""
