"""Sentences of two comparable corpora, among which translations are to be found (protocol.md 5.4, BUCC)."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainables.metrics.accuracy import check_aligned
from trainables.tasks.examples import CorpusExample, Example
from trainables.tasks.formats.base import Encoded, Format, Head, Prediction, Tokenizer
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.formats.tokens import encode_singles
from trainables.tasks.formats.trivial import Comparison


@dataclass(frozen=True, kw_only=True)
class MiningFormat(Format):
    """Bitext mining: every sentence of both languages is one row.

    A prediction is the list of ids of the English sentences that a foreign one is paired with, mostly none; the
    reference is the list of its translations. Rows without either count for nothing. Scores `f1` over pairs.
    """

    head: Head = field(default=Head.EMBEDDING, init=False)

    def encode(self, examples: Sequence[Example], tokenizer: Tokenizer, max_length: int, *, training: bool) -> Encoded:
        """`<s> sentence </s>` for every sentence of both languages, in order, cut at the end."""
        sentences = corpus_examples(examples)
        return Encoded(
            examples=sentences,
            sequences=Ragged.of(encode_singles(tokenizer, [sentence.text for sentence in sentences], max_length)),
            owners=np.arange(len(sentences), dtype=np.int32),
        )

    def decode(self, encoded: Encoded, outputs: Sequence[np.ndarray]) -> list[Prediction]:
        """Ids of the sentences each is paired with; `outputs` holds their positions, an empty array for none."""
        return [[encoded.examples[int(position)].id for position in found] for found in outputs]

    def references(self, examples: Sequence[Example]) -> list[list[str]]:
        """Ids of the translations of every sentence."""
        return [list(sentence.translations) for sentence in corpus_examples(examples)]

    def score(self, references: Sequence[Any], predictions: Sequence[Any], language: str) -> Mapping[str, float]:
        """`f1` of all pairs found against all pairs of the references; raises ValueError when there is no gold pair."""
        check_aligned(references, predictions)
        gold = sum(len(set(translations)) for translations in references)
        found = sum(len(set(paired)) for paired in predictions)
        right = sum(len(set(a) & set(b)) for a, b in zip(references, predictions, strict=True))
        if not gold:
            raise ValueError("a score needs at least one gold pair, got none")
        return {"f1": 200.0 * right / (gold + found)}

    def compare(self, references: Sequence[Any], predictions: Sequence[Any]) -> Comparison:
        """Whether any pair was found."""
        return Comparison(constant="" if any(predictions) else "no pair")

    def num_scored(self, examples: Sequence[Example]) -> int:
        """Gold pairs."""
        return sum(len(sentence.translations) for sentence in corpus_examples(examples))


def corpus_examples(examples: Sequence[Example]) -> list[CorpusExample]:
    """The same examples, known to be sentences of comparable corpora."""
    assert all(isinstance(example, CorpusExample) for example in examples)
    return [example for example in examples if isinstance(example, CorpusExample)]
