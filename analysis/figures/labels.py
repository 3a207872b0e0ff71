"""Labels beside points, where no two overlap."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence

from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure
from matplotlib.text import Text

from analysis.figures.picture import GREY

_SIZE, _PAD = 6.0, 0.8
_MARKER = 3.0
"""Points from the middle of a marker to its edge."""
_NEAREST, _STEP, _RINGS, _TURNS = 4.0, 3.0, 60, 16
"""Points from a marker to the first ring of places for its label, from ring to ring; rings, and places of a ring."""
_DOUBT = 9.0
"""Points by which a place may be farther away for each other point that it is not beside."""
_JOINED = 4.5
"""Distance from which on a line joins a label to its point."""

Box = tuple[float, float, float, float]
"""Left, bottom, right, top, in points."""


def place_labels(
    axes: Axes, points: Sequence[tuple[float, float, str]], spans: Sequence[tuple[float, float, float]] = ()
) -> None:
    """Write a label beside each point (x, y, label), as near as there is room, joined by a line where it is far.

    Labels avoid each other, the points, the upright `spans` (x, low, high) and the frame. Limits of the axes must
    stand. Where nothing is free (hundreds of points), a label takes the place where it covers least.
    """
    figure = axes.get_figure(root=True)
    assert isinstance(figure, Figure)
    renderer = FigureCanvasAgg(figure).get_renderer()
    unit = figure.dpi / 72

    def position(x: float, y: float) -> tuple[float, float]:
        across, up = axes.transData.transform((x, y)) / unit
        return float(across), float(up)

    extent = axes.get_window_extent(renderer)
    frame = (extent.x0 / unit, extent.y0 / unit, extent.x1 / unit, extent.y1 / unit)
    middles = [position(x, y) for x, y, _ in points]
    taken = [_around(middle, (_MARKER, _MARKER)) for middle in middles]
    for x, low, high in spans:
        (across, lower), (_, upper) = position(x, low), position(x, high)
        taken.append((across - 0.5, lower, across + 0.5, upper))
    for place in sorted(range(len(points)), key=lambda place: middles[place]):
        x, y, text = points[place]
        label = axes.annotate(
            text, (x, y), xytext=(0, 0), textcoords="offset points", ha="center", va="center", fontsize=_SIZE,
            arrowprops={"arrowstyle": "-", "color": GREY, "linewidth": 0.4, "shrinkA": 0, "shrinkB": _MARKER},
        )  # fmt: skip
        size = Text.get_window_extent(label, renderer)  # without the line
        half = size.width / unit / 2 + _PAD, size.height / unit / 2 + _PAD
        distance, shift, box = _free(middles[place], half, taken, [*middles[:place], *middles[place + 1 :]], frame)
        label.xyann = shift
        if distance < _JOINED and label.arrow_patch:
            label.arrow_patch.set_visible(False)
        taken.append(box)


def _free(
    middle: tuple[float, float],
    half: tuple[float, float],
    taken: Sequence[Box],
    others: Sequence[tuple[float, float]],
    frame: Box,
) -> tuple[float, tuple[float, float], Box]:
    """Distance, shift from the point and box of the best place: where it covers least, then the nearest.

    A place that is as near to another point, so that a reader might take it for that one's, counts as farther away.
    """
    best = (math.inf, math.inf)
    found = None
    for distance, shift in _places(half):
        if best[0] == 0 and distance >= best[1]:
            break
        box = _around((middle[0] + shift[0], middle[1] + shift[1]), half)
        covered = sum(_common(box, other) for other in taken) + _outside(box, frame)
        doubtful = sum(_distance(box, other) < distance + _STEP for other in others)
        if (covered, distance + _DOUBT * doubtful) < best:
            best = covered, distance + _DOUBT * doubtful
            found = distance, shift, box
    assert found is not None
    return found


def _places(half: tuple[float, float]) -> Iterator[tuple[float, tuple[float, float]]]:
    """From near to far; on a ring right, left, above and below before what lies between."""
    turns = sorted(range(_TURNS), key=lambda turn: (turn % (_TURNS // 4) != 0, turn % (_TURNS // 2), turn))
    for ring in range(_RINGS):
        distance = _NEAREST + ring * _STEP
        for turn in turns:
            across, up = math.cos(2 * math.pi * turn / _TURNS), math.sin(2 * math.pi * turn / _TURNS)
            yield distance, (across * (distance + half[0]), up * (distance + half[1]))


def _around(middle: tuple[float, float], half: tuple[float, float]) -> Box:
    return middle[0] - half[0], middle[1] - half[1], middle[0] + half[0], middle[1] + half[1]


def _common(one: Box, other: Box) -> float:
    across = min(one[2], other[2]) - max(one[0], other[0])
    up = min(one[3], other[3]) - max(one[1], other[1])
    return across * up if across > 0 and up > 0 else 0.0


def _distance(box: Box, point: tuple[float, float]) -> float:
    across = max(box[0] - point[0], 0.0, point[0] - box[2])
    up = max(box[1] - point[1], 0.0, point[1] - box[3])
    return math.hypot(across, up)


def _outside(box: Box, frame: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1]) - _common(box, frame)
