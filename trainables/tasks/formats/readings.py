"""Readings: which vectors of an encoder tell the labels of some rows, by format, without a trained head.

Shapes: S sequences, N readings.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from trainables.tasks.formats.base import Encoded, Head
from trainables.tasks.sampling import spread

POOLED = -1
"""In place of a position: the mean over the sequence."""

Ints = NDArray[np.int64]


@dataclass(frozen=True, kw_only=True)
class Readings:
    """What is read of the sequences of some rows.

    Attributes:
        sequences: int64[N], which sequence.
        positions: int64[N], where in it; POOLED for the mean over all of it.
        labels: int64[N]; empty for rows without labels.
        group: so many readings in a row are alternatives of one question, which their difference tells; else 1.
    """

    sequences: Ints
    positions: Ints
    labels: Ints = field(default_factory=lambda: np.zeros(0, np.int64))
    group: int = 1


def readings(encoded: Encoded, head: Head, most: int) -> Readings:
    """The readings of rows that were encoded for training, `most` at the most, spread evenly.

    A pair is read as a whole. So is each choice of a question; its label is whether it is the right one. Words are read
    at their first sub-word. Of a window its answer's ends are read (label 1), and as many other places of its context
    (label 0). Sentences and pairs of sentences are read as a whole and have no labels.
    """
    if head is Head.TAGGING:
        return _few(_of_words(encoded), most)
    if head is Head.SPAN:
        return _few(_of_answers(encoded), most)
    sequences = np.arange(len(encoded.sequences), dtype=np.int64)
    whole = Readings(sequences=sequences, positions=np.full(len(sequences), POOLED))
    if head is Head.CLASSIFICATION:
        whole = replace(whole, labels=encoded.labels)
    if head is Head.CHOICE:
        right = np.arange(encoded.group)[None] == encoded.labels[:, None]
        whole = replace(whole, labels=right.ravel().astype(np.int64), group=encoded.group)
    return _few(whole, most)


def with_answers(encoded: Encoded) -> Encoded:
    """The windows that hold their answer, as far as `readings` needs them."""
    rows = np.flatnonzero(encoded.spans[:, 1] > 0)
    return replace(
        encoded, sequences=encoded.sequences.take(rows), owners=encoded.owners[rows], spans=encoded.spans[rows],
        windows=type(encoded.windows).of([encoded.windows[row] for row in rows.tolist()]),
    )  # fmt: skip


def _of_words(encoded: Encoded) -> Readings:
    return Readings(
        sequences=np.repeat(np.arange(len(encoded.word_positions)), encoded.word_positions.lengths),
        positions=encoded.word_positions.used.astype(np.int64),
        labels=encoded.tags.used.astype(np.int64),
    )


def _of_answers(encoded: Encoded) -> Readings:
    sequences, positions, labels = [], [], []
    for row, (begin, end) in enumerate(encoded.spans.tolist()):
        window = encoded.windows[row]
        inside = sorted({begin, end})
        context = range(window.position, window.position + len(window.begins))
        outside = [place for place in context if not begin <= place <= end]
        others = [outside[place] for place in spread(len(outside), len(inside))]
        sequences += [row] * (len(inside) + len(others))
        positions += inside + others
        labels += [1] * len(inside) + [0] * len(others)
    return Readings(sequences=np.array(sequences), positions=np.array(positions), labels=np.array(labels))


def _few(found: Readings, most: int) -> Readings:
    """At most so many, without parting alternatives."""
    groups = len(found.sequences) // found.group
    places = np.array(spread(groups, max(1, most // found.group)), dtype=np.int64)
    places = (places[:, None] * found.group + np.arange(found.group)).ravel()
    return replace(
        found, sequences=found.sequences[places], positions=found.positions[places],
        labels=found.labels[places] if len(found.labels) else found.labels,
    )  # fmt: skip
