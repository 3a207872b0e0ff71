"""The axes of the grid: intermediate task x MLM x target task x seed -> cells."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import product

NONE = "none"
"""Name of the baseline row: the pretrained encoder without intermediate training."""


@dataclass(frozen=True, order=True, kw_only=True)
class Cell:
    """One cell of the paper's Table 2. The baseline (`none`) exists without MLM only."""

    intermediate: str
    mlm: bool
    target: str
    seed: int

    @property
    def row(self) -> str:
        """Row label, for example `squad+mlm`."""
        return f"{self.intermediate}+mlm" if self.mlm else self.intermediate


def cells(
    intermediates: Sequence[str], mlm: Sequence[bool], targets: Sequence[str], seeds: Sequence[int]
) -> list[Cell]:
    """All cells in Table 2 order: rows without MLM first, targets within a row, seeds innermost."""
    found = [
        Cell(intermediate=intermediate, mlm=with_mlm, target=target, seed=seed)
        for with_mlm, intermediate, target, seed in product(sorted(set(mlm)), intermediates, targets, seeds)
        if intermediate != NONE or not with_mlm
    ]
    if NONE in intermediates and False not in mlm:
        baseline = [Cell(intermediate=NONE, mlm=False, target=t, seed=s) for t, s in product(targets, seeds)]
        return baseline + found
    return found
