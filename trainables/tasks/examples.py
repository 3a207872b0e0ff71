"""Examples: rows of a data set in the shape of their input format, free of any tokenizer or model."""

from __future__ import annotations

from dataclasses import dataclass
from typing import get_args


@dataclass(frozen=True, slots=True)
class PairExample:
    """Two texts and a label index into the task's canonical label order."""

    id: str
    text_a: str
    text_b: str
    label: int

    @property
    def texts(self) -> tuple[str, ...]:
        """What must not be blank."""
        return self.text_a, self.text_b


@dataclass(frozen=True, slots=True)
class ChoiceExample:
    """A prompt, its choices, and the index of the right one."""

    id: str
    prompt: str
    choices: tuple[str, ...]
    label: int

    @property
    def texts(self) -> tuple[str, ...]:
        """What must not be blank."""
        return self.prompt, *self.choices


@dataclass(frozen=True, slots=True)
class TaggingExample:
    """Words and one tag index for each."""

    id: str
    words: tuple[str, ...]
    tags: tuple[int, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """What must not be blank."""
        return self.words


@dataclass(frozen=True, slots=True)
class SpanExample:
    """A question on a context; `starts[i]` is the character offset of `answers[i]` in the context."""

    id: str
    question: str
    context: str
    answers: tuple[str, ...]
    starts: tuple[int, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """What must not be blank."""
        return self.question, self.context


@dataclass(frozen=True, slots=True)
class BitextExample:
    """A sentence in the foreign language and its English translation."""

    id: str
    foreign: str
    english: str

    @property
    def texts(self) -> tuple[str, ...]:
        """What must not be blank."""
        return self.foreign, self.english


@dataclass(frozen=True, slots=True)
class CorpusExample:
    """A sentence of one of two comparable corpora, the foreign and the English one.

    `translations` are the ids of its English translations: none for most sentences, and none for English ones.
    """

    id: str
    text: str
    language: str
    translations: tuple[str, ...]

    @property
    def texts(self) -> tuple[str, ...]:
        """What must not be blank."""
        return (self.text,)


@dataclass(frozen=True, slots=True)
class TextExample:
    """One sentence for masked language modelling."""

    id: str
    text: str
    language: str

    @property
    def texts(self) -> tuple[str, ...]:
        """What must not be blank."""
        return (self.text,)


Example = PairExample | ChoiceExample | TaggingExample | SpanExample | BitextExample | CorpusExample | TextExample

TYPES: dict[str, type[Example]] = {kind.__name__: kind for kind in get_args(Example)}
"""Every kind of example by its name."""
