"""The heat map of transfer: what every intermediate task gives or takes on every target, with the verdicts."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.patches import Rectangle

from analysis.figures.picture import INK, PALE, SOFT, Picture, canvas, drawing
from analysis.scores.headings import heading, row_title
from analysis.selection.averages import Gap, TaskScore
from analysis.selection.results import Results
from analysis.statistics.estimate import Verdict, Verdicts, Word
from analysis.tables.table2 import GAP_WORDS, number
from trainables.ledger.cells import Row

COLOURS = "PuOr"
"""From orange (worse) over white to purple (better): apart for all kinds of colour blindness; dark at both ends in
grey, where the sign of the number tells them apart."""
STRONGEST = 0.85
"""Share of the colours that is used at most, so that text can be read on them."""
QUANTILE = 0.8
"""Of the sizes of the differences: where the colours are strongest. Few targets move by tens of points."""
DARK = 0.55
"""Brightness below which text is white."""
LEAST = 1.0
"""Points at which the colours are strongest, at least."""


@dataclass(frozen=True)
class _Cell:
    difference: float | None
    text: str
    is_shown: bool = False


def transfer(results: Results, verdicts: Verdicts | None = None) -> Picture | None:
    """Rows x targets and their average: difference to the baseline in points, on the split that selects.

    None without a baseline or without any other row.
    """
    rows = [row for row in results.variants if row != results.baseline]
    if results.baseline is None or not rows:
        return None
    cells = [
        [*(_cell(results, verdicts, row, target) for target in results.targets), _average(results, verdicts, row)]
        for row in rows
    ]
    sizes = [abs(cell.difference) for line in cells for cell in line if cell.difference is not None]
    if not sizes:
        return None
    strongest = max(float(np.ceil(np.quantile(sizes, QUANTILE))), LEAST)
    with drawing():
        figure = canvas(1.5 + 0.66 * (len(results.targets) + 1), 0.75 + 0.24 * len(rows))
        axes = figure.add_subplot()
        _draw(axes, cells, strongest)
        titles = [*map(heading, results.targets), "Avg"]
        axes.set_xticks(range(len(titles)), titles)
        axes.set_yticks(range(len(rows)), [row_title(row) for row in rows])
        axes.tick_params(length=0, top=True, labeltop=True, bottom=False, labelbottom=False)
        for edge in axes.spines.values():
            edge.set_visible(False)
        _separate(axes, rows, len(titles))
    return Picture(
        name="transfer", title="What each intermediate task gives or takes", figure=figure,
        caption=_caption(verdicts, strongest),
    )  # fmt: skip


def _cell(results: Results, verdicts: Verdicts | None, row: Row, target: str) -> _Cell:
    score = results.dev(row, target)
    baseline = results.dev_beside(results.baseline, row, target) if results.baseline else score
    if not isinstance(score, TaskScore) or not isinstance(baseline, TaskScore):
        gap = next(each for each in (score, baseline) if isinstance(each, Gap))
        return _Cell(None, GAP_WORDS[gap.state])
    return _with_sign(score.value - baseline.value, verdicts.cells.get((row, target)) if verdicts else None)


def _average(results: Results, verdicts: Verdicts | None, row: Row) -> _Cell:
    average, beside = (
        results.dev_average(row),
        results.average_beside(results.baseline, row) if results.baseline else 0.0,
    )
    if isinstance(average, Gap) or isinstance(beside, Gap):
        return _Cell(None, "–")
    return _with_sign(average - beside, verdicts.averages.get(row) if verdicts else None)


def _with_sign(difference: float, verdict: object) -> _Cell:
    word = verdict.word if isinstance(verdict, Verdict) else None
    sign = word.sign if word else ""
    return _Cell(difference, number(difference, signed=True) + sign, word in (Word.BETTER, Word.WORSE))


def _draw(axes: Axes, cells: Sequence[Sequence[_Cell]], strongest: float) -> None:
    colours = colormaps[COLOURS]
    for y, line in enumerate(cells):
        for x, cell in enumerate(line):
            corner = (x - 0.5, y - 0.5)
            if cell.difference is None:
                axes.add_patch(Rectangle(corner, 1, 1, facecolor="white", edgecolor=PALE, hatch="////", linewidth=0))
                axes.text(x, y, cell.text, ha="center", va="center", color=SOFT, fontsize=7.5,
                          bbox={"facecolor": "white", "edgecolor": "none", "pad": 1})  # fmt: skip
                continue
            share = STRONGEST * float(np.clip(cell.difference / strongest, -1, 1))
            colour = colours(0.5 + share / 2)
            axes.add_patch(Rectangle(corner, 1, 1, facecolor=colour, edgecolor="white", linewidth=1))
            is_dark = 0.299 * colour[0] + 0.587 * colour[1] + 0.114 * colour[2] < DARK
            axes.text(x, y, cell.text, ha="center", va="center", color="white" if is_dark else INK, fontsize=8,
                      fontweight="bold" if cell.is_shown else "normal")  # fmt: skip
    axes.set_xlim(-0.5, len(cells[0]) - 0.5)
    axes.set_ylim(len(cells) - 0.5, -0.5)


def _separate(axes: Axes, rows: Sequence[Row], columns: int) -> None:
    """Lines before the rows with MLM and before the average."""
    with_mlm = [place for place, row in enumerate(rows) if row.mlm]
    if with_mlm and with_mlm[0]:
        axes.axhline(with_mlm[0] - 0.5, color=INK, linewidth=0.8)
    axes.axvline(columns - 1.5, color=INK, linewidth=0.8)


def _caption(verdicts: Verdicts | None, strongest: float) -> str:
    text = (
        "Difference to the baseline in points of the task score (QA: mean of F1 and EM), on the rows that select. "
        f"Purple is better, orange worse; colours are strongest from {strongest:g} points on. Hatched: no score."
    )
    if verdicts is None:
        return text
    return (
        f"{text} Bold with ▲ better, ▼ worse, ≈ equivalent within {verdicts.margin:g} points, each shown at 5 % over "
        "the whole table (Holm); without a sign no difference was shown."
    )
