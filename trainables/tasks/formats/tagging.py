"""Words with a tag each; the tag is read at the first sub-word (protocol.md 5.3)."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np

from trainables.metrics.tagging_f1 import chunk_f1, word_accuracy
from trainables.tasks.examples import Example, TaggingExample
from trainables.tasks.formats.base import Encoded, Format, Head, IntArray, Prediction, Tokenizer
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.formats.tokens import Layout, word_ids
from trainables.tasks.formats.trivial import Comparison, with_majority

LONGEST_WORD = 125
"""Sub-words of a word beyond which it is replaced by `<unk>`."""


@dataclass(frozen=True, kw_only=True)
class TaggingFormat(Format):
    """`<s> sub-words </s>` with every word tokenised on its own; rows are sentence pieces.

    A sentence that does not fit is cut between words into pieces, in training and in evaluation, and `decode` joins
    them again, so that every word is scored. Scores `accuracy` over words and, with `chunk_f1`, `f1` over chunks.
    """

    head: Head = field(default=Head.TAGGING, init=False)
    labels: tuple[str, ...]
    chunk_f1: bool = True

    def encode(self, examples: Sequence[Example], tokenizer: Tokenizer, max_length: int, *, training: bool) -> Encoded:
        """One or more rows for each sentence."""
        sentences = _tagging_examples(examples)
        layout = Layout.of(tokenizer)
        room = max_length - layout.num_single
        words = iter(self._word_ids(tokenizer, sentences, room))
        sequences: list[IntArray] = []
        owners, positions, tags = [], [], []
        for owner, sentence in enumerate(sentences):
            pieces = [next(words) for _ in sentence.words]
            lengths = np.array([len(piece) for piece in pieces], dtype=np.int32)
            for first, last in _cuts(lengths, room):
                inside = lengths[first:last]
                text = np.concatenate(pieces[first:last]) if last > first else np.zeros(0, np.int32)
                sequences.append(layout.single(text))
                owners.append(owner)
                positions.append((len(layout.before) + np.cumsum(inside) - inside).astype(np.int32))
                tags.append(np.array(sentence.tags[first:last], dtype=np.int32))
        return Encoded(
            examples=sentences,
            sequences=Ragged.of(sequences),
            owners=np.array(owners, dtype=np.int32),
            word_positions=Ragged.of(positions),
            tags=Ragged.of(tags),
        )

    def decode(self, encoded: Encoded, outputs: Sequence[np.ndarray]) -> list[Prediction]:
        """Tag names of every sentence, its pieces joined."""
        joined: list[list[str]] = [[] for _ in encoded.examples]
        for owner, best in zip(encoded.owners.tolist(), outputs, strict=True):
            joined[owner].extend(self.labels[tag] for tag in best.tolist())
        return list(joined)

    def references(self, examples: Sequence[Example]) -> list[list[str]]:
        """Tag names of every sentence."""
        return [[self.labels[tag] for tag in sentence.tags] for sentence in _tagging_examples(examples)]

    def score(self, references: Sequence[Any], predictions: Sequence[Any], language: str) -> Mapping[str, float]:
        """`f1` over chunks unless the task has none, and `accuracy` over words."""
        scores = {"f1": chunk_f1(references, predictions)} if self.chunk_f1 else {}
        return scores | {"accuracy": word_accuracy(references, predictions)}

    def compare(self, references: Sequence[Any], predictions: Sequence[Any]) -> Comparison:
        """Accuracy over words against the share of the most frequent tag."""
        gold, given = ([tag for tags in sentences for tag in tags] for sentences in (references, predictions))
        return with_majority(gold, given, "accuracy over words")

    def _word_ids(self, tokenizer: Tokenizer, sentences: Sequence[TaggingExample], room: int) -> list[IntArray]:
        nothing = Layout.of(tokenizer).before[0] if tokenizer.unk_token_id is None else tokenizer.unk_token_id
        unknown = np.array([nothing], dtype=np.int32)
        longest = min(LONGEST_WORD, room)
        words = word_ids(tokenizer, [word for sentence in sentences for word in sentence.words])
        return [ids if 0 < len(ids) <= longest else unknown for ids in words]


def _cuts(lengths: IntArray, room: int) -> Iterator[tuple[int, int]]:
    """Ranges of words whose sub-words fit into `room`, each as long as possible; one empty range for no words."""
    first = used = 0
    for word, length in enumerate(lengths.tolist()):
        if used + length > room:
            yield first, word
            first, used = word, 0
        used += length
    yield first, len(lengths)


def _tagging_examples(examples: Sequence[Example]) -> list[TaggingExample]:
    assert all(isinstance(example, TaggingExample) for example in examples)
    return [example for example in examples if isinstance(example, TaggingExample)]
