"""Rows and cells of the paper's Table 2, as every room names them. Their headings are `analysis.scores.headings`."""

from __future__ import annotations

from typing import NamedTuple

BASELINE = "none"
"""Name of the baseline row: the pretrained encoder without intermediate training."""
MULTI_TASK = "multitask"
"""Name of the mixture of intermediate tasks."""


class Row(NamedTuple):
    """An encoder: what it was trained on first, and whether MLM was co-trained. The baseline has no MLM."""

    intermediate: str
    mlm: bool

    def __str__(self) -> str:
        return f"{self.intermediate}+mlm" if self.mlm else self.intermediate


class Cell(NamedTuple):
    """One place of the table for one seed: a row, measured on a target."""

    intermediate: str
    mlm: bool
    target: str
    seed: int

    @property
    def row(self) -> Row:
        """The row it stands in."""
        return Row(self.intermediate, self.mlm)
