"""With multilingual MLM against without: what co-training changes, an intermediate task a line."""

from __future__ import annotations

from matplotlib.axes import Axes

from analysis.figures.picture import BLUE, INK, ORANGE, SOFT, Picture, canvas, drawing
from analysis.scores.headings import heading
from analysis.selection.averages import Gap, TaskScore
from analysis.selection.results import Results
from analysis.statistics.estimate import Verdict, Verdicts
from trainables.ledger.cells import Row

COLUMNS = 5


def with_mlm(results: Results, verdicts: Verdicts | None = None) -> Picture | None:
    """Difference to the baseline without and with MLM, a panel a target and one for the average.

    None without a baseline or without an intermediate task that was trained both ways.
    """
    both = [row for row in results.variants if not row.mlm and Row(row.intermediate, True) in results.variants]
    panels = [target for target in (*results.targets, "") if _pairs(results, both, target)]
    if results.baseline is None or not panels:
        return None
    across = min(len(panels), COLUMNS)
    down = -(-len(panels) // COLUMNS)
    names = [heading(row.intermediate) for row in both]
    with drawing():
        figure = canvas(1.2 + 1.5 * across, 0.75 + (0.35 + 0.19 * len(both)) * down)
        grid = figure.subplots(down, across, sharey=True, squeeze=False)
        for place, axes in enumerate(grid.flat):
            if place >= len(panels):
                axes.set_visible(False)
                continue
            _panel(axes, results, verdicts, both, panels[place])
        grid[0][0].set_yticks(range(len(names)), names)
        grid[0][0].set_ylim(len(names) - 0.5, -0.5)
        handles, labels = grid[0][0].get_legend_handles_labels()
        figure.legend(handles, labels, loc="outside upper left", ncols=2, fontsize=8)
        figure.supxlabel("points over the baseline", fontsize=8.5)
    return Picture(
        name="mlm", title="With MLM against without", figure=figure,
        caption=(
            "Difference to the baseline on the rows that select, without (circle) and with (square) multilingual MLM "
            "beside the intermediate task. Filled: better or worse than the baseline over the whole table."
        ),
    )  # fmt: skip


def _pairs(results: Results, rows: list[Row], target: str) -> bool:
    return any(
        _difference(results, row, target) is not None
        and _difference(results, Row(row.intermediate, True), target) is not None
        for row in rows
    )


def _difference(results: Results, row: Row, target: str) -> float | None:
    """Points over the baseline; of the average where no target is named."""
    if results.baseline is None:
        return None
    if not target:
        own, other = results.dev_average(row), results.average_beside(results.baseline, row)
        return None if isinstance(own, Gap) or isinstance(other, Gap) else own - other
    score, baseline = results.dev(row, target), results.dev_beside(results.baseline, row, target)
    if isinstance(score, TaskScore) and isinstance(baseline, TaskScore):
        return score.value - baseline.value
    return None


def _panel(axes: Axes, results: Results, verdicts: Verdicts | None, rows: list[Row], target: str) -> None:
    axes.axvline(0, color=INK, linewidth=0.8)
    for place, row in enumerate(rows):
        pair = [(each, _difference(results, each, target)) for each in (row, Row(row.intermediate, True))]
        known = [value for _, value in pair if value is not None]
        if len(known) > 1:
            axes.plot(known, [place, place], color=SOFT, linewidth=1, zorder=1)
        for (each, value), marker, colour, label in zip(
            pair, "os", (ORANGE, BLUE), ("without MLM", "with MLM"), strict=True
        ):
            if value is not None:
                face = colour if verdicts is None or _is_shown(verdicts, each, target) else "white"
                axes.plot(value, place, marker, color=colour, markerfacecolor=face, markersize=4.5,
                          label=label if place == 0 else None)  # fmt: skip
    axes.set_title(heading(target) if target else "Avg")
    axes.grid(axis="x")
    axes.set_axisbelow(True)
    axes.tick_params(axis="y", length=0)
    axes.locator_params(axis="x", nbins=4)


def _is_shown(verdicts: Verdicts, row: Row, target: str) -> bool:
    found = verdicts.cells.get((row, target)) if target else verdicts.averages.get(row)
    return isinstance(found, Verdict) and bool(found.word.sign) and found.word.sign != "≈"
