"""Chunk F1 by the rule of seqeval 0.0.12, and accuracy over words (protocol.md 5.3).

The rule reads the first character of a tag as its position mark and what follows the last hyphen as its type. For
IOB2 tags this is the usual lenient scoring. For part-of-speech tags, which have no marks, a maximal run of equal tags
is one chunk, except that tags beginning with S (SCONJ, SYM) are chunks of one word. Later seqeval versions differ.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from trainables.metrics.accuracy import accuracy, check_aligned

Chunk = tuple[str, int, int]
"""Type, first word and last word (inclusive)."""

Sentences = Sequence[Sequence[str]]
Ints = NDArray[np.integer[Any]]

_Half = tuple[str, str]
"""Position mark and type of a tag."""

_BEFORE_FIRST: _Half = ("O", "")
_AFTER_LAST = "O"
_OUTSIDE = "O."
_NEW_AFTER = {"B": "BSO", "I": "BSO", "E": "EI", "S": "EI", "O": "EI"}
"""Mark of a word -> marks of the next word that part the two even if their types agree."""


def chunks(tags: Sequence[str]) -> list[Chunk]:
    """Chunks of one sentence, in order."""
    found: list[Chunk] = []
    before, first = _BEFORE_FIRST, 0
    for position, tag in enumerate([*tags, _AFTER_LAST]):
        after = _mark_and_kind(tag)
        if _ends(before, after):
            found.append((before[1], first, position - 1))
        if _begins(before, after):
            first = position
        before = after
    return found


def chunk_counts(tags: Sequence[str], references: Ints, predictions: Ints, bounds: Ints) -> NDArray[np.int64]:
    """Chunks of many sentences at once, by the rule of `chunks`: int[N, 3] of right, gold and found.

    Args:
        tags: V tags, each once.
        references: int[W] into `tags`, the words of all sentences.
        predictions: int[W] into `tags`.
        bounds: int[N + 1], place of the first word of each sentence; the last is W.
    """
    gold, found = (_chunk_ends(tags, words, bounds) for words in (references, predictions))
    right = gold.ends & found.ends & (gold.kinds == found.kinds) & (gold.firsts == found.firsts)
    sums = np.zeros((len(references) + 1, 3), dtype=np.int64)
    np.cumsum(np.stack([right, gold.ends, found.ends], axis=1), axis=0, out=sums[1:])
    counts: NDArray[np.int64] = sums[bounds[1:]] - sums[bounds[:-1]]
    return counts


def chunk_f1(references: Sentences, predictions: Sentences) -> float:
    """Micro-averaged F1 over the chunks of all sentences, in percent; 0 when no chunk is right.

    Raises ValueError for no sentences or when a sentence has not one predicted tag for each word.
    """
    _check_words(references, predictions)
    correct = named = 0
    for reference, prediction in zip(references, predictions, strict=True):
        gold, found = set(chunks(reference)), set(chunks(prediction))
        correct += len(gold & found)
        named += len(gold) + len(found)
    return 200.0 * correct / named if named else 0.0


def word_accuracy(references: Sentences, predictions: Sentences) -> float:
    """Share of words with the right tag over all sentences, in percent. Raises ValueError as `chunk_f1` does."""
    _check_words(references, predictions)
    return accuracy([tag for tags in references for tag in tags], [tag for tags in predictions for tag in tags])


def _check_words(references: Sentences, predictions: Sentences) -> None:
    check_aligned(references, predictions)
    for number, (reference, prediction) in enumerate(zip(references, predictions, strict=True)):
        if len(reference) != len(prediction):
            raise ValueError(f"sentence {number}: {len(prediction)} predicted tags for {len(reference)} words")


def _mark_and_kind(tag: str) -> _Half:
    return tag[:1], tag.split("-")[-1]


def _ends(before: _Half, after: _Half) -> bool:
    """Whether a chunk ends between two words."""
    (mark, kind), (next_mark, next_kind) = before, after
    return (
        mark in "ES" or (mark in "BI" and next_mark in _NEW_AFTER[mark]) or (mark not in _OUTSIDE and kind != next_kind)
    )


def _begins(before: _Half, after: _Half) -> bool:
    """Whether a chunk begins between two words."""
    (mark, kind), (next_mark, next_kind) = before, after
    return (
        next_mark in "BS"
        or (mark in "ESO" and next_mark in _NEW_AFTER[mark])
        or (next_mark not in _OUTSIDE and kind != next_kind)
    )


@dataclass(frozen=True, kw_only=True)
class _ChunkEnds:
    """For each of W words: whether a chunk ends with it, of which type, and where that chunk begins."""

    ends: NDArray[np.bool_]
    kinds: Ints
    firsts: Ints


def _chunk_ends(tags: Sequence[str], words: Ints, bounds: Ints) -> _ChunkEnds:
    """What follows from pairs of neighbours alone is looked up for every pair of tags that occurs."""
    halves = [*map(_mark_and_kind, tags), _BEFORE_FIRST, _mark_and_kind(_AFTER_LAST)]
    begin, end = len(tags), len(tags) + 1
    first_words, last_words = bounds[:-1][bounds[:-1] < bounds[1:]], bounds[1:][bounds[:-1] < bounds[1:]] - 1
    before, after = np.empty(len(words), np.int64), np.empty(len(words), np.int64)
    before[1:], after[:-1] = words[:-1], words[1:]
    before[first_words], after[last_words] = begin, end
    begins = _looked_up(_begins, halves, before, words)
    begins[first_words] = True
    kinds = {kind: number for number, kind in enumerate(dict.fromkeys(kind for _, kind in halves))}
    return _ChunkEnds(
        ends=_looked_up(_ends, halves, words, after),
        kinds=np.array([kinds[kind] for _, kind in halves])[words],
        firsts=np.maximum.accumulate(np.where(begins, np.arange(len(words)), 0)),
    )


def _looked_up(
    rule: Callable[[_Half, _Half], bool], halves: Sequence[_Half], before: Ints, after: Ints
) -> NDArray[np.bool_]:
    """bool[W]: the rule for W pairs of places in `halves`."""
    width = len(halves)
    pairs, places = np.unique(before.astype(np.int64) * width + after, return_inverse=True)
    found = [rule(halves[pair // width], halves[pair % width]) for pair in pairs.tolist()]
    return np.array(found, dtype=bool)[places]
