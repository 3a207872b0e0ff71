"""Openings: which test scores were looked at, when, and after which selection. A list that only grows.

A test score counts as opened when a report, a table or a submission shows it. Each opening stands for one selection or
for the whole long table; what was opened before under the same selection is not noted again.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from trainables.ledger.cells import Row
from trainables.ledger.seal import sealed, unsealed

FORMAT = 1
EVERYTHING = "all"
"""Target of an opening of the complete long table."""


@dataclass(frozen=True, kw_only=True)
class Opening:
    """One look at test scores.

    Attributes:
        target: whose test scores; `all` for those of every run.
        selected: the row that was chosen on dev; None where everything was opened, or before a selection stood.
        runs: ids of the runs whose scores were shown.
        selection: digest of the dev scores that the choice was made from (12 hexadecimal digits).
        sweep: id of the sweep; empty where all runs of the store are one.
        by: what showed them: report, submission, examples or open-test.
        opened_at: ISO time with its zone.
    """

    target: str
    selected: Row | None
    runs: tuple[str, ...]
    selection: str
    sweep: str
    by: str
    opened_at: str

    def says_the_same(self, other: Opening) -> bool:
        """Whether the other, earlier or later, opened the same scores after the same selection."""
        return (self.target, self.selected, self.runs, self.selection) == (
            other.target, other.selected, other.runs, other.selection,
        )  # fmt: skip


def to_json(openings: Sequence[Opening]) -> str:
    """With a digest of itself; the inverse of `from_json`."""
    return sealed({"format": FORMAT, "openings": [asdict(each) for each in openings]}, indent=1)


def from_json(text: str) -> tuple[Opening, ...]:
    """Openings in the order in which they were noted; raises ValueError, KeyError or TypeError for anything else."""
    return tuple(map(_opening, unsealed(text, range(1, FORMAT + 1), sealed_since=1)["openings"]))


def _opening(fields: Mapping[str, Any]) -> Opening:
    row = fields["selected"]
    return Opening(**{**fields, "selected": Row(*row) if row else None, "runs": tuple(fields["runs"])})
