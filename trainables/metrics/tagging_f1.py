"""Chunk F1 by the rule of seqeval 0.0.12, and accuracy over words (protocol.md 5.3).

The rule reads the first character of a tag as its position mark and what follows the last hyphen as its type. For
IOB2 tags this is the usual lenient scoring. For part-of-speech tags, which have no marks, a maximal run of equal tags
is one chunk, except that tags beginning with S (SCONJ, SYM) are chunks of one word. Later seqeval versions differ.
"""

from __future__ import annotations

from collections.abc import Sequence

from trainables.metrics.accuracy import accuracy, check_aligned

Chunk = tuple[str, int, int]
"""Type, first word and last word (inclusive)."""

Sentences = Sequence[Sequence[str]]

_OUTSIDE = "O."
_NEW_AFTER = {"B": "BSO", "I": "BSO", "E": "EI", "S": "EI", "O": "EI"}
"""Mark of a word -> marks of the next word that part the two even if their types agree."""


def chunks(tags: Sequence[str]) -> list[Chunk]:
    """Chunks of one sentence, in order."""
    found: list[Chunk] = []
    mark, kind, first = "O", "", 0
    for position, tag in enumerate([*tags, "O"]):
        next_mark, next_kind = tag[:1], tag.split("-")[-1]
        changed = kind != next_kind
        if mark in "ES" or (mark in "BI" and next_mark in _NEW_AFTER[mark]) or (mark not in _OUTSIDE and changed):
            found.append((kind, first, position - 1))
        if (
            next_mark in "BS"
            or (mark in "ESO" and next_mark in _NEW_AFTER[mark])
            or (next_mark not in _OUTSIDE and changed)
        ):
            first = position
        mark, kind = next_mark, next_kind
    return found


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
