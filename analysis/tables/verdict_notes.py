"""What the signs of a table's verdicts mean, and what they rest on, as notes under the table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Iterator
from statistics import median

from analysis.scores.headings import heading, row_title
from analysis.selection.results import Results
from analysis.showing.kinds import kind
from analysis.statistics.estimate import LEVEL, POWER, NoVerdict, Verdict, Verdicts, Word
from analysis.tables.cell_lists import cell_list
from analysis.tables.table import number
from trainables.ledger.cells import Row
from trainables.ledger.plain import plain

LONGEST_REASON = 300


def verdict_notes(verdicts: Verdicts, results: Results) -> Iterator[str]:
    """Meaning of the signs; level, family, margin; over seeds or not; what could have been seen; cells without any."""
    found = [verdict for verdict in _all(verdicts) if isinstance(verdict, Verdict)]
    if found:
        yield (
            f"{Word.BETTER.sign} better, {Word.WORSE.sign} worse than the baseline; {Word.EQUIVALENT.sign} equivalent: "
            f"within {verdicts.margin:g} points of it; without a sign: no difference shown."
        )
        yield f"Verdicts on dev at level {LEVEL:g} over the whole table (Holm over {verdicts.family} comparisons)."
        yield _what_varies(found, verdicts)
        least = _detectable(verdicts, results)
        yield f"Smallest difference found with a chance of {POWER:.0%} (median of the column): {least}."
    yield from _without(verdicts, results)


def _all(verdicts: Verdicts) -> list[Verdict | NoVerdict]:
    return [*verdicts.cells.values(), *verdicts.averages.values(), *verdicts.tests.values()]


def _what_varies(found: Iterable[Verdict], verdicts: Verdicts) -> str:
    over_seeds = {verdict.estimate.over_seeds for verdict in found}
    if over_seeds == {True}:
        return f"Intervals are over rows and seeds ({verdicts.seeds} a cell)."
    if over_seeds == {False}:
        return "Intervals are over rows alone: one seed a cell; another seed may land elsewhere."
    return "Intervals are over rows and seeds where a cell has several seeds, over rows alone elsewhere."


def _detectable(verdicts: Verdicts, results: Results) -> str:
    """The median over every column."""
    columns = {
        heading(target): [verdicts.cells.get((row, target)) for row in results.variants] for target in results.targets
    }
    columns["Avg"] = [verdicts.averages.get(row) for row in results.variants]
    known = {name: [each.detectable for each in own if isinstance(each, Verdict)] for name, own in columns.items()}
    return ", ".join(f"{name} {number(median(values))}" for name, values in known.items() if values) + " points"


def _without(verdicts: Verdicts, results: Results) -> Iterator[str]:
    """One note a kind of reason, with the first of them."""
    cells: dict[str, dict[tuple[Row, str], str]] = defaultdict(dict)
    words = {*results.targets, *map(heading, results.targets), *map(row_title, results.variants)}
    for cell, verdict in verdicts.cells.items():
        if isinstance(verdict, NoVerdict):
            cells[kind(verdict.reason, words)][cell] = verdict.reason
    for found in cells.values():
        several = len(set(found.values())) - 1
        reason = plain(next(iter(found.values())), LONGEST_REASON)
        more = f"; and {several} more of this kind" if several else ""
        yield f"No verdict: {cell_list([*found], results)} ({reason}{more})."
