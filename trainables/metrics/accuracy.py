"""Accuracy and the F1 of one class, in percent (protocol.md 5.1)."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any


def accuracy(references: Sequence[Any], predictions: Sequence[Any]) -> float:
    """Share of equal labels, in percent. Raises ValueError for no rows or unequal lengths."""
    check_aligned(references, predictions)
    equal = sum(reference == prediction for reference, prediction in zip(references, predictions, strict=True))
    return 100.0 * equal / len(references)


def f1_of_class(references: Sequence[Any], predictions: Sequence[Any], positive: Any) -> float:
    """F1 of the class `positive`, in percent; 0 when nothing is found. Raises ValueError as `accuracy` does."""
    check_aligned(references, predictions)
    pairs = list(zip(references, predictions, strict=True))
    correct = sum(reference == positive == prediction for reference, prediction in pairs)
    named = sum((reference == positive) + (prediction == positive) for reference, prediction in pairs)
    return 200.0 * correct / named if named else 0.0


def check_aligned(references: Sequence[Any], predictions: Sequence[Any]) -> None:
    """Raise ValueError unless there is one prediction for each reference, and at least one."""
    if len(references) != len(predictions):
        raise ValueError(f"{len(predictions)} predictions for {len(references)} references")
    if not references:
        raise ValueError("a score needs at least one row, got none")
