"""Single sentences: both sides of a bitext to be embedded, and text for masked language modelling."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainables.metrics.accuracy import accuracy
from trainables.tasks.examples import BitextExample, Example, TextExample
from trainables.tasks.formats.base import Encoded, Format, Head, Prediction, Tokenizer
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.formats.tokens import encode_singles
from trainables.tasks.formats.trivial import Comparison, only_one


@dataclass(frozen=True, kw_only=True)
class SentenceFormat(Format):
    """Retrieval: sentences are embedded, and every English sentence looks for its foreign translation.

    A prediction is the id of the foreign sentence found, the reference its own id. Scores `accuracy`.
    """

    head: Head = field(default=Head.EMBEDDING, init=False)

    def encode(self, examples: Sequence[Example], tokenizer: Tokenizer, max_length: int, *, training: bool) -> Encoded:
        """Two sequences for each example: `<s> English </s>` and `<s> foreign </s>`, cut at the end."""
        assert all(isinstance(example, BitextExample) for example in examples)
        pairs = [example for example in examples if isinstance(example, BitextExample)]
        texts = [text for pair in pairs for text in (pair.english, pair.foreign)]
        return _encoded(pairs, texts, tokenizer, max_length, group=2)

    def decode(self, encoded: Encoded, outputs: Sequence[np.ndarray]) -> list[Prediction]:
        """Ids of the sentences found; `outputs` holds the index of the nearest foreign sentence for each example."""
        return [encoded.examples[int(nearest)].id for nearest in outputs]

    def references(self, examples: Sequence[Example]) -> list[str]:
        """Ids of the aligned sentences."""
        return [example.id for example in examples]

    def score(self, references: Sequence[Any], predictions: Sequence[Any], language: str) -> Mapping[str, float]:
        """`accuracy`."""
        return {"accuracy": accuracy(references, predictions)}

    def compare(self, references: Sequence[Any], predictions: Sequence[Any]) -> Comparison:
        """Accuracy against chance, one of as many sentences."""
        return Comparison(
            constant=only_one(predictions),
            measure="accuracy",
            figure=accuracy(references, predictions),
            trivial=100.0 / len(references),
        )


@dataclass(frozen=True, kw_only=True)
class MlmFormat(Format):
    """Masked language modelling: one sentence is one row (protocol.md 3.9). The engine masks; nothing is scored."""

    head: Head = field(default=Head.MLM, init=False)

    def encode(self, examples: Sequence[Example], tokenizer: Tokenizer, max_length: int, *, training: bool) -> Encoded:
        """`<s> sentence </s>`, cut at the end."""
        return encode_texts(examples, tokenizer, max_length)

    def decode(self, encoded: Encoded, outputs: Sequence[np.ndarray]) -> list[Prediction]:
        """Raise: the task has no predictions."""
        raise TypeError("masked language modelling has no predictions")

    def references(self, examples: Sequence[Example]) -> list[Any]:
        """Raise: the task has no references."""
        raise TypeError("masked language modelling has no references")

    def score(self, references: Sequence[Any], predictions: Sequence[Any], language: str) -> Mapping[str, float]:
        """Raise: the task has no metrics."""
        raise TypeError("masked language modelling has no metrics")


def encode_texts(examples: Sequence[Example], tokenizer: Tokenizer, max_length: int) -> Encoded:
    """`<s> sentence </s>` for every text example, in order, cut at the end."""
    assert all(isinstance(example, TextExample) for example in examples)
    texts = [example.text for example in examples if isinstance(example, TextExample)]
    return _encoded(examples, texts, tokenizer, max_length)


def _encoded(
    examples: Sequence[Example], texts: Sequence[str], tokenizer: Tokenizer, max_length: int, group: int = 1
) -> Encoded:
    return Encoded(
        examples=examples,
        sequences=Ragged.of(encode_singles(tokenizer, texts, max_length)),
        owners=np.arange(len(examples), dtype=np.int32),
        group=group,
    )
