"""Gains by group of languages: a forest plot, one panel an intermediate task."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes

from analysis.figures.picture import BLUE, INK, ORANGE, SOFT, Picture, canvas, drawing
from analysis.scores.headings import row_order, row_title
from analysis.statistics.estimate import Estimate
from trainables.ledger.cells import Row

COLUMNS = 4
"""Panels side by side, at most."""


def forest(
    name: str, title: str, gains: Mapping[tuple[Row, str], Estimate], groups: Mapping[str, Sequence[str]]
) -> Picture | None:
    """Gain over the baseline in every group, with its interval; a panel a row of the table.

    Args:
        name: of the files.
        title: for a heading, for example `Gain by script`.
        gains: (row, group) -> difference in points.
        groups: group -> its languages; drawn in this order, those without a gain left out.

    None where there is no gain.
    """
    rows = sorted({row for row, _ in gains}, key=row_order)
    shown = [group for group in groups if any(group == known for _, known in gains)]
    if not rows or not shown:
        return None
    down = -(-len(rows) // COLUMNS)
    across = min(len(rows), COLUMNS)
    with drawing():
        figure = canvas(1.7 + 1.75 * across, 0.55 + (0.35 + 0.145 * len(shown)) * down)
        grid = figure.subplots(down, across, sharex=True, sharey=True, squeeze=False)
        for place, axes in enumerate(grid.flat):
            if place >= len(rows):
                axes.set_visible(False)
                continue
            _panel(axes, {group: gains[rows[place], group] for group in shown if (rows[place], group) in gains}, shown)
            axes.set_title(row_title(rows[place]))
            axes.tick_params(labelbottom=place + across >= len(rows))
        labels = [f"{group} ({len(groups[group])})" for group in shown]
        for line in grid:
            line[0].set_yticks(range(len(shown)), labels, fontsize=7.5)
        grid[0][0].set_ylim(len(shown) - 0.5, -0.5)
        figure.supxlabel("points over the baseline", fontsize=8.5)
    estimates = list(gains.values())
    over = "rows and seeds" if all(estimate.over_seeds for estimate in estimates) else "rows alone"
    return Picture(
        name=name, title=title, figure=figure,
        caption=(
            "Difference to the baseline with its 95 % interval, mean over the targets that have languages of the "
            "group; in brackets how many languages these are. Filled: the interval leaves out 0; it is over "
            f"{over} and not adjusted for the number of groups."
        ),
    )  # fmt: skip


def _panel(axes: Axes, found: Mapping[str, Estimate], shown: Sequence[str]) -> None:
    axes.axvline(0, color=INK, linewidth=0.8)
    axes.grid()
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    places = {group: place for place, group in enumerate(shown)}
    for sign, colour, marker in ((1, BLUE, "^"), (-1, ORANGE, "v"), (0, SOFT, "o")):
        own = {places[group]: estimate for group, estimate in found.items() if _apart(estimate) == sign}
        if own:
            values, ends = [e.value for e in own.values()], [(e.low, e.high) for e in own.values()]
            axes.hlines(list(own), *zip(*ends, strict=True), color=colour, linewidth=1.2)
            axes.plot(values, list(own), marker, markersize=4.2, color=colour,
                      markerfacecolor=colour if sign else "white")  # fmt: skip


def _apart(estimate: Estimate) -> int:
    """1 or -1 where the interval lies above or below 0, else 0."""
    return int(estimate.low > 0) - int(estimate.high < 0)
