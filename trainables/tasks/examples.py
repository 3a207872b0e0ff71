"""Examples: rows of a data set in the shape of their input format, free of any tokenizer or model."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class PairExample:
    """Two texts and a label index into the task's canonical label order."""

    id: str
    text_a: str
    text_b: str
    label: int


@dataclass(frozen=True, slots=True)
class ChoiceExample:
    """A prompt, its choices, and the index of the right one."""

    id: str
    prompt: str
    choices: tuple[str, ...]
    label: int


@dataclass(frozen=True, slots=True)
class TaggingExample:
    """Words and one tag index for each."""

    id: str
    words: tuple[str, ...]
    tags: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class SpanExample:
    """A question on a context; `starts[i]` is the character offset of `answers[i]` in the context."""

    id: str
    question: str
    context: str
    answers: tuple[str, ...]
    starts: tuple[int, ...]


@dataclass(frozen=True, slots=True)
class BitextExample:
    """A sentence in the foreign language and its English translation."""

    id: str
    foreign: str
    english: str


@dataclass(frozen=True, slots=True)
class TextExample:
    """One sentence for masked language modelling."""

    id: str
    text: str
    language: str


Example = PairExample | ChoiceExample | TaggingExample | SpanExample | BitextExample | TextExample
