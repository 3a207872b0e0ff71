"""Early stopping: the best dev evaluation so far, and whether patience has run out (protocol.md 2.5)."""

from __future__ import annotations

import math
from collections.abc import Sequence

from trainables.ledger.record import DevPoint


def evaluation_interval(total_steps: int, max_interval: int, evaluations: int) -> int:
    """Steps between two dev evaluations: min(max_interval, ceil(total / evaluations))."""
    return min(max_interval, math.ceil(total_steps / evaluations))


def best_point(curve: Sequence[DevPoint]) -> DevPoint:
    """The evaluation with the highest selection figure; ties keep the earlier one."""
    return max(curve, key=lambda point: (point.selection, -point.step))


def out_of_patience(curve: Sequence[DevPoint], patience: int) -> bool:
    """Whether the last `patience` evaluations brought no strict improvement."""
    return len(curve) - 1 - curve.index(best_point(curve)) >= patience
