"""What predictions are worth that have learnt nothing: the best constant answer, and chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass

NEARLY = 0.1
"""Predictions count as one answer where others are given less than this much as often as they are right."""


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Predictions of one language beside an answer that needs no model.

    Attributes:
        constant: the one answer that all predictions are, or nearly all, where there are several to give; or empty.
        measure: what is compared, for people; empty where nothing can be.
        figure: of the predictions, percent.
        trivial: of the best answer that needs no model, percent.
    """

    constant: str = ""
    measure: str = ""
    figure: float = 0.0
    trivial: float = 0.0


def with_majority(references: Sequence[Hashable], predictions: Sequence[Hashable], measure: str) -> Comparison:
    """Single answers beside the most frequent reference: accuracy against its share."""
    counts, given_counts = Counter(references), Counter(predictions)
    [(answer, times)] = given_counts.most_common(1)
    others, right_others = len(predictions) - times, len(references) - max(counts.values())
    right = sum(given == gold for gold, given in zip(references, predictions, strict=True))
    return Comparison(
        constant=str(answer) if len(predictions) > 1 and others < NEARLY * right_others else "",
        measure=measure,
        figure=100.0 * right / len(references),
        trivial=100.0 * max(counts.values()) / len(references),
    )


def only_one(predictions: Sequence[Hashable]) -> str:
    """The answer that all of several predictions are, as a word; empty where they differ."""
    found = set(predictions)
    return (str(next(iter(found))) or "nothing") if len(found) == 1 < len(predictions) else ""
