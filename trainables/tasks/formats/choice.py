"""A prompt and its choices, each encoded as a pair; the softmax goes over the choices of one row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainables.metrics.accuracy import accuracy
from trainables.tasks.examples import ChoiceExample, Example
from trainables.tasks.formats.base import Encoded, Format, Head, Prediction, Tokenizer
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.formats.tokens import encode_pairs
from trainables.tasks.formats.trivial import Comparison, with_majority


@dataclass(frozen=True, kw_only=True)
class ChoiceFormat(Format):
    """`labels` name the choices in order; every example has as many choices. Scores `accuracy`."""

    head: Head = field(default=Head.CHOICE, init=False)
    labels: tuple[str, ...]

    def encode(self, examples: Sequence[Example], tokenizer: Tokenizer, max_length: int, *, training: bool) -> Encoded:
        """One row for each example, one sequence for each of its choices."""
        questions = _choice_examples(examples)
        for question in questions:
            if len(question.choices) != len(self.labels):
                raise ValueError(f"{question.id}: {len(question.choices)} choices, the task has {len(self.labels)}")
        pairs = [(question.prompt, choice) for question in questions for choice in question.choices]
        return Encoded(
            examples=questions,
            sequences=Ragged.of(encode_pairs(tokenizer, pairs, max_length)),
            owners=np.arange(len(questions), dtype=np.int32),
            group=len(self.labels),
            labels=np.array([question.label for question in questions], dtype=np.int64),
        )

    def decode(self, encoded: Encoded, outputs: Sequence[np.ndarray]) -> list[Prediction]:
        """Name of the choice with the highest score."""
        return [self.labels[int(np.argmax(scores))] for scores in outputs]

    def references(self, examples: Sequence[Example]) -> list[str]:
        """Names of the right choices."""
        return [self.labels[question.label] for question in _choice_examples(examples)]

    def score(self, references: Sequence[Any], predictions: Sequence[Any], language: str) -> Mapping[str, float]:
        """`accuracy`."""
        return {"accuracy": accuracy(references, predictions)}

    def compare(self, references: Sequence[Any], predictions: Sequence[Any]) -> Comparison:
        """Accuracy against the share of the most frequent answer."""
        return with_majority(references, predictions, "accuracy")


def _choice_examples(examples: Sequence[Example]) -> list[ChoiceExample]:
    assert all(isinstance(example, ChoiceExample) for example in examples)
    return [example for example in examples if isinstance(example, ChoiceExample)]
