"""The section of the report on the test scores that were looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from analysis.report.content import Code, Grid, Head, Item, Items, Line, Paragraph, Section, Strong, Value
from analysis.scores.headings import heading, row_title
from trainables.ledger.openings import EVERYTHING, Opening
from trainables.tasks.registry import tasks

_HEAD = (
    "Test scores are shown for the selected model and the baseline, once the selection stands; each look is noted"
    " before it is taken. A selection is named by the digest of the dev scores that it was made from: where it differs"
    " from an earlier one, the dev scores changed after the test set had been seen."
)
_TITLES = ("when", "test scores of", "selected", "runs", "selection", "by", "sweep")


def openings_section(openings: Sequence[Opening]) -> Section:
    """How often each test set was opened, after how many selections; then every look."""
    by_target: dict[str, list[Opening]] = defaultdict(list)
    for opening in openings:
        by_target[opening.target].append(opening)
    items = tuple(Item(said=(f"{_title(target)}: ", *_count(found))) for target, found in by_target.items())
    lines = tuple(
        Line(cells=(
            Value(said=opening.opened_at), Value(said=_title(opening.target)),
            Value(said=row_title(opening.selected) if opening.selected else ""),
            Value(said=f"{len(opening.runs)}", number=len(opening.runs)), Value(said=(Code(opening.selection),)),
            Value(said=opening.by), Value(said=(Code(opening.sweep),) if opening.sweep else ""),
        ))
        for opening in openings
    )  # fmt: skip
    grid = Grid(heads=tuple(Head(title=title, numeric=title == "runs") for title in _TITLES), lines=lines)
    blocks = (Paragraph(said=_HEAD), Items(items=items), grid) if openings else ()
    return Section(id="openings", title="Test scores opened", blocks=blocks)


def _count(openings: Sequence[Opening]) -> tuple[str, ...]:
    selections = len({opening.selection for opening in openings})
    times = f"opened {len(openings)} time{'s' * (len(openings) > 1)}"
    if selections == 1:
        return (f"{times} after one selection",)
    changed = Strong("it changed after the test set had been seen")
    return (f"{times} after {selections} different selections: ", changed)


def _title(target: str) -> str:
    if target == EVERYTHING:
        return "all runs"
    return heading(target) if target in tasks() else target
