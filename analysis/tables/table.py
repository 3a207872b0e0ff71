"""Tables as neutral structures; `rendering` and `latex` turn them into text, the report into a page.

A cell never lies by silence: it holds numbers, or the word for why there are none, and the notes give the reasons.
"""

from __future__ import annotations

from dataclasses import dataclass

from analysis.selection.averages import Gap
from analysis.statistics.estimate import NoVerdict, Verdict
from trainables.ledger.cells import Row
from trainables.ledger.states import State

GAP_WORDS = {
    State.PENDING: "…",
    State.INCOMPLETE: "gap",
    State.FAILED: "failed",
    State.BLOCKED: "blocked",
    State.NO_DATA: "no data",
    State.DROPPED: "dropped",
}


@dataclass(frozen=True, kw_only=True)
class Entry:
    """One cell of a table: numbers (several metrics of one score), or why there are none; empty without either.

    `verdict` is that on the difference to the baseline; its sign follows the numbers.
    """

    values: tuple[float, ...] = ()
    signed: bool = False
    gap: Gap | None = None
    best: bool = False
    marks: str = ""
    text: str = ""
    verdict: Verdict | NoVerdict | None = None

    @property
    def sign(self) -> str:
        """Mark of the verdict; empty where no difference is shown or there is no verdict."""
        return self.verdict.word.sign if isinstance(self.verdict, Verdict) and self.values else ""

    @property
    def numbers(self) -> str:
        """The values in short, without any mark."""
        return "/".join(number(value, signed=self.signed) for value in self.values)

    def __str__(self) -> str:
        if self.values:
            return self.numbers + self.sign + self.marks
        return GAP_WORDS[self.gap.state] if self.gap else self.text


@dataclass(frozen=True, kw_only=True)
class Column:
    """Heading of a column; `unit` is its second line, such as `F1/EM`; `target` is empty in a column of averages."""

    title: str
    unit: str = ""
    marks: str = ""
    target: str = ""


@dataclass(frozen=True, kw_only=True)
class Line:
    """A label and one entry a column; `row` where it is one row of the sweep."""

    label: str
    entries: tuple[Entry, ...]
    row: Row | None = None


@dataclass(frozen=True, kw_only=True)
class Block:
    """Rows under a common heading."""

    title: str
    rows: tuple[Line, ...]


@dataclass(frozen=True, kw_only=True)
class Table:
    """A table with its notes; `columns` leave out the column of row labels."""

    title: str
    columns: tuple[Column, ...]
    blocks: tuple[Block, ...]
    notes: tuple[str, ...] = ()


def number(value: float, *, signed: bool = False) -> str:
    """One decimal, as in the paper; never `-0.0`."""
    return f"{round(value, 1) + 0.0:{'+' if signed else ''}.1f}"
