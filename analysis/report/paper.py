"""The section that compares with the paper: every printed number beside ours."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from analysis.published.numbers import Average, Follows, Part
from analysis.published.reproduction import Line as Reproduced
from analysis.published.reproduction import reproduction
from analysis.report.content import Block, Folded, Grid, Head, Item, Items, Line, Paragraph, Section, Strong, Value
from analysis.report.material import Material
from analysis.scores.headings import heading
from analysis.tables.table import number
from analysis.tables.table2 import METRIC_TITLES

_PARTS = ((Part.DEV, "Development rows"), (Part.TEST, "Test rows"))
_AVERAGES = (
    Head(title="row"), Head(title="rows"), Head(title="printed", numeric=True),
    Head(title="from the cells", numeric=True), Head(title="follows"),
)  # fmt: skip
_LINES = (
    Head(title="row"), Head(title="score"), Head(title="published", numeric=True), Head(title="ours", numeric=True),
    Head(title="difference", numeric=True), Head(title="chance", numeric=True), Head(title="causes"),
)  # fmt: skip


def paper_section(material: Material) -> Section:
    """Which version of the paper, doubts about its table, then the numbers; causes are numbered and listed below."""
    found = reproduction(material.sweep.runs, material.sweep.results, material.selections, material.verdicts)
    causes = list(dict.fromkeys(cause for line in found.lines for cause in line.causes))
    blocks: list[Block] = [Paragraph(said=found.head), Items(items=tuple(Item(said=flag) for flag in found.flags))]
    grid = Grid(heads=_AVERAGES, lines=tuple(_average(average) for average in found.averages))
    blocks.append(Folded(said="Printed averages against their cells", blocks=(grid,)))
    for part, title in _PARTS:
        lines = tuple(_line(line, causes) for line in found.lines if line.number.part is part)
        blocks.append(Folded(said=title, blocks=(Grid(heads=_LINES, lines=lines),)))
    if causes:
        blocks += [
            Paragraph(said="Known causes, by their number:"),
            Items(items=tuple(Item(said=f"{place}: {cause}") for place, cause in enumerate(causes, 1))),
        ]
    return Section(id="paper", title="Comparison with the paper", blocks=tuple(blocks))


def _average(average: Average) -> Line:
    printed = average.number
    follows = average.follows.value
    return Line(cells=(
        Value(said=printed.label), Value(said=printed.part.value), Value(said=printed.printed, number=printed.value),
        Value(said=f"{average.recomputed:{'+' if printed.is_change else ''}.3f}", number=average.recomputed),
        Value(said=(Strong(follows),) if average.follows is Follows.NO else follows),
    ))  # fmt: skip


def _line(line: Reproduced, causes: Sequence[str]) -> Line:
    printed = line.number
    score = f"{heading(printed.target)} {METRIC_TITLES[printed.metric]}" if printed.target else "Avg"
    return Line(cells=(
        Value(said=printed.label), Value(said=score), Value(said=printed.printed, number=printed.value), *_ours(line),
        Value(said=", ".join(str(causes.index(cause) + 1) for cause in line.causes)),
    ))  # fmt: skip


def _ours(line: Reproduced) -> Iterator[Value]:
    """Ours, the difference and what chance explains; a difference beyond that stands out."""
    if line.ours is None or line.difference is None:
        yield Value(said=line.absent or "–", empty=True)
        yield from (Value(said=""),) * 2
        return
    yield Value(said=number(line.ours, signed=line.number.is_change), number=line.ours)
    yield Value(said=number(line.difference, signed=True), number=line.difference, best=line.within is False)
    yield Value(said="" if line.spread is None else f"±{line.spread:.1f}", number=line.spread)
