"""Pictures: figures with what a page needs to know of them. Drawn with matplotlib's objects, without its global state.

Nothing is said by colour alone: values stand in the picture, signs and markers differ by shape, lines by dashes, so
that grey prints and colour-blind readers lose nothing.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any

import matplotlib as mpl
from matplotlib.figure import Figure

INK, SOFT, PALE = "#1a1a1a", "#6b6b6b", "#d9d9d9"
BLUE, ORANGE = "#0b5394", "#c55a11"
"""Dark enough to read on white, apart for all common kinds of colour blindness and in grey."""
SERIES = ("#0b5394", "#c55a11", "#1b7f5c", "#8e5ea8", "#a67c00", "#444444", "#5aa0d8", "#b0413e")
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")
DASHES = ("-", "--", ":", "-.", (0, (5, 1, 1, 1, 1, 1)), (0, (1, 1)), (0, (8, 2)), (0, (3, 3, 1, 3)))
POINTS_A_INCH = 72

_RULES: dict[Any, Any] = {
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],
    "font.size": 8.5,
    "text.parse_math": False,
    "text.color": INK,
    "axes.labelcolor": INK,
    "axes.edgecolor": SOFT,
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.titlesize": 9.5,
    "axes.titlelocation": "left",
    "axes.linewidth": 0.7,
    "xtick.color": INK,
    "ytick.color": INK,
    "xtick.major.width": 0.7,
    "ytick.major.width": 0.7,
    "grid.color": PALE,
    "grid.linewidth": 0.6,
    "hatch.color": SOFT,
    "hatch.linewidth": 0.5,
    "legend.frameon": False,
    "pdf.fonttype": 42,
    "svg.fonttype": "none",
}


@dataclass(frozen=True, kw_only=True)
class Picture:
    """A figure.

    Attributes:
        name: of its files, without suffix; letters, digits and hyphens.
        title: for a heading.
        caption: what is shown and how to read it, a sentence or more; also its text for screen readers.
        figure: the drawing, on white.
    """

    name: str
    title: str
    caption: str
    figure: Figure


@contextmanager
def drawing() -> Iterator[None]:
    """Draw and save with the rules of this house, whatever matplotlib is set to outside."""
    with mpl.rc_context():
        mpl.rcdefaults()
        mpl.rcParams.update(_RULES)
        yield


def canvas(width: float, height: float) -> Figure:
    """An empty white figure, inches; its parts are laid out so that nothing overlaps or is cut."""
    figure = Figure(figsize=(width, height), dpi=POINTS_A_INCH, layout="constrained")
    figure.set_facecolor("white")
    return figure
