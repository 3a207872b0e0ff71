"""Receipts of selections: what was chosen for a target, by which rule, from which dev scores. A list that only grows.

A receipt is written before any test score is opened on the strength of its selection. It holds the dev scores that the
choice was made from, so that anybody can make it again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from trainables.ledger.cells import Row
from trainables.ledger.seal import sealed, unsealed

FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Receipt:
    """One selection that stands.

    Attributes:
        target: for which it was made.
        rule: how, in words.
        split: whose scores chose.
        table: digest of the dev scores by row and seed (12 hexadecimal digits); that of the openings that follow.
        candidates: rows with their dev scores, mean over the seeds, percent; best first.
        left_out: rows that were no candidates -> why.
        selected: the row that was chosen.
        runs: ids of its runs, one a seed.
        sweep: id of the sweep; empty where all runs of the store are one.
        made_at: ISO time with its zone.
    """

    target: str
    rule: str
    split: str
    table: str
    candidates: tuple[tuple[Row, float], ...]
    left_out: Mapping[Row, str]
    selected: Row
    runs: tuple[str, ...]
    sweep: str
    made_at: str

    def says_the_same(self, other: Receipt) -> bool:
        """Whether the other, earlier or later, is of the same choice from the same scores."""
        return (self.target, self.rule, self.table, self.selected, self.runs) == (
            other.target, other.rule, other.table, other.selected, other.runs,
        )  # fmt: skip


def to_json(receipts: Sequence[Receipt]) -> str:
    """With a digest of itself; the inverse of `from_json`."""
    return sealed({"format": FORMAT, "receipts": [_fields(each) for each in receipts]}, indent=1)


def from_json(text: str) -> tuple[Receipt, ...]:
    """Receipts in the order in which they were written; raises ValueError, KeyError or TypeError for anything else."""
    return tuple(map(_receipt, unsealed(text, range(1, FORMAT + 1), sealed_since=1)["receipts"]))


def _fields(receipt: Receipt) -> dict[str, Any]:
    left_out = [[list(row), why] for row, why in receipt.left_out.items()]
    return {**asdict(receipt), "left_out": left_out}


def _receipt(fields: Mapping[str, Any]) -> Receipt:
    return Receipt(**{
        **fields,
        "candidates": tuple((Row(*row), score) for row, score in fields["candidates"]),
        "left_out": {Row(*row): why for row, why in fields["left_out"]},
        "selected": Row(*fields["selected"]),
        "runs": tuple(fields["runs"]),
    })  # fmt: skip
