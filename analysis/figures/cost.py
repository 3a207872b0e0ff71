"""Cost against gain: what an intermediate task takes, and what it brings on average."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from math import ceil

from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import NullLocator

from analysis.figures.gains import AVERAGE, covered, gain, interval
from analysis.figures.labels import place_labels
from analysis.figures.picture import BLUE, GREY, ORANGE, Picture, label, styled, zero_line
from analysis.scores.headings import row_title
from analysis.scores.load import Run
from analysis.selection.averages import Gap
from analysis.selection.results import Results
from analysis.statistics.estimate import Verdicts
from trainables.ledger.cells import BASELINE, Row

_TICKS = {
    1: "1 s", 2: "2 s", 5: "5 s", 10: "10 s", 20: "20 s", 30: "30 s", 60: "1 min", 120: "2 min", 300: "5 min",
    600: "10 min", 1200: "20 min", 1800: "30 min", 3600: "1 h", 7200: "2 h", 10800: "3 h", 18000: "5 h", 36000: "10 h",
    72000: "20 h", 172800: "2 d", 432000: "5 d", 864000: "10 d",
}  # fmt: skip
"""Seconds -> words, on a logarithmic scale."""
_FEWEST_TICKS, _MOST_TICKS = 3, 8


def intermediate_seconds(runs: Iterable[Run]) -> dict[Row, float]:
    """Row -> seconds that its intermediate run took, mean over its seeds; the baseline has none.

    It is what a row costs beyond the baseline: the runs on targets are the same for all rows. `runs` are those of a
    sweep; an intermediate run counts once, also where it is only there as a parent.
    """
    made = {made.run_id: (run.variant, made) for run in runs if (made := run.intermediate)}
    found: dict[Row, list[float]] = defaultdict(list)
    for row, record in made.values():
        found[row].append(sum(record.seconds.values()))
    return {row: sum(seconds) / len(seconds) for row, seconds in found.items()}


@styled()
def cost_against_gain(
    results: Results, seconds: Mapping[Row, float], verdicts: Verdicts | None = None
) -> Picture | None:
    """A point a row: seconds of intermediate training, gain of the overall dev average.

    Rows without average or with no measured seconds are left out; None where none is left.
    """
    points = [
        (row, seconds[row], found)
        for row in results.variants
        if row.intermediate != BASELINE
        and seconds.get(row, 0.0) > 0
        and not isinstance(found := gain(results, row, AVERAGE), Gap)
    ]
    if not points:
        return None
    figure = Figure(figsize=(5.2, 3.4))
    axes = figure.add_axes((0.1, 0.13, 0.87, 0.84))
    axes.set_xscale("log")
    zero_line(axes, vertical=False)
    estimates = [(cost, each) for row, cost, _ in points if (each := interval(verdicts, row, AVERAGE))]
    spans = [(cost, estimate.low, estimate.high) for cost, estimate in estimates]
    axes.vlines([x for x, _, _ in spans], [low for _, low, _ in spans], [high for _, _, high in spans], color=GREY,
        linewidth=0.8)  # fmt: skip
    for mlm, colour, marker in ((False, BLUE, "o"), (True, ORANGE, "D")):
        of_kind = [(cost, found) for row, cost, found in points if row.mlm is mlm]
        axes.plot(
            [x for x, _ in of_kind], [y for _, y in of_kind], linestyle="none", marker=marker, markersize=4,
            color=colour,
        )  # fmt: skip
    _scales(axes, [cost for _, cost, _ in points])
    place_labels(axes, [(cost, found, label(row_title(row))) for row, cost, found in points], spans)
    said = (
        "Gain of the overall dev average over the baseline (the line at 0) in points, against the seconds of the "
        "intermediate run, mean over seeds, on a logarithmic scale. Diamonds: with MLM."
    )
    if estimates:
        said += f" Lines: 95 % intervals, each comparison alone, {covered(each for _, each in estimates)}."
    return Picture(name="cost", title="Cost against gain", caption=said, figure=figure)


def _scales(axes: Axes, costs: Sequence[float]) -> None:
    low, high = min(costs) / 1.6, max(costs) * 2.2  # labels stand at the right of their points
    while sum(low <= tick <= high for tick in _TICKS) < _FEWEST_TICKS and high < max(_TICKS):
        low, high = low / 1.2, high * 1.2
    axes.set_xlim(low, high)
    axes.margins(y=0.12)
    within: list[float] = [tick for tick in _TICKS if low <= tick <= high] or [min(costs)]
    within = within[:: ceil(len(within) / _MOST_TICKS)]
    axes.set_xticks(within, [_TICKS.get(round(tick), f"{tick:.3g} s") for tick in within])
    axes.xaxis.set_minor_locator(NullLocator())
    axes.set_xlabel("intermediate training")
    axes.set_ylabel("points over the baseline")
    axes.grid(axis="y")
