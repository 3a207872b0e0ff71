"""Curves: English dev figures during training, and what the trials of a search found."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from itertools import accumulate
from typing import Any

from matplotlib.artist import Artist
from matplotlib.axes import Axes
from matplotlib.ticker import MaxNLocator

from analysis.figures.picture import BLUE, DASHES, MARKERS, PALE, SERIES, SOFT, Picture, canvas, drawing
from analysis.scores.headings import heading, row_order, row_title, target_order
from analysis.scores.load import Run
from trainables.ledger.cells import Row
from trainables.ledger.spec import Phase
from trainables.ledger.states import State
from trainables.ledger.studies import StudyResult

COLUMNS = 4
HIGHLIGHTED = 8
"""Rows that have a style of their own in a panel; the rest is grey."""


def dev_curves(runs: Sequence[Run], phase: Phase) -> Picture | None:
    """English dev figure against the share of training, a panel a task; seeds of a row share a style.

    None where no run of the phase has a curve of two points or more.
    """
    panels: dict[str, dict[Row, list[Run]]] = defaultdict(lambda: defaultdict(list))
    for run in sorted(runs, key=_order):
        if run.record.spec.phase is phase and len(run.record.dev_curve) > 1:
            title = row_title(run.variant) if phase is Phase.INTERMEDIATE else _tasks(run)
            panels[title][run.variant].append(run)
    if not panels:
        return None
    across = min(len(panels), COLUMNS)
    down = -(-len(panels) // COLUMNS)
    styles = _styles(panels)
    with drawing():
        figure = canvas(0.6 + 1.9 * across, 0.7 + 1.5 * down)
        grid = figure.subplots(down, across, squeeze=False)
        for axes, title in zip(grid.flat, [*panels, *[""] * (down * across - len(panels))], strict=True):
            if title:
                _panel(axes, title, panels[title], styles)
            else:
                axes.set_visible(False)
        figure.supxlabel("share of the planned updates, %", fontsize=8.5)
        figure.supylabel("English dev, %", fontsize=8.5)
        handles, labels = _legend(grid.flat)
        if phase is not Phase.INTERMEDIATE and len(labels) > 1:
            figure.legend(handles, labels, loc="outside upper left", ncols=4, fontsize=7.5)
    what = "intermediate" if phase is Phase.INTERMEDIATE else "target"
    return Picture(
        name=f"curves-{what}", title=f"Dev curves of the {what} runs", figure=figure,
        caption=(
            "The figure that chooses the checkpoint, on the English dev rows of the run's own task; a line a run. The "
            "marker is the checkpoint that was kept."
        ),
    )  # fmt: skip


def search_curves(studies: Sequence[StudyResult]) -> Picture | None:
    """Dev figure of every trial in the order in which they were drawn, and the best so far; a panel a search.

    None where no search has two trials with a figure.
    """
    shown = [study for study in studies if sum(trial.value is not None for trial in study.trials) > 1]
    if not shown:
        return None
    across = min(len(shown), COLUMNS)
    down = -(-len(shown) // COLUMNS)
    with drawing():
        figure = canvas(0.6 + 1.9 * across, 0.6 + 1.5 * down)
        grid = figure.subplots(down, across, squeeze=False)
        for place, axes in enumerate(grid.flat):
            if place < len(shown):
                _search(axes, shown[place])
            else:
                axes.set_visible(False)
        figure.supxlabel("trial", fontsize=8.5)
        figure.supylabel("English dev, %", fontsize=8.5)
    return Picture(
        name="searches", title="What the searches found", figure=figure,
        caption=(
            "Circles are trials, the square is the configured setting (trial 0), crosses at the foot are trials that "
            "were pruned or failed; the line is the best so far. All on the rows that choose, so the best is flattered."
        ),
    )  # fmt: skip


def _order(run: Run) -> tuple[Any, ...]:
    spec = run.record.spec
    first = target_order(spec.tasks[0]) if spec.phase is not Phase.INTERMEDIATE else ()
    return first, row_order(run.variant), spec.seed


def _tasks(run: Run) -> str:
    return ", ".join(heading(name) for name in run.record.spec.tasks)


def _styles(panels: Mapping[str, Mapping[Row, list[Run]]]) -> dict[Row, int]:
    rows = sorted({row for found in panels.values() for row in found}, key=row_order)
    return {row: place for place, row in enumerate(rows)}


def _panel(axes: Axes, title: str, rows: Mapping[Row, list[Run]], styles: Mapping[Row, int]) -> None:
    several = len(styles) > HIGHLIGHTED
    for row in sorted(rows, key=row_order, reverse=True):
        style = styles[row]
        colour = SERIES[0] if style == 0 else PALE if len(rows) > HIGHLIGHTED else SERIES[style % len(SERIES)]
        if several and style and len(rows) > HIGHLIGHTED:
            colour = "#bdbdbd"
        for number, run in enumerate(rows[row]):
            points = run.record.dev_curve
            last = run.record.planned_steps or points[-1].step
            steps, values = [100 * point.step / last for point in points], [point.selection for point in points]
            label = row_title(row) if not several or style == 0 else "other rows"
            axes.plot(steps, values, linestyle=DASHES[style % len(DASHES)] if not several else "-", color=colour,
                      linewidth=1.3 if style == 0 else 0.9, label=label if number == 0 else None)  # fmt: skip
            kept = [place for place, point in enumerate(points) if point.step == run.record.best_step]
            if kept:
                axes.plot(steps[kept[0]], values[kept[0]], MARKERS[style % len(MARKERS)], color=colour, markersize=3.5)
    axes.set_title(title, fontsize=8.5)
    axes.set_xlim(0, 104)
    axes.grid(axis="y")


def _legend(panels: Iterable[Axes]) -> tuple[list[Artist], list[str]]:
    found: dict[str, Artist] = {}
    for axes in panels:
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True):
            found.setdefault(label, handle)
    return list(found.values()), list(found)


def _search(axes: Axes, study: StudyResult) -> None:
    told = [trial for trial in study.trials if trial.value is not None]
    values = [trial.value or 0.0 for trial in told]
    axes.plot(
        [t.number for t in told], list(accumulate(values, max)), drawstyle="steps-post", color=BLUE, linewidth=1.3
    )
    for trial, value in zip(told, values, strict=True):
        is_first = trial.number == 0
        axes.plot(trial.number, value, "s" if is_first else "o", color=SOFT if is_first else BLUE, markersize=4,
                  markerfacecolor="white" if not is_first else SOFT)  # fmt: skip
    ended = [trial.number for trial in study.trials if trial.state in (State.PRUNED, State.FAILED)]
    axes.plot(ended, [0.03] * len(ended), "x", color=SOFT, markersize=4, transform=axes.get_xaxis_transform())
    axes.set_title(study.name, fontsize=8.5)
    axes.grid(axis="y")
    axes.xaxis.set_major_locator(MaxNLocator(integer=True))
