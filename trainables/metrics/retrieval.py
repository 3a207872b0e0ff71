"""Bitext mining of BUCC (protocol.md 5.4), given nearest neighbours.

Shapes: N queries, M sentences of the other language, K neighbours, P candidate pairs.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.integer[Any]]
Floats = NDArray[np.floating[Any]]


@dataclass(frozen=True, kw_only=True)
class Neighbours:
    """The K nearest sentences of the other language for every sentence, nearest first.

    Attributes:
        indices: int[N, K] into the other language.
        similarities: float[N, K], cosine.
    """

    indices: Ints
    similarities: Floats


@dataclass(frozen=True, kw_only=True)
class Candidates:
    """Mined pairs, best first: `sources[p]` and `targets[p]` index the two languages, `scores[p]` is the margin."""

    sources: Ints
    targets: Ints
    scores: Floats


def representatives(sentences: Sequence[str]) -> Ints:
    """int[U], the last occurrence of each distinct sentence, ascending: identical sentences share one embedding."""
    return np.array(sorted({sentence: number for number, sentence in enumerate(sentences)}.values()), dtype=np.int64)


def mine(forward: Neighbours, backward: Neighbours) -> Candidates:
    """Margin-based mining in both directions, each sentence used at most once, scores above 0.

    Args:
        forward: neighbours of the N source sentences among the M target sentences.
        backward: neighbours of the M target sentences among the N source sentences.
    """
    forward_margin = _margin(forward, backward)
    backward_margin = _margin(backward, forward)
    forward_best, backward_best = forward_margin.argmax(axis=1), backward_margin.argmax(axis=1)
    every_source, every_target = np.arange(len(forward_best)), np.arange(len(backward_best))
    sources = np.concatenate([every_source, backward.indices[every_target, backward_best]])
    targets = np.concatenate([forward.indices[every_source, forward_best], every_target])
    scores = np.concatenate([forward_margin[every_source, forward_best], backward_margin[every_target, backward_best]])
    return _one_to_one(sources, targets, scores)


def drop_repeated(
    candidates: Candidates, source_sentences: Sequence[str], target_sentences: Sequence[str]
) -> Candidates:
    """Leave out pairs with a sentence that occurs more than once in its file: its id cannot be known."""
    kept = _occurs_once(source_sentences)[candidates.sources] & _occurs_once(target_sentences)[candidates.targets]
    return Candidates(
        sources=candidates.sources[kept], targets=candidates.targets[kept], scores=candidates.scores[kept]
    )


def best_threshold(
    pairs: Sequence[tuple[str, str]], scores: Sequence[float], gold: Collection[tuple[str, str]]
) -> float:
    """The score that parts the prefix of `pairs` with the best F1 from the rest.

    Args:
        pairs: candidate id pairs, best first.
        scores: their scores, descending.
        gold: the right pairs.

    Returns:
        The midpoint between the last score of the best prefix and the next one, or the last score when the prefix is
        the whole list; infinity when no candidate is right.
    """
    right = set(gold)
    correct, best, best_f1 = 0, -1, 0.0
    for number, pair in enumerate(pairs):
        correct += pair in right
        f1 = 2 * correct / (number + 1 + len(right))
        if f1 > best_f1:
            best, best_f1 = number, f1
    if best < 0:
        return float("inf")
    return float(scores[best]) if best + 1 == len(pairs) else (float(scores[best]) + float(scores[best + 1])) / 2


def pair_f1(gold: Collection[tuple[str, str]], found: Collection[tuple[str, str]]) -> float:
    """F1 of the found pairs against the gold pairs, in percent."""
    right, given = set(gold), set(found)
    if not right:
        raise ValueError("a score needs at least one gold pair, got none")
    return 200.0 * len(right & given) / (len(right) + len(given))


def _margin(own: Neighbours, other: Neighbours) -> Floats:
    """float[N, K]: cosine over the mean of both sides' average cosine to their neighbours (ratio margin)."""
    own_mean = own.similarities.mean(axis=1, dtype=np.float64)
    other_mean = other.similarities.mean(axis=1, dtype=np.float64)
    margin: Floats = own.similarities / ((own_mean[:, None] + other_mean[own.indices]) / 2)
    return margin


def _one_to_one(sources: Ints, targets: Ints, scores: Floats) -> Candidates:
    taken_sources: set[int] = set()
    taken_targets: set[int] = set()
    kept = []
    for number in np.argsort(-scores, kind="stable").tolist():
        source, target = int(sources[number]), int(targets[number])
        if scores[number] > 0 and source not in taken_sources and target not in taken_targets:
            taken_sources.add(source)
            taken_targets.add(target)
            kept.append(number)
    chosen = np.array(kept, dtype=np.int64)
    return Candidates(sources=sources[chosen], targets=targets[chosen], scores=scores[chosen])


def _occurs_once(sentences: Sequence[str]) -> NDArray[np.bool_]:
    counts: dict[str, int] = {}
    for sentence in sentences:
        counts[sentence] = counts.get(sentence, 0) + 1
    return np.array([counts[sentence] == 1 for sentence in sentences], dtype=bool)
