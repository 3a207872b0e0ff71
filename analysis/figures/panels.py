"""Pictures of several panels of one size, a legend above them, one label of x below.

All places are in inches and known beforehand: measuring every word of sixteen panels takes longer than drawing them.
"""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.picture import WIDTH

NARROWEST = 3.4
"""Inches: a column of a page; legends fit into it in two columns."""
_LINE, _FOOT, _TICKS, _EDGE = 0.142, 0.2, 0.17, 0.12
"""Inches: a line of words, the label below, the numbers under a panel, what stays free at the right."""


def panels(
    count: int,
    most_across: int,
    size: tuple[float, float],
    label: str,
    *,
    left: float = 0.36,
    title_lines: int = 1,
    legend_lines: int = 1,
    share_x: bool = False,
    share_y: bool = False,
) -> tuple[Figure, Sequence[Axes]]:
    """A figure of `count` panels, at most so many in a line, never wider than a page; and its panels.

    `size` is that of a panel within its frame, in inches (narrower where the page is full); `left` is the room for the
    names or numbers of the axis of y, which shared panels need once; `label` stands below all of them.
    """
    across = min(most_across, count)
    down = math.ceil(count / across)
    between = 0.11 if share_y else left
    width = min(max(left + (size[0] + between) * across - between + _EDGE, NARROWEST), WIDTH)
    inside = (width - left - _EDGE - between * (across - 1)) / across
    title = 0.06 + _LINE * title_lines
    top = title + (0.08 + _LINE * legend_lines if legend_lines else 0)
    gap = title + (0.04 if share_x else _TICKS)
    bottom = _FOOT + _TICKS
    height = top + size[1] * down + gap * (down - 1) + bottom
    figure = Figure(figsize=(width, height))
    made = figure.subplots(
        down, across, sharex=share_x, sharey=share_y, squeeze=False,
        gridspec_kw={
            "left": left / width, "right": 1 - _EDGE / width, "top": 1 - top / height, "bottom": bottom / height,
            "wspace": between / inside, "hspace": gap / size[1],
        },
    ).ravel()  # fmt: skip
    for spare in range(count, len(made)):
        made[spare].remove()
        if share_x:  # the panel above an empty place is the last of its column
            made[spare - across].tick_params(labelbottom=True)
    figure.supxlabel(label, fontsize=7, y=0.03 / height, va="bottom")
    return figure, list(made[:count])
