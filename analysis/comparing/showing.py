"""A comparison of two stores as text: a table of differences, then what stands behind it; and as JSON."""

from __future__ import annotations

import json
import math
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.console import Console, ConsoleOptions, RenderResult
from rich.text import Text

from analysis.comparing.comparison import SAME, Change, Comparison
from analysis.scores.headings import heading, row_title
from analysis.statistics.estimate import LEVEL, NoVerdict, Verdict, Word
from analysis.tables.rendering import Terminal
from analysis.tables.table2 import Block, Column, Entry, Line, Table
from trainables.ledger.cells import Cell, Row
from trainables.ledger.plain import plain

FORMAT = 1
"""Of the JSON."""
NO_INTERVAL, SAME_RUNS = "?", "="
LONGEST = 300
"""Characters of a reason."""
MOST = 20
"""Lines of one kind; the JSON has all."""


@dataclass(frozen=True)
class Shown:
    """A comparison for a rich console."""

    comparison: Comparison
    a: str
    b: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """The table, then a paragraph for everything that differs."""
        yield Text(plain(f"A: {self.a}"))
        yield Text(plain(f"B: {self.b}"))
        yield Terminal(table(self.comparison))
        for title, lines in sections(self.comparison):
            yield Text(f"{title}:", style="bold")
            for line in [*lines[:MOST], *([f"and {len(lines) - MOST} more (--json)"] if len(lines) > MOST else [])]:
                yield Text(f"  {plain(line, LONGEST)}")


def table(found: Comparison) -> Table:
    """B less A of every cell that both have, in points of the task score, with the sign of the word on it."""
    targets = list(dict.fromkeys(change.target for change in found.changes))
    rows = list(dict.fromkeys(change.row for change in found.changes))
    targets.sort(key=[change.target for change in found.changes].index)
    by_place = {(change.row, change.target): change for change in found.changes}
    lines = [
        Line(
            label=row_title(row),
            entries=(*(_entry(by_place.get((row, target))) for target in targets), _average(found.averages, row)),
        )
        for row in rows
    ]
    return Table(
        title="B less A on the rows that select, points",
        columns=(*(Column(title=heading(target)) for target in targets), Column(title="Avg")),
        blocks=(Block(title="", rows=tuple(lines)),) if lines else (),
        notes=tuple(_notes(found)),
    )


def sections(found: Comparison) -> list[tuple[str, list[str]]]:
    """Titles and lines of all that differs; what does not is left out."""
    beyond = [
        (each, each.verdict)
        for each in found.changes
        if isinstance(each.verdict, Verdict) and each.verdict.word in (Word.BETTER, Word.WORSE)
    ]
    parts = [
        ("Beyond chance", [_change(*each) for each in beyond]),
        ("Selected otherwise", [
            f"{heading(target)}: A {_choice(a)}; B {_choice(b)}" for target, (a, b) in found.selections.items()
        ]),
        ("Settings that differ", [
            f"{each.setting} of {', '.join(each.scopes)}: A {each.a}, B {each.b} ({each.runs} run"
            f"{'s' * (each.runs > 1)})" for each in found.settings
        ]),
        ("Made with", [
            f"{each.what}: A {', '.join(each.a) or 'none'}; B {', '.join(each.b) or 'none'}"
            for each in found.provenance
        ]),
        ("Without an interval", _grouped({
            (each.row, each.target): each.verdict.reason
            for each in found.changes if isinstance(each.verdict, NoVerdict) and not each.same
        })),
        ("In A alone", _cells(found.only_a)),
        ("In B alone", _cells(found.only_b)),
        ("Left out", list(found.warnings)),
    ]  # fmt: skip
    return [(title, lines) for title, lines in parts if lines]


def as_json(found: Comparison, a: str, b: str) -> str:
    """Everything, with unrounded numbers; ASCII. NaN (an unknown variance) is null."""
    fields = {
        "format": FORMAT,
        "a": a,
        "b": b,
        "margin": found.margin,
        "level": LEVEL,
        "family": found.family,
        "changes": [_change_fields(each) for each in found.changes],
        "averages": [{"row": str(row), "a": x, "b": y, "difference": y - x} for row, (x, y) in found.averages.items()],
        "only_a": [_cell_fields(cell, why) for cell, why in found.only_a.items()],
        "only_b": [_cell_fields(cell, why) for cell, why in found.only_b.items()],
        "selections": [
            {"target": target, "a": _selected(x), "b": _selected(y)} for target, (x, y) in found.selections.items()
        ],
        "settings": [asdict(each) for each in found.settings],
        "provenance": [asdict(each) for each in found.provenance],
        "warnings": list(found.warnings),
    }
    return json.dumps(_finite(fields), indent=1, allow_nan=False)


def _entry(change: Change | None) -> Entry:
    if change is None:
        return Entry(text="–")
    if change.same:
        return Entry(text=SAME_RUNS)
    marks = change.verdict.word.sign if isinstance(change.verdict, Verdict) else NO_INTERVAL
    return Entry(values=(change.points,), signed=True, marks=marks)


def _average(averages: Mapping[Row, tuple[float, float]], row: Row) -> Entry:
    return Entry(values=(averages[row][1] - averages[row][0],), signed=True) if row in averages else Entry(text="–")


def _notes(found: Comparison) -> Iterator[str]:
    if not found.changes:
        yield "No cell has a score in both."
        return
    yield (
        "Only the rows that select are compared; test scores stay closed. Points of the task score (QA: mean of F1 and"
        " EM), over the seeds that both have. Avg has no interval."
    )
    verdicts = [each.verdict for each in found.changes if isinstance(each.verdict, Verdict)]
    words = [verdict.word for verdict in verdicts]
    if words:
        counts = ", ".join(f"{words.count(word)} {word}" for word in Word if word in words)
        yield (
            f"{Word.BETTER.sign} better, {Word.WORSE.sign} worse in B beyond chance ({LEVEL:.0%} over the whole table,"
            f" Holm over {found.family} comparisons); {Word.EQUIVALENT.sign} equivalent within {found.margin:g} points."
            f" Here: {counts}."
        )
    if any(not verdict.estimate.over_seeds for verdict in verdicts):
        yield "One seed a side where so: the interval is then over rows alone, and another seed may land elsewhere."
    if any(each.same for each in found.changes):
        yield f"{SAME_RUNS} {SAME}."
    if any(isinstance(each.verdict, NoVerdict) and not each.same for each in found.changes):
        yield f"{NO_INTERVAL} no interval, for reasons below."


def _change(each: Change, verdict: Verdict) -> str:
    estimate = verdict.estimate
    return (
        f"{row_title(each.row)} -> {heading(each.target)}: {verdict.word}, {each.points:+.2f} (95 %:"
        f" {estimate.low:+.2f} to {estimate.high:+.2f}), A {each.a:.2f}, B {each.b:.2f}, p {verdict.p:.2g},"
        f" {len(each.seeds)} seed{'s' * (len(each.seeds) > 1)}"
    )


def _choice(chosen: Row | str) -> str:
    return row_title(chosen) if isinstance(chosen, Row) else f"nothing ({chosen})"


def _selected(chosen: Row | str) -> dict[str, str]:
    return {"row": str(chosen)} if isinstance(chosen, Row) else {"row": "", "reason": chosen}


def _grouped(reasons: Mapping[tuple[Row, str], str]) -> list[str]:
    places: dict[str, list[str]] = defaultdict(list)
    for (row, target), why in reasons.items():
        places[why].append(f"{row_title(row)} -> {heading(target)}")
    return [f"{why}: {_listed(found)}" for why, found in places.items()]


def _cells(cells: Mapping[Cell, str]) -> list[str]:
    places: dict[str, list[str]] = defaultdict(list)
    for cell, why in cells.items():
        places[why].append(f"{row_title(cell.row)} -> {heading(cell.target)} #{cell.seed}")
    return [f"{_listed(found)} (the other: {why})" for why, found in places.items()]


def _listed(names: Sequence[str]) -> str:
    return ", ".join(names[:6]) + (f" and {len(names) - 6} more" if len(names) > 6 else "")


def _change_fields(each: Change) -> dict[str, Any]:
    return {
        "row": str(each.row),
        "target": each.target,
        "seeds": list(each.seeds),
        "a": each.a,
        "b": each.b,
        "difference": each.points,
        "same": each.same,
        "verdict": asdict(each.verdict),
    }


def _cell_fields(cell: Cell, why: str) -> dict[str, Any]:
    return {"row": str(cell.row), "target": cell.target, "seed": cell.seed, "why": why}


def _finite(value: Any) -> Any:
    if isinstance(value, float) and not math.isfinite(value):
        return None
    if isinstance(value, dict):
        return {key: _finite(item) for key, item in value.items()}
    return [_finite(item) for item in value] if isinstance(value, list | tuple) else value
