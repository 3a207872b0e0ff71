"""Two texts and one label: NLI and paraphrase detection."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainables.metrics.accuracy import accuracy, f1_of_class
from trainables.tasks.examples import Example, PairExample
from trainables.tasks.formats.base import Encoded, Format, Head, Prediction, Tokenizer
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.formats.tokens import encode_pairs
from trainables.tasks.formats.trivial import Comparison, with_majority


@dataclass(frozen=True, kw_only=True)
class PairFormat(Format):
    """`<s> A </s></s> B </s>` and the label of the pair.

    Scores `accuracy`, and `f1` of the label `positive` where one is named.
    """

    head: Head = field(default=Head.CLASSIFICATION, init=False)
    labels: tuple[str, ...]
    positive: str = ""

    def __post_init__(self) -> None:
        if self.positive and self.positive not in self.labels:
            raise ValueError(f"positive label {self.positive!r} is none of {', '.join(self.labels)}")

    def encode(self, examples: Sequence[Example], tokenizer: Tokenizer, max_length: int, *, training: bool) -> Encoded:
        """One sequence and one row for each example."""
        pairs = pair_examples(examples)
        return Encoded(
            examples=pairs,
            sequences=Ragged.of(encode_pairs(tokenizer, [(pair.text_a, pair.text_b) for pair in pairs], max_length)),
            owners=np.arange(len(pairs), dtype=np.int32),
            labels=np.array([pair.label for pair in pairs], dtype=np.int64),
        )

    def decode(self, encoded: Encoded, outputs: Sequence[np.ndarray]) -> list[Prediction]:
        """Name of the label with the highest score."""
        return [self.labels[int(np.argmax(scores))] for scores in outputs]

    def references(self, examples: Sequence[Example]) -> list[str]:
        """Label names."""
        return [self.labels[pair.label] for pair in pair_examples(examples)]

    def score(self, references: Sequence[Any], predictions: Sequence[Any], language: str) -> Mapping[str, float]:
        """`accuracy`, and `f1` where a positive label is named."""
        scores = {"accuracy": accuracy(references, predictions)}
        if self.positive:
            scores["f1"] = f1_of_class(references, predictions, self.positive)
        return scores

    def compare(self, references: Sequence[Any], predictions: Sequence[Any]) -> Comparison:
        """Accuracy against the share of the most frequent answer."""
        return with_majority(references, predictions, "accuracy")


def pair_examples(examples: Sequence[Example]) -> list[PairExample]:
    """The same examples, known to be pairs."""
    assert all(isinstance(example, PairExample) for example in examples)
    return [example for example in examples if isinstance(example, PairExample)]
