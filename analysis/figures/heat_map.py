"""Transfer: the difference of every row to the baseline on every target, with what can be said of it."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterator, Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.patches import Rectangle

from analysis.figures.gains import AVERAGE, column_title, columns, gain, score, verdict
from analysis.figures.picture import WIDTH, Picture, label, signed, styled
from analysis.scores.headings import row_title
from analysis.selection.averages import Gap
from analysis.selection.results import Results
from analysis.statistics.estimate import Verdicts, Word
from analysis.tables.table2 import GAP_WORDS
from trainables.ledger.cells import Row

STEPS = (-10.0, -5.0, -2.0, -1.0, -0.5, 0.5, 1.0, 2.0, 5.0, 10.0)
"""Points at which the colour changes; steps, because Tatoeba moves by fifty points and XNLI by one."""
COLOURS = (
    "#7f3b08", "#b35806", "#e08214", "#fdb863", "#fee0b6",
    "#f7f7f7",
    "#d8e6f4", "#9ecae1", "#5aa2d0", "#2171b5", "#08306b",
)  # fmt: skip
"""Orange below 0, blue above; both darken away from 0."""
_ABSOLUTE, _MISSING, _ON_LIGHT, _ON_DARK = "#ffffff", "#e9e9e9", "#111111", "#fefefe"
_CELL, _LEFT, _ABOVE, _KEY, _LINE, _NARROWEST = (0.55, 0.2), 1.2, 0.22, 0.4, 0.15, 3.9
"""Inches: a cell, the names at the left, the headings, the key, its line of words; the narrowest picture."""
_LETTER, _WIDEST_LEFT = 0.065, 2.6
"""Inches at the left: for a letter of the longest name, and at the most."""
_BETWEEN = 0.3
"""Of a cell, between blocks of rows."""


@styled()
def transfer_map(
    results: Results, verdicts: Verdicts | None = None, chosen: Mapping[str, Row | None] | None = None
) -> Picture | None:
    """Rows by targets and the overall average, on the split that selects; the baseline's own scores above.

    `chosen` is target -> selected row, framed. None without a baseline and where no other row has a score.
    """
    baseline = results.baseline
    if baseline is None:
        return None
    places = dict(_places(results.variants))
    gains = {
        (row, target): gain(results, row, target) for row in places if row != baseline for target in columns(results)
    }
    if all(isinstance(value, Gap) for value in gains.values()):
        return None
    height = max(places.values()) + 1
    words = _words(verdicts, is_framed=any((chosen or {}).values()))
    names = [label(row_title(row)) for row in places]
    left = min(max(_LEFT, _LETTER * max(map(len, names))), _WIDEST_LEFT)
    figure, axes = _canvas(len(results.targets), height, left, _KEY + (_LINE if words else 0))
    for x, target in _across(results):
        _cell(axes, x, places[baseline], score(results, baseline, target))
        for row in places:
            if row != baseline:
                found = verdict(verdicts, row, target)
                _cell(axes, x, places[row], gains[row, target], found.word.sign if found else "", is_gain=True)
        if (selected := (chosen or {}).get(target)) in places:
            _frame(axes, x, places[selected])
    axes.set_yticks(list(places.values()), names)
    axes.set_xticks([x for x, _ in _across(results)], [label(column_title(target)) for _, target in _across(results)])
    _key(figure, left, words)
    return Picture(
        name="transfer", title="Difference to the baseline", caption=_caption(results, verdicts), figure=figure
    )


def _places(rows: tuple[Row, ...]) -> Iterator[tuple[Row, float]]:
    """From the top: the baseline, the rows without MLM, those with it."""
    y, before = 0.0, None
    for row in rows:
        kind = (row == rows[0], row.mlm)
        y += 0 if before is None else 1 if kind == before else 1 + _BETWEEN
        before = kind
        yield row, y


def _across(results: Results) -> Iterator[tuple[float, str]]:
    for place, target in enumerate(columns(results)):
        yield place + (_BETWEEN / 2 if target == AVERAGE else 0), target


def _canvas(num_targets: int, height: float, left: float, below: float) -> tuple[Figure, Axes]:
    inside = (max(_CELL[0] * (num_targets + 1), _NARROWEST - left), _CELL[1] * height)
    size = (min(left + inside[0], WIDTH), _ABOVE + inside[1] + below)
    figure = Figure(figsize=size)
    axes = figure.add_axes((left / size[0], below / size[1], 1 - left / size[0], inside[1] / size[1]))
    axes.set_xlim(-0.5, num_targets + 0.5 + _BETWEEN / 2)
    axes.set_ylim(height - 0.5, -0.5)
    axes.tick_params(length=0, labeltop=True, labelbottom=False)
    axes.spines[:].set_visible(False)
    return figure, axes


def _cell(axes: Axes, x: float, y: float, found: float | Gap, sign: str = "", *, is_gain: bool = False) -> None:
    colour = _ABSOLUTE
    if isinstance(found, Gap):
        colour, shown = _MISSING, GAP_WORDS.get(found.state, "gap")
    elif is_gain:
        colour, shown = COLOURS[bisect_right(STEPS, found)], f"{signed(found)} {sign}".strip()
    else:
        shown = f"{found:.1f}"
    hatch = "/////" if isinstance(found, Gap) else None
    box = Rectangle(
        (x - 0.5, y - 0.5), 1, 1, facecolor=colour, edgecolor="#ffffff", linewidth=0.8, hatch=hatch, clip_on=False
    )
    axes.add_patch(box)
    is_sure = sign in (Word.BETTER.sign, Word.WORSE.sign)
    axes.text(
        x, y, shown, ha="center", va="center_baseline", fontsize=6.5, fontweight="bold" if is_sure else "normal",
        color=_ON_DARK if colour in (*COLOURS[:2], *COLOURS[-2:]) else _ON_LIGHT,
        bbox={"facecolor": _MISSING, "edgecolor": "none", "pad": 0.8} if hatch else None,
    )  # fmt: skip


def _frame(axes: Axes, x: float, y: float) -> None:
    axes.add_patch(
        Rectangle((x - 0.48, y - 0.46), 0.96, 0.92, fill=False, edgecolor="#000000", linewidth=1.3, zorder=3)
    )


def _words(verdicts: Verdicts | None, *, is_framed: bool) -> list[str]:
    """What signs and frames mean."""
    words = []
    if verdicts is not None:
        words = [f"{word.sign} {word.value}" for word in (Word.BETTER, Word.WORSE)]
        words.append(f"{Word.EQUIVALENT.sign} equivalent within {verdicts.margin:g}")
    return [*words, "framed: selected"] if is_framed else words


def _key(figure: Figure, left: float, words: Sequence[str]) -> None:
    """The colours with the points between them; the words."""
    width, height = figure.get_size_inches()
    bottom = 0.16 + (_LINE if words else 0)
    axes = colour_key(figure, left, bottom)
    axes.text(-0.3, 0.5, "points", ha="right", va="center", fontsize=6)
    figure.text(left / width, 0.05 / height, "  ·  ".join(words), fontsize=6, va="bottom")


def colour_key(figure: Figure, left: float, bottom: float) -> Axes:
    """The colours with the points between them, that far from the corner in inches."""
    width, height = figure.get_size_inches()
    axes = figure.add_axes((left / width, bottom / height, 2.6 / width, 0.11 / height))
    for place, colour in enumerate(COLOURS):
        axes.add_patch(Rectangle((place, 0), 1, 1, facecolor=colour, linewidth=0))
    axes.set_xlim(0, len(COLOURS))
    axes.set_xticks(range(1, len(COLOURS)), [f"{step:+g}".replace("-", "\N{MINUS SIGN}") for step in STEPS])
    axes.set_yticks([])
    axes.tick_params(labelsize=5.5, length=1.5, pad=1)
    axes.spines[:].set_visible(False)
    return axes


def _caption(results: Results, verdicts: Verdicts | None) -> str:
    said = (
        "Difference to the baseline in points on the split that selects, mean of the metrics of a target; first line: "
        "the baseline's own scores in percent."
    )
    if len(results.seeds) > 1:
        said += f" Means over {len(results.seeds)} seeds."
    if verdicts is not None:
        said += (
            f" Signs: 95 % over the whole picture (Holm, {verdicts.family} comparisons); no sign: no difference shown."
        )
    return said + " Hatched: no score."
