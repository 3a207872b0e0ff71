"""What came of a fault, and how many of each there were."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum

from rich.table import Table


class Outcome(StrEnum):
    """What came of one fault."""

    HARMLESS = "harmless"
    """The same result, and nothing needed to be said."""
    NOTICED = "noticed"
    """An error or a warning named what is wrong, and what it says to do brought the same result back."""
    REPAIRED = "repaired"
    """Put aside and made again by itself, with the same result."""
    CONTINUED = "continued"
    """It stopped, and the same command again ended with the same result."""
    LOST = "LOST"
    """Something that was computed is gone or another."""
    SILENT = "SILENT"
    """Another result without a word."""
    BROKEN = "BROKEN"
    """What the message says to do does not bring the same result back."""
    TRACEBACK = "TRACEBACK"
    """A fault of the program instead of a message."""


BAD = (Outcome.LOST, Outcome.SILENT, Outcome.BROKEN, Outcome.TRACEBACK)


@dataclass(frozen=True, kw_only=True)
class Tried:
    """One fault that was tried.

    Attributes:
        section: kills, flips, disks, input or hangs.
        fault: what was done.
        kind: to what.
        text: the place, and what was said.
    """

    section: str
    fault: str
    kind: str
    outcome: Outcome
    text: str = ""


def tables(tried: Sequence[Tried]) -> Iterable[Table]:
    """One table a section: a line for every kind and fault, a column for every outcome that occurred."""
    for section in dict.fromkeys(each.section for each in tried):
        own = [each for each in tried if each.section == section]
        outcomes = [outcome for outcome in Outcome if any(each.outcome is outcome for each in own)]
        table = Table(title=f"{section}: {len(own)} tried", title_justify="left")
        for name in ("what", "fault"):
            table.add_column(name)
        for name in ("tried", *outcomes):
            table.add_column(str(name), justify="right")
        counts = Counter((each.kind, each.fault, each.outcome) for each in own)
        for kind, fault in dict.fromkeys((each.kind, each.fault) for each in own):
            found = [counts[kind, fault, outcome] for outcome in outcomes]
            table.add_row(kind, fault, str(sum(found)), *(str(number or "") for number in found))
        table.add_section()
        totals = [sum(each.outcome is outcome for each in own) for outcome in outcomes]
        table.add_row("all", "", str(len(own)), *map(str, totals))
        yield table


def verdict(tried: Sequence[Tried]) -> str:
    """The counts that have to be 0."""
    return ", ".join(f"{sum(each.outcome is outcome for each in tried)} {outcome.lower()}" for outcome in BAD)
