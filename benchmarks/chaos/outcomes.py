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
    MISSED = "missed"
    """It had ended before it was hit, so nothing was tried."""
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
    """Two tables a section, by what was hit and by the fault; a column for every outcome that occurred."""
    for section in dict.fromkeys(each.section for each in tried):
        own = [each for each in tried if each.section == section]
        outcomes = [outcome for outcome in Outcome if any(each.outcome is outcome for each in own)]
        hits = sum(each.outcome is not Outcome.MISSED for each in own)
        yield _table(f"{section}: {hits} tried", "what", [(each.kind, each.outcome) for each in own], outcomes)
        if len({each.fault for each in own}) > 1:
            yield _table("by fault", "fault", [(each.fault, each.outcome) for each in own], outcomes)


def _table(title: str, what: str, found: Sequence[tuple[str, Outcome]], outcomes: Sequence[Outcome]) -> Table:
    table = Table(title=title, title_justify="left")
    table.add_column(what, no_wrap=True)
    for name in ("tried", *outcomes):
        table.add_column(str(name), justify="right")
    counts = Counter(found)
    for label in sorted({label for label, _ in found}):
        numbers = [counts[label, outcome] for outcome in outcomes]
        table.add_row(label, _hits(counts, [label]), *(str(number or "") for number in numbers))
    table.add_section()
    totals = [sum(counts[label, outcome] for label in {label for label, _ in found}) for outcome in outcomes]
    table.add_row("all", _hits(counts, {label for label, _ in found}), *map(str, totals))
    return table


def _hits(counts: Counter[tuple[str, Outcome]], labels: Iterable[str]) -> str:
    return str(sum(counts[label, outcome] for label in labels for outcome in Outcome if outcome is not Outcome.MISSED))


def verdict(tried: Sequence[Tried]) -> str:
    """The counts that have to be 0."""
    return ", ".join(f"{sum(each.outcome is outcome for each in tried)} {outcome.lower()}" for outcome in BAD)
