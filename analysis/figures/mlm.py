"""What MLM beside an intermediate task changes: the gain with it and without it, joined."""

from __future__ import annotations

from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.figures.gains import AVERAGE, column_title, columns, covered, gain, interval
from analysis.figures.panels import panels
from analysis.figures.picture import BLUE, GREY, ORANGE, Picture, label, styled, zero_line
from analysis.scores.headings import heading
from analysis.selection.averages import Gap
from analysis.selection.results import Results
from analysis.statistics.estimate import Verdicts
from trainables.ledger.cells import Row


@styled()
def with_and_without_mlm(results: Results, verdicts: Verdicts | None = None) -> Picture | None:
    """One panel for the average and each target, one line an intermediate task.

    Only those that the sweep has both with MLM and without; None where there is no such pair with scores.
    """
    rows = set(results.variants)
    names = [row.intermediate for row in results.variants if not row.mlm and Row(row.intermediate, True) in rows]
    shown = [
        column
        for column in (AVERAGE, *columns(results)[:-1])
        if any(not isinstance(gain(results, Row(name, True), column), Gap) for name in names)
    ]
    if not shown:
        return None
    left = 0.16 + 0.055 * max(len(label(heading(name))) for name in names)
    figure, places = panels(
        len(shown), 5, (1.15, 0.1 + 0.13 * len(names)), "points over the baseline", left=left, share_y=True
    )
    for axes, column in zip(places, shown, strict=True):
        _dumbbells(axes, results, verdicts, names, column)
    places[0].set_yticks(range(len(names)), [label(heading(name)) for name in names])
    places[0].set_ylim(len(names) - 0.5, -0.5)
    handles = [
        Line2D([], [], color=BLUE, marker="o", markersize=3.6, markerfacecolor="#ffffff", label="without MLM"),
        Line2D([], [], color=ORANGE, marker="D", markersize=3.4, label="with MLM"),
    ]
    figure.legend(handles=handles, loc="upper left", ncols=2)
    said = "Points over the baseline (the line at 0) on the split that selects, without MLM and with it."
    pairs = [(Row(name, mlm), column) for name in names for mlm in (False, True) for column in shown]
    if estimates := [found for row, column in pairs if (found := interval(verdicts, row, column))]:
        said += f" Thin lines: 95 % intervals, each comparison alone, {covered(estimates)}."
    return Picture(name="mlm", title="With MLM and without", caption=said, figure=figure)


def _dumbbells(axes: Axes, results: Results, verdicts: Verdicts | None, names: Sequence[str], column: str) -> None:
    zero_line(axes)
    for mlm, colour, marker, shift in ((False, BLUE, "o", -0.16), (True, ORANGE, "D", 0.16)):
        rows = [(y + shift, Row(name, mlm)) for y, name in enumerate(names)]
        points = [(y, row, x) for y, row in rows if not isinstance(x := gain(results, row, column), Gap)]
        spans = [(y, found) for y, row, _ in points if (found := interval(verdicts, row, column))]
        axes.hlines(
            [y for y, _ in spans], [s.low for _, s in spans], [s.high for _, s in spans], color=colour, linewidth=0.7
        )
        axes.plot(
            [x for _, _, x in points], [y for y, _, _ in points], linestyle="none", marker=marker, markersize=3.2,
            color=colour, markerfacecolor=colour if mlm else "#ffffff", markeredgewidth=0.8, zorder=3,
        )  # fmt: skip
    for y, name in enumerate(names):
        ends = [gain(results, Row(name, mlm), column) for mlm in (False, True)]
        known = [end for end in ends if not isinstance(end, Gap)]
        if len(known) == len(ends):
            axes.plot(known, [y - 0.16, y + 0.16], color=GREY, linewidth=0.9, zorder=2)
    axes.set_title(column_title(column), fontsize=7)
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.tick_params(axis="y", length=0)
    axes.tick_params(labelsize=6)
    axes.grid(axis="x")
