"""Gain over the baseline by groups of languages: a forest plot for every row."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.figures.gains import covered
from analysis.figures.panels import panels
from analysis.figures.picture import BLUE, ORANGE, Picture, label, styled, zero_line
from analysis.scores.headings import row_title
from analysis.statistics.estimate import Estimate
from trainables.ledger.cells import Row

_PANELS = 8
"""In a line."""


@styled()
def group_forest(
    name: str,
    things: str,
    gains: Mapping[tuple[Row, str], Estimate],
    rows: Sequence[Row],
    groups: Mapping[str, Sequence[str]],
) -> Picture | None:
    """One panel a row, one line a group, the baseline at 0.

    `gains` is (row, group) -> points with the 95 % interval; `groups` is group -> languages, from the top; `things` is
    what groups are, for example `script`. Rows and groups without a gain are left out; None where none is left.
    """
    shown = [row for row in rows if any(key[0] == row for key in gains)]
    lines = [group for group in groups if any(key[1] == group for key in gains)]
    if not shown or not lines:
        return None
    titles = [f"{label(group)} ({len(groups[group])})" for group in lines]
    figure, places = panels(
        len(shown), _PANELS, (0.68 if len(shown) > 2 else 1.6, 0.115 * len(lines)), "points over the baseline",
        left=0.12 + 0.045 * max(map(len, titles)), legend_lines=0, share_x=True, share_y=True,
    )  # fmt: skip
    for axes, row in zip(places, shown, strict=True):
        _forest(axes, row, lines, gains)
    places[0].set_yticks(range(len(lines)), titles)
    places[0].set_ylim(len(lines) - 0.4, -0.6)
    caption = _caption(things, [estimate for (row, _), estimate in gains.items() if row in shown])
    return Picture(name=name, title=f"Gain by {things}", caption=caption, figure=figure)


def _forest(axes: Axes, row: Row, lines: Sequence[str], gains: Mapping[tuple[Row, str], Estimate]) -> None:
    zero_line(axes)
    there = [(y, gains[row, group]) for y, group in enumerate(lines) if (row, group) in gains]
    for colour, marker, is_above in ((BLUE, "o", True), (ORANGE, "s", False)):
        side = [(y, found) for y, found in there if (found.value > 0) == is_above]
        axes.hlines(
            [y for y, _ in side], [f.low for _, f in side], [f.high for _, f in side], color=colour, linewidth=1
        )
        for is_open in (True, False):
            points = [(found.value, y) for y, found in side if (found.low <= 0 <= found.high) == is_open]
            axes.plot(
                [x for x, _ in points], [y for _, y in points], linestyle="none", marker=marker, markersize=3.2,
                color=colour, markerfacecolor="#ffffff" if is_open else colour, markeredgewidth=0.8,
            )  # fmt: skip
    axes.set_title(label(row_title(row)), fontsize=5.5, loc="center")
    axes.grid(axis="x")
    axes.xaxis.set_major_locator(MaxNLocator(3, integer=True))
    axes.tick_params(axis="y", length=0)
    axes.tick_params(labelsize=5.5)


def _caption(things: str, shown: Sequence[Estimate]) -> str:
    return (
        f"Points over the baseline (the line at 0) by {things}, mean over the targets that have a language of it; in "
        "brackets the number of languages. English is what training is in, so it stands apart. Round: above 0, square: "
        f"below; hollow: the interval holds 0. Lines: 95 % intervals, each comparison alone, {covered(shown)}."
    )
