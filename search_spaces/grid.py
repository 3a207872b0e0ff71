"""The axes of the grid: intermediate task x MLM x target task x seed -> cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from trainables.ledger.cells import BASELINE, Cell


def cells(
    intermediates: Sequence[str], mlm: Sequence[bool], targets: Sequence[str], seeds: Sequence[int]
) -> list[Cell]:
    """All cells in Table 2 order: rows without MLM first, targets within a row, seeds innermost."""
    found = [
        Cell(intermediate=intermediate, mlm=with_mlm, target=target, seed=seed)
        for with_mlm, intermediate, target, seed in product(sorted(set(mlm)), intermediates, targets, seeds)
        if intermediate != BASELINE or not with_mlm
    ]
    if BASELINE in intermediates and False not in mlm:
        baseline = [Cell(intermediate=BASELINE, mlm=False, target=t, seed=s) for t, s in product(targets, seeds)]
        return baseline + found
    return found
