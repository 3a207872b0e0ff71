"""Picture: a drawing with its words, and the style that all of them share.

Drawn with matplotlib's own objects, without pyplot: no state outlives a call, and the same input gives the same bytes.
Nothing is told by hue alone: what colour says, a sign, a number, a shape, a dash or a lightness says too.
"""

from __future__ import annotations

import io
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import cached_property
from types import MappingProxyType
from typing import Any

from matplotlib import style
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from trainables.ledger.plain import plain

WIDTH = 7.0
"""Inches: both columns of a page."""
LONGEST_LABEL = 28
"""Characters of a label; longer ones are cut."""
INK = "#1c1c1d"
"""Lines and words on the page; a page that embeds a picture puts its own colour of text in its place."""
FAINT = "#d8d8da"
"""Grids; likewise, nearly transparent."""
PAPER = "#fffffe"
"""Ground; likewise, without colour."""
BLUE = "#2a78c2"
ORANGE = "#d9730d"
GREY = "#8c8c8c"
HUES = ("#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#7a5195", "#8c8c8c")
"""Of Okabe and Ito for colour-blind readers, its yellow and black replaced: too light, and the baseline's."""
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "*")

_STYLE = MappingProxyType({
    "font.family": "sans-serif", "font.sans-serif": ["DejaVu Sans", "Verdana"], "font.size": 7.5,
    "text.parse_math": False, "text.color": INK, "axes.edgecolor": INK, "axes.labelcolor": INK, "xtick.color": INK,
    "ytick.color": INK, "axes.facecolor": "none", "figure.facecolor": PAPER, "savefig.facecolor": PAPER,
    "axes.linewidth": 0.6, "axes.spines.top": False, "axes.spines.right": False, "axes.titlesize": 8,
    "axes.titleweight": "normal", "axes.titlelocation": "left", "axes.grid": False, "grid.color": FAINT,
    "grid.linewidth": 0.6, "axes.axisbelow": True, "xtick.major.width": 0.6, "ytick.major.width": 0.6,
    "xtick.major.size": 2.5, "ytick.major.size": 2.5, "legend.frameon": False, "legend.fontsize": 7,
    "hatch.linewidth": 0.5, "lines.linewidth": 1.2, "svg.fonttype": "none", "svg.hashsalt": "xstilts",
    "pdf.fonttype": 42, "figure.constrained_layout.h_pad": 0.03, "figure.constrained_layout.w_pad": 0.03,
})  # fmt: skip
_UNDATED: MappingProxyType[str, dict[str, Any]] = MappingProxyType({
    "svg": {"Date": None, "Creator": None, "Type": None, "Format": None},
    "pdf": {"CreationDate": None, "Creator": None, "Producer": None},
    "png": {"Software": None},
})  # fmt: skip


@dataclass(frozen=True, kw_only=True, eq=False)
class Picture:
    """A figure and what is said of it; all texts are plain.

    Attributes:
        name: of its files, without suffix; unique in a report.
        title: a few words.
        caption: what is drawn, units, what intervals cover, what is left out.
        figure: not to be changed any more.
    """

    name: str
    title: str
    caption: str
    figure: Figure

    @property
    def width(self) -> float:
        """Natural width in pixels of CSS (96 to the inch)."""
        return float(self.figure.get_figwidth()) * 96

    @cached_property
    def svg(self) -> str:
        """An SVG document whose words are text, in the fonts of whoever shows it."""
        return self.rendered("svg").decode()

    def rendered(self, form: str, dpi: int = 150) -> bytes:
        """The picture as `svg`, `pdf` (fonts embedded) or `png` (at `dpi`)."""
        with styled(), warnings.catch_warnings(), io.BytesIO() as written:
            warnings.filterwarnings("ignore", message="Glyph .* missing from font")  # a PDF shows a box in its place
            self._settle()
            self.figure.savefig(written, format=form, metadata=_UNDATED[form], dpi=dpi)
            return written.getvalue()

    def _settle(self) -> None:
        """Lay the figure out once, whatever it is rendered as: half of the time of drawing goes into that."""
        if engine := self.figure.get_layout_engine():
            engine.execute(self.figure)
            self.figure.set_layout_engine(None)


@contextmanager
def styled() -> Iterator[None]:
    """The style of every picture, whatever the settings of the user's matplotlib; also a decorator."""
    with style.context(dict(_STYLE), after_reset=True):
        yield


def label(text: str, longest: int = LONGEST_LABEL) -> str:
    """Text from data as it may stand in a picture; never empty, which matplotlib would not draw."""
    return plain(text.strip(), longest) or "?"


def signed(value: float) -> str:
    """A difference in points, one decimal, as the tables print it."""
    return f"{value:+.1f}".replace("-", "\N{MINUS SIGN}")


def zero_line(axes: Axes, *, vertical: bool = True) -> None:
    """Where the baseline is, in a picture of differences."""
    draw = axes.axvline if vertical else axes.axhline
    draw(0, color=INK, linewidth=0.8, zorder=1)
