"""Gold outputs: what a model that is always right gives, in the shapes that `Format.decode` takes."""

from __future__ import annotations

import numpy as np

from trainables.tasks.formats.base import Encoded, Format, Head
from trainables.tasks.formats.mining import MiningFormat, corpus_examples

_CERTAIN = 9.0


def gold_outputs(of: Format, encoded: Encoded) -> list[np.ndarray]:
    """One array a row, as `decode` describes them; `encoded` holds the labels, so spans need `training=True`."""
    if of.head in (Head.CLASSIFICATION, Head.CHOICE):
        return list(np.eye(len(of.labels), dtype=np.float32)[encoded.labels])
    if of.head is Head.TAGGING:
        return list(encoded.tags)
    if isinstance(of, MiningFormat):
        sentences = corpus_examples(encoded.examples)
        places = {sentence.id: place for place, sentence in enumerate(sentences)}
        return [np.array([places[name] for name in sentence.translations]) for sentence in sentences]
    if of.head is Head.EMBEDDING:
        return [np.array(number) for number in range(len(encoded.examples))]
    return [
        _of_span(len(sequence), start, end)
        for sequence, (start, end) in zip(encoded.sequences, encoded.spans.tolist(), strict=True)
    ]


def _of_span(length: int, start: int, end: int) -> np.ndarray:
    """Start and end logits; those of a window without the answer point at its first sub-word, which is no answer."""
    logits = np.zeros((2, length), dtype=np.float32)
    logits[:, 0] = 1.0
    if start:
        logits[0, start] = logits[1, end] = _CERTAIN
    return logits
