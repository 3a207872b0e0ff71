"""How searches went: the dev figure of every trial, and the best so far."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import accumulate

from matplotlib.axes import Axes
from matplotlib.lines import Line2D
from matplotlib.ticker import MaxNLocator

from analysis.figures.panels import panels
from analysis.figures.picture import BLUE, GREY, INK, ORANGE, Picture, label, styled
from trainables.ledger.states import State
from trainables.ledger.studies import StudyResult

MOST_PANELS = 16
_LONGEST = 26
_LEGEND = 3
"""Panels from which on the legend fits into one line."""


@styled()
def search_curves(studies: Sequence[StudyResult]) -> Picture | None:
    """One panel a search; of more than MOST_PANELS those with the largest gain, and the caption says so.

    Searches without a finished trial are left out; None where none is left.
    """
    finished = [study for study in studies if any(trial.value is not None for trial in study.trials)]
    if not finished:
        return None
    places = sorted(range(len(finished)), key=lambda place: (-(finished[place].gain or 0.0), place))[:MOST_PANELS]
    shown = [finished[place] for place in sorted(places)]
    figure, found = panels(
        len(shown), 4, (1.3, 0.9), "trial", title_lines=2, legend_lines=2 if len(shown) < _LEGEND else 1
    )
    for axes, study in zip(found, shown, strict=True):
        _panel(axes, study)
    handles = [
        Line2D([], [], color=BLUE, drawstyle="steps-post", label="best so far"),
        Line2D([], [], color=INK, linestyle=":", linewidth=0.9, label="configured (trial 0)"),
        Line2D([], [], color=GREY, marker="o", markersize=3, linestyle="none", label="trial"),
        Line2D([], [], color=ORANGE, marker="x", markersize=3.5, linestyle="none", label="pruned or failed"),
    ]
    figure.legend(handles=handles, loc="upper left", ncols=2 if len(shown) < _LEGEND else 4)
    said = (
        "English dev figure of every trial, percent, in the order in which they were drawn. The best is chosen by this "
        "figure, so its gain flatters. Crosses at the foot: trials without a figure."
    )
    if len(shown) < len(finished):
        said += f" Shown are the {len(shown)} searches with the largest gain, of {len(finished)}."
    return Picture(name="searches", title="Searches", caption=said, figure=figure)


def _panel(axes: Axes, study: StudyResult) -> None:
    done = [(trial.number, trial.value) for trial in study.trials if trial.value is not None]
    ended = [t.number for t in study.trials if t.value is None and t.state in (State.PRUNED, State.FAILED)]
    numbers, values = [number for number, _ in done], [value for _, value in done]
    last = max(trial.number for trial in study.trials)
    best = list(accumulate(values, max))
    axes.step([*numbers, last], [*best, best[-1]], where="post", color=BLUE)
    axes.plot(numbers, values, linestyle="none", marker="o", markersize=2.6, color=GREY)
    if study.trials[0].value is not None:
        axes.axhline(study.trials[0].value, color=INK, linestyle=":", linewidth=0.9)
    if ended:
        foot = [0.04] * len(ended)
        axes.plot(
            ended, foot, transform=axes.get_xaxis_transform(), linestyle="none", marker="x", markersize=3.2,
            color=ORANGE, clip_on=False,
        )  # fmt: skip
    start, arrow, rest = study.name.partition(" -> ")  # a long name takes two lines
    lines = [f"{label(start, _LONGEST)} →", label(rest, _LONGEST)] if arrow else [label(study.name, _LONGEST)]
    axes.set_title("\n".join(lines), fontsize=6)
    axes.xaxis.set_major_locator(MaxNLocator(4, integer=True))
    axes.yaxis.set_major_locator(MaxNLocator(4))
    axes.margins(y=0.15)
    axes.grid(axis="y")
