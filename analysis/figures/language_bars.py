"""Scores by language on one target, with what chance leaves open: the baseline beside other rows."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import groupby

from matplotlib.axes import Axes
from matplotlib.figure import Figure

from analysis.figures.gains import covered
from analysis.figures.picture import INK, ORANGE, WIDTH, Picture, label, styled
from analysis.scores.headings import heading, row_title
from analysis.statistics.estimate import Estimate
from trainables.ledger.cells import Row
from trainables.tasks.language_facts import in_order, script_of

MOST_ROWS = 3
_LOOKS = (("#c9c9c9", ""), ("#5b9bd5", ""), (ORANGE, "//////"))
_BETWEEN = 0.7
"""Of the width of a language, between two scripts."""


@styled()
def language_bars(
    target: str, scores: Mapping[tuple[Row, str], Estimate], rows: Sequence[Row], unit: str = "score"
) -> Picture | None:
    """Bars of at most MOST_ROWS rows, the baseline first, languages by script and family.

    `scores` is (row, language) -> percent with its 95 % interval; `unit` names the metric. Rows without any score are
    left out; None where none is left. Raises ValueError for more rows.
    """
    if len(rows) > MOST_ROWS:
        raise ValueError(f"{len(rows)} rows given; a picture of languages holds at most {MOST_ROWS}")
    shown = [row for row in dict.fromkeys(rows) if any(key[0] == row for key in scores)]
    if not shown:
        return None
    codes = in_order({language for row, language in scores if row in shown})
    places = dict(_places(codes))
    last = places[codes[-1]]
    width = min(WIDTH, max(2.6, 0.6 + 0.24 * (last + 1)))
    figure = Figure(figsize=(width, 2.3), layout="constrained")
    axes = figure.add_subplot()
    for place, row in enumerate(shown):
        _bars(axes, row, place, len(shown), places, scores)
    axes.set_xlim(-0.6, last + 0.6)
    axes.set_ylim(0, min(105.0, 1.04 * max(estimate.high for (row, _), estimate in scores.items() if row in shown)))
    axes.set_xticks(list(places.values()), [label(code, 6) for code in codes])
    axes.tick_params(axis="x", length=0, labelsize=6.5, pad=1.5)
    axes.set_ylabel(label(unit))
    axes.grid(axis="y")
    _scripts(axes, places, width)
    figure.legend(
        loc="outside upper left",
        ncols=len(shown) if width > 1.4 * len(shown) else 1,
        handlelength=1.2,
        handleheight=0.8,
    )
    return Picture(
        name=f"languages-{target}",
        title=f"{heading(target)} by language",
        caption=_caption(target, shown, scores),
        figure=figure,
    )


def _places(codes: Sequence[str]) -> Iterator[tuple[str, float]]:
    x = 0.0
    for _, group in groupby(codes, key=script_of):
        for code in group:
            yield code, x
            x += 1
        x += _BETWEEN


def _bars(
    axes: Axes,
    row: Row,
    place: int,
    num_rows: int,
    places: Mapping[str, float],
    scores: Mapping[tuple[Row, str], Estimate],
) -> None:
    width = 0.84 / num_rows
    there = [code for code in places if (row, code) in scores]
    estimates = [scores[row, code] for code in there]
    xs = [places[code] + (place - (num_rows - 1) / 2) * width for code in there]
    colour, hatch = _LOOKS[place]
    axes.bar(
        xs, [each.value for each in estimates], width, color=colour, hatch=hatch, edgecolor="#ffffff", linewidth=0.3,
        label=label(row_title(row)),
    )  # fmt: skip
    axes.vlines(xs, [each.low for each in estimates], [each.high for each in estimates], color=INK, linewidth=0.7)


def _scripts(axes: Axes, places: Mapping[str, float], width: float) -> None:
    """A line and a name under the languages of every script; upright where the name is wider than they are."""
    per_place = (width - 0.6) / (max(places.values()) + 1.2)
    for script, group in groupby(places, key=script_of):
        codes = list(group)
        left, right = places[codes[0]] - 0.45, places[codes[-1]] + 0.45
        below = axes.get_xaxis_transform()
        axes.plot([left, right], [-0.1, -0.1], color=INK, linewidth=0.6, transform=below, clip_on=False)
        fits = 0.06 * len(script) < per_place * (right - left + _BETWEEN)
        axes.text(
            (left + right) / 2, -0.12, script, transform=below, rotation=0 if fits else 90, ha="center", va="top",
            fontsize=6,
        )  # fmt: skip


def _caption(target: str, rows: Sequence[Row], scores: Mapping[tuple[Row, str], Estimate]) -> str:
    used = [estimate for (row, _), estimate in scores.items() if row in rows]
    codes = {code for row, code in scores if row in rows}
    lacking = any((row, code) not in scores for row in rows for code in codes)
    said = " No bar: no score, or the encoder has seen labels of such a task in the language." if lacking else ""
    return (
        f"{heading(target)}, percent by language, in the order of scripts and families. Lines: 95 % intervals "
        f"{covered(used)}.{said}"
    )
