"""Scores of one target by language, with intervals: the baseline beside what was selected."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from analysis.figures.picture import BLUE, INK, ORANGE, Picture, canvas, drawing
from analysis.scores.headings import heading, row_title
from analysis.statistics.estimate import Estimate
from trainables.ledger.cells import Row
from trainables.tasks.language_families import languages

COLOURS = ("#c9c9c9", BLUE, ORANGE)
HATCHES = ("", "", "///")
WIDTH = 0.8
"""Of all bars of a language; 1 is the distance of two languages."""


def by_language(target: str, scores: Mapping[tuple[Row, str], Estimate], rows: Sequence[Row]) -> Picture | None:
    """Bars for at most three rows, the first of them pale; None where none of the rows has a score.

    Languages stand by script, then by family, so that gaps of transfer can be seen.
    """
    shown = [row for row in dict.fromkeys(rows) if any(row == known for known, _ in scores)][: len(COLOURS)]
    codes = sorted({code for row, code in scores if row in shown}, key=_place)
    if not shown:
        return None
    estimates = [estimate for (row, _), estimate in scores.items() if row in shown]
    with drawing():
        figure = canvas(max(4.0, 1.2 + 0.19 * len(codes) * max(len(shown), 2) / 1.6), 2.5)
        axes = figure.add_subplot()
        for place, row in enumerate(shown):
            _draw(
                axes,
                place,
                len(shown),
                row,
                {code: scores[row, code] for code in codes if (row, code) in scores},
                codes,
            )
        axes.set_xticks(range(len(codes)), codes)
        axes.set_xlim(-0.6, len(codes) - 0.4)
        axes.set_ylim(0, min(100, max(estimate.high for estimate in estimates) * 1.05 + 1))
        axes.set_ylabel("task score, %")
        axes.grid(axis="y")
        axes.set_axisbelow(True)
        axes.tick_params(axis="x", length=0)
        figure.legend(loc="outside upper left", ncols=len(shown), fontsize=8)
    over = "rows and seeds" if all(estimate.over_seeds for estimate in estimates) else "rows alone"
    return Picture(
        name=f"languages-{target}", title=f"{heading(target)} by language", figure=figure,
        caption=f"Task score on the rows that select, with its 95 % interval over {over}; by script and family.",
    )  # fmt: skip


def _draw(axes: Axes, place: int, count: int, row: Row, found: Mapping[str, Estimate], codes: Sequence[str]) -> None:
    width = WIDTH / count
    middles = [codes.index(code) + (place - (count - 1) / 2) * width for code in found]
    values = [estimate.value for estimate in found.values()]
    axes.bar(middles, values, width * 0.95, color=COLOURS[place], hatch=HATCHES[place], edgecolor="white", linewidth=0,
             label=row_title(row))  # fmt: skip
    below = [max(estimate.value - max(estimate.low, 0.0), 0.0) for estimate in found.values()]
    above = [max(min(estimate.high, 100.0) - estimate.value, 0.0) for estimate in found.values()]
    axes.errorbar(middles, values, yerr=[below, above], fmt="none", ecolor=INK, elinewidth=0.8, capsize=1.2)


def _place(code: str) -> tuple[bool, str, str, str]:
    known = languages().get(code)
    return (known is None, known.script if known else "", known.family if known else "", code)
