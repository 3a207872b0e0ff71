"""What predictions are worth that have learnt nothing: the best constant answer, and chance."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Sequence
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Predictions of one language beside an answer that needs no model.

    Attributes:
        constant: the one answer that all predictions are, where there are several answers to give; or empty.
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
    counts = Counter(references)
    right = sum(given == gold for gold, given in zip(references, predictions, strict=True))
    return Comparison(
        constant=only_one(predictions) if len(counts) > 1 else "",
        measure=measure,
        figure=100.0 * right / len(references),
        trivial=100.0 * max(counts.values()) / len(references),
    )


def only_one(predictions: Sequence[Hashable]) -> str:
    """The answer that all of several predictions are, as a word; empty where they differ."""
    found = set(predictions)
    return (str(next(iter(found))) or "nothing") if len(found) == 1 < len(predictions) else ""
