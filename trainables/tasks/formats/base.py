"""Format: how examples become token sequences, how model outputs become predictions, how predictions are scored.

A format knows tokenizers and numpy, never torch. The engine pads `Encoded.sequences`, runs the encoder and the head
named by `head`, and hands the outputs back to `decode`.

Shapes: R rows (what an effective batch counts: a pair, a question with its choices, a sentence piece, a window),
G sequences a row (the choices, both sides of a bitext; 1 elsewhere), L sub-words of one sequence, C labels, W words of
one piece.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any, Protocol

import numpy as np
from numpy.typing import NDArray

from trainables.tasks.examples import Example
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.formats.trivial import Comparison, only_one
from trainables.tasks.formats.windows import Windows

IntArray = NDArray[np.int32]


class Head(StrEnum):
    """What stands on the encoder (protocol.md 2.2)."""

    CLASSIFICATION = "classification"
    CHOICE = "choice"
    TAGGING = "tagging"
    SPAN = "span"
    MLM = "mlm"
    EMBEDDING = "embedding"


class Tokenizer(Protocol):
    """The part of a Hugging Face fast tokenizer that formats use."""

    bos_token_id: int
    eos_token_id: int
    unk_token_id: int
    mask_token_id: int
    all_special_ids: list[int]

    def __call__(self, text: Any, /, **options: Any) -> Any:
        """Encode one text or a list of texts."""

    def convert_tokens_to_ids(self, tokens: str, /) -> Any:
        """Id of a vocabulary entry."""

    def convert_ids_to_tokens(self, ids: Any, /) -> Any:
        """Vocabulary entry of an id, or those of a list of ids."""

    def __len__(self) -> int:
        """Size of the vocabulary."""


@dataclass(frozen=True, kw_only=True)
class Encoded:
    """Examples as token sequences; row r owns `sequences[r * group : (r + 1) * group]`.

    Attributes:
        examples: what was encoded, in order.
        sequences: R * group arrays int32 of token ids, special tokens included, unpadded.
        group: G, sequences a row.
        owners: int32[R], index into `examples` of each row.
        labels: int64[R] for classification and choice; empty elsewhere.
        word_positions: tagging: R arrays int32[W], position of each word's first sub-word.
        tags: tagging: R arrays int32[W].
        spans: span: int64[R, 2], start and end position inclusive; (0, 0) when the window lacks the answer.
        windows: span: what `decode` needs of the R windows.
        skipped: examples left out because their answer cannot be found (training only).
        repaired: answers whose offset was wrong and was found nearby.
    """

    examples: Sequence[Example]
    sequences: Ragged
    owners: IntArray
    group: int = 1
    labels: NDArray[np.int64] = field(default_factory=lambda: np.zeros(0, np.int64))
    word_positions: Ragged = field(default_factory=Ragged.empty)
    tags: Ragged = field(default_factory=Ragged.empty)
    spans: NDArray[np.int64] = field(default_factory=lambda: np.zeros((0, 2), np.int64))
    windows: Windows = field(default_factory=Windows.empty)
    skipped: int = 0
    repaired: int = 0

    @property
    def num_rows(self) -> int:
        """R."""
        return len(self.owners)


def joined(parts: Sequence[Encoded]) -> Encoded:
    """The rows of several encodings of one format, one after another, as far as a model needs them to predict."""
    return Encoded(
        examples=[],
        sequences=Ragged.joined([part.sequences for part in parts]),
        owners=np.zeros(sum(part.num_rows for part in parts), np.int32),
        group=parts[0].group,
        word_positions=Ragged.joined([part.word_positions for part in parts]),
    )


def appended(parts: Sequence[Encoded]) -> Encoded:
    """All of several encodings of one format, one after another: as if their examples had been encoded together."""
    starts = np.cumsum([0, *(len(part.examples) for part in parts[:-1])])
    return Encoded(
        examples=[example for part in parts for example in part.examples],
        sequences=Ragged.joined([part.sequences for part in parts]),
        owners=np.concatenate([part.owners + start for part, start in zip(parts, starts, strict=True)], dtype=np.int32),
        group=parts[0].group,
        labels=np.concatenate([part.labels for part in parts]),
        word_positions=Ragged.joined([part.word_positions for part in parts]),
        tags=Ragged.joined([part.tags for part in parts]),
        spans=np.concatenate([part.spans for part in parts]),
        windows=Windows.joined([part.windows for part in parts]),
        skipped=sum(part.skipped for part in parts),
        repaired=sum(part.repaired for part in parts),
    )


Prediction = str | list[str]
"""A label name, a list of tag names, an answer text, the id of the sentence found, or ids of the sentences found."""


class Format(ABC):
    """One input format. Instances are immutable and hold the labels of their task."""

    head: Head
    labels: tuple[str, ...] = ()

    @abstractmethod
    def encode(self, examples: Sequence[Example], tokenizer: Tokenizer, max_length: int, *, training: bool) -> Encoded:
        """Token sequences of at most `max_length` sub-words. Without `training` every example keeps a row."""

    @abstractmethod
    def decode(self, encoded: Encoded, outputs: Sequence[np.ndarray]) -> list[Prediction]:
        """One prediction for each of `encoded.examples`.

        `outputs` holds one array a row: float32[C] (classification; float32[G] for choice), int32[W] best tag indices
        (tagging), float32[2, L] start and end logits (span), positions of the examples found (embedding).
        """

    @abstractmethod
    def references(self, examples: Sequence[Example]) -> list[Any]:
        """What predictions are compared with: label names, lists of tag names or of ids, tuples of answer texts."""

    @abstractmethod
    def score(self, references: Sequence[Any], predictions: Sequence[Any], language: str) -> Mapping[str, float]:
        """Metric name -> percent, over all rows of one language."""

    def compare(self, references: Sequence[Any], predictions: Sequence[Any]) -> Comparison:
        """The predictions of one language beside an answer that needs no model; both not empty."""
        return Comparison(constant=only_one([str(each) for each in predictions]))

    def num_scored(self, examples: Sequence[Example]) -> int:
        """What a score over these examples counts, and what is published as the size of a test set: the examples."""
        return len(examples)
