"""Pictures of several panels of one size."""

from __future__ import annotations

import math
from collections.abc import Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.picture import WIDTH

NARROWEST = 3.4
"""Inches: a column of a page; legends fit into it in two columns."""


def panels(
    count: int, most_across: int, size: tuple[float, float], *, share_x: bool = False, share_y: bool = False
) -> tuple[Figure, Sequence[Axes]]:
    """A figure of `count` panels of a size in inches, at most so many in a line; never wider than a page."""
    across = min(most_across, count)
    down = math.ceil(count / across)
    width = min(max(size[0] * across + 0.5, NARROWEST), WIDTH)
    figure = Figure(figsize=(width, size[1] * down + 0.35), layout="constrained")
    made = figure.subplots(down, across, sharex=share_x, sharey=share_y, squeeze=False).ravel()
    for spare in made[count:]:
        spare.set_visible(False)
        if share_x and across > 1:  # the panel above an empty place is the last of its column
            made[list(made).index(spare) - across].tick_params(labelbottom=True)
    return figure, list(made[:count])
