"""The section of the report on selection regret, for those who asked for it."""

from __future__ import annotations

from collections.abc import Mapping

from analysis.report.content import Block, Grid, Head, Line, Paragraph, Section, Value
from analysis.scores.headings import heading, row_title
from analysis.selection.averages import Gap
from analysis.selection.regret import Judged, Regret, average_regret
from analysis.tables.table import number

_SAID = (
    "How much test score a choice on dev gave away against the best candidate, in points: the choice of the table, on "
    "the dev rows of all languages, and that of English dev alone. The best on test is the largest of noisy scores, so "
    "a regret leans upwards; one below the smallest detectable difference of Table 2 shows nothing. For this section "
    "the test scores of all candidates were opened."
)
_HEADS = (
    Head(title="target"), Head(title="best on test"), Head(title="test", numeric=True),
    Head(title="chosen on dev"), Head(title="regret", numeric=True), Head(title="chosen on English dev"),
    Head(title="its regret", numeric=True), Head(title="candidates", numeric=True),
)  # fmt: skip


def regret_section(regrets: Mapping[str, Regret | Gap] | None) -> Section:
    """A line a target, and the means over the targets where both choices can be made."""
    if not regrets:
        return Section(id="regret", title="Selection regret", blocks=())
    lines = [_line(target, found) for target, found in regrets.items()]
    if average := average_regret(regrets):
        chosen, english, targets = average
        lines.append(Line(foot=True, cells=(
            Value(said=f"mean of {targets}"), Value(said=""), Value(said=""), Value(said=""),
            Value(said=number(chosen), number=chosen), Value(said=""), Value(said=number(english), number=english),
            Value(said=""),
        )))  # fmt: skip
    notes: list[Block] = [
        Paragraph(said=f"{heading(target)}: without {', '.join(map(row_title, found.left_out))}, which left no score.")
        for target, found in regrets.items()
        if isinstance(found, Regret) and found.left_out
    ]
    if any(isinstance(found, Regret) and found.on_evaluation_data for found in regrets.values()):
        notes.append(Paragraph(said="† One set selects and reports: the choice of the table has no regret by design."))
    blocks = (Paragraph(said=_SAID), Grid(heads=_HEADS, lines=tuple(lines)), *notes)
    return Section(id="regret", title="Selection regret", blocks=blocks)


def _line(target: str, found: Regret | Gap) -> Line:
    if isinstance(found, Gap):
        none = Value(said=f"open: {found.reason}", empty=True)
        return Line(cells=(Value(said=heading(target)), none, *(Value(said=""),) * 6))
    title = f"{heading(target)}{' †' if found.on_evaluation_data else ''}"
    return Line(cells=(
        Value(said=title), Value(said=row_title(found.best.variant)),
        Value(said=number(found.best.test), number=found.best.test), *_judged(found.chosen), *_judged(found.english),
        Value(said=f"{found.candidates}", number=found.candidates),
    ))  # fmt: skip


def _judged(found: Judged | None) -> tuple[Value, Value]:
    if found is None:
        return Value(said="no English dev", empty=True), Value(said="")
    return Value(said=row_title(found.variant)), Value(said=number(found.regret), number=found.regret)
