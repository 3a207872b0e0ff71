"""Cost against gain: what training on an intermediate task first takes, and what it gives on average."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from matplotlib.axes import Axes
from matplotlib.ticker import FuncFormatter, LogLocator, NullFormatter

from analysis.figures.picture import BLUE, INK, ORANGE, SOFT, Picture, canvas, drawing
from analysis.scores.headings import row_title
from analysis.scores.load import Run
from analysis.selection.averages import Gap
from analysis.selection.results import Results
from analysis.statistics.estimate import Estimate, Verdict, Verdicts
from trainables.ledger.cells import Row
from trainables.ledger.spec import Phase

HOUR = 3600.0
LOGARITHMIC = 8
"""Ratio of the largest and the least cost from which the axis is logarithmic."""
STEP = 0.047
"""Least distance of two labels, as a share of the height."""


def cost_gain(runs: Sequence[Run], results: Results, verdicts: Verdicts | None = None) -> Picture | None:
    """Hours of the intermediate runs of a row (all seeds) against its average gain, with its interval.

    None where no row has both.
    """
    hours = _hours(runs)
    gains = {row: gain for row in hours if (gain := _gain(results, verdicts, row)) is not None}
    if not gains:
        return None
    unit, scale = ("hours", HOUR) if max(hours[row] for row in gains) >= HOUR else ("seconds", 1.0)
    with drawing():
        figure = canvas(6.2, 3.4)
        axes = figure.add_subplot()
        axes.axhline(0, color=INK, linewidth=0.8)
        for row, gain in gains.items():
            colour = BLUE if row.mlm else ORANGE
            value = gain.value if isinstance(gain, Estimate) else gain
            if isinstance(gain, Estimate):
                axes.plot([hours[row] / scale] * 2, [gain.low, gain.high], color=colour, linewidth=0.9)
            axes.plot(hours[row] / scale, value, "s" if row.mlm else "o", color=colour, markersize=5)
        most = max(hours[row] for row in gains) / scale
        least = min(hours[row] for row in gains) / scale
        if least > 0 and most / least > LOGARITHMIC:
            axes.set_xscale("log")
            axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
            axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:,g}"))
            axes.xaxis.set_minor_formatter(NullFormatter())
        axes.margins(x=0.06, y=0.08)
        _label(axes, {row: (hours[row] / scale, _value(gain)) for row, gain in gains.items()})
        axes.set_xlabel(f"{unit} of the intermediate runs, all seeds")
        axes.set_ylabel("average gain, points")
        axes.grid(axis="y")
        axes.set_axisbelow(True)
    return Picture(
        name="cost", title="Cost against gain", figure=figure,
        caption=(
            "What the intermediate runs of a row took, as their records say, against the difference of its overall dev "
            "average to the baseline's, with its 95 % interval where there is one. Circles without MLM, squares with."
        ),
    )  # fmt: skip


def _hours(runs: Sequence[Run]) -> dict[Row, float]:
    """Row -> seconds of its intermediate runs."""
    records = {run.intermediate.run_id: (run.variant, run.intermediate) for run in runs if run.intermediate}
    found: dict[Row, float] = {}
    for row, record in records.values():
        if record.spec.phase is Phase.INTERMEDIATE:
            found[row] = found.get(row, 0.0) + sum(record.seconds.values())
    return found


def _gain(results: Results, verdicts: Verdicts | None, row: Row) -> Estimate | float | None:
    verdict = verdicts.averages.get(row) if verdicts else None
    if isinstance(verdict, Verdict):
        return verdict.estimate
    if results.baseline is None or row not in results.variants:
        return None
    own, other = results.dev_average(row), results.average_beside(results.baseline, row)
    return None if isinstance(own, Gap) or isinstance(other, Gap) else own - other


def _value(gain: Estimate | float) -> float:
    return gain.value if isinstance(gain, Estimate) else gain


def _label(axes: Axes, places: Mapping[Row, tuple[float, float]]) -> None:
    """Names in a column at the right, in the order of the gains, each with a thin line to its point."""
    low, high = axes.get_ylim()
    order = sorted(places, key=lambda row: -places[row][1])
    spots = spread([(places[row][1] - low) / (high - low) for row in order], STEP)
    for row, spot in zip(order, spots, strict=True):
        axes.annotate(
            row_title(row), xy=places[row], xycoords="data", xytext=(1.04, spot), textcoords="axes fraction",
            va="center", fontsize=7.5, annotation_clip=False,
            arrowprops={"arrowstyle": "-", "color": SOFT, "linewidth": 0.35, "shrinkA": 0, "shrinkB": 3},
        )  # fmt: skip


def spread(wanted: Sequence[float], step: float) -> list[float]:
    """Falling places at least `step` apart, as near to the wanted ones (falling too) as that allows, in least squares.

    Places that would overlap form a block around the mean of what they want.
    """
    blocks: list[tuple[float, int]] = []
    for number, place in enumerate(wanted):
        blocks.append((place + number * step, 1))
        while len(blocks) > 1 and blocks[-2][0] < blocks[-1][0]:
            (mean, count), (other, more) = blocks[-2:]
            blocks[-2:] = [((mean * count + other * more) / (count + more), count + more)]
    level = [mean for mean, count in blocks for _ in range(count)]
    return [mean - number * step for number, mean in enumerate(level)]
