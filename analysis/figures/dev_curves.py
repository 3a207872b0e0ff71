"""How the dev figure that stops training went, run by run."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence
from enum import Enum
from math import ceil

from matplotlib.axes import Axes
from matplotlib.lines import Line2D

from analysis.figures.panels import panels
from analysis.figures.picture import BLUE, INK, ORANGE, Picture, label, styled
from analysis.scores.headings import heading, row_order, target_order
from analysis.scores.load import Run
from trainables.ledger.cells import BASELINE, Row
from trainables.ledger.record import Record
from trainables.ledger.spec import Phase

_MOST_POINTS = 40
"""Of a curve; a longer one shows every second evaluation, every third and so on, the best and the last."""

_START = 0.2
"""Share of training whose figures may lie below the frame."""


class Kind(Enum):
    """What a line stands for: words, colour, dashes, width. The first are drawn first."""

    OTHER = ("other rows", "#b5b5b5", "-", 0.6)
    WITHOUT_MLM = ("without MLM", BLUE, "-", 1.1)
    WITH_MLM = ("with MLM", ORANGE, (0, (3, 1.2)), 1.1)
    BASELINE = ("baseline", INK, "-", 1.3)
    SELECTED = ("selected", BLUE, (0, (4, 1)), 1.3)


@styled()
def intermediate_curves(runs: Sequence[Run]) -> Picture | None:
    """One panel an intermediate task, without and with MLM; None without a curve.

    `runs` are those of a sweep: the intermediate runs among them, and those that others start from.
    """
    made = {made.run_id: (run.variant, made) for run in runs if (made := run.intermediate)}
    by_title: dict[str, list[tuple[Kind, Record]]] = defaultdict(list)
    for row, record in sorted(made.values(), key=lambda each: row_order(each[0])):
        by_title[heading(row.intermediate)].append((Kind.WITH_MLM if row.mlm else Kind.WITHOUT_MLM, record))
    return _picture("curves-intermediate", "Dev curves of intermediate training", by_title, most_across=4)


@styled()
def target_curves(runs: Sequence[Run], chosen: Mapping[str, Row | None] | None = None) -> Picture | None:
    """One panel a fine-tuning: the baseline, the rows that `chosen` names for its targets, all others.

    None without a curve.
    """
    by_title: dict[str, list[tuple[Kind, Record]]] = defaultdict(list)
    tuned = [run for run in runs if run.record.spec.phase is Phase.TARGET]
    for run in sorted(tuned, key=lambda run: target_order(run.record.spec.tasks[0])):
        tasks = run.record.spec.tasks
        kind = Kind.OTHER
        if run.variant.intermediate == BASELINE:
            kind = Kind.BASELINE
        elif run.variant in [(chosen or {}).get(target) for target in tasks]:
            kind = Kind.SELECTED
        by_title[", ".join(map(heading, tasks))].append((kind, run.record))
    return _picture("curves-targets", "Dev curves of fine-tuning", by_title, most_across=3)


def _picture(
    name: str, title: str, by_title: Mapping[str, Sequence[tuple[Kind, Record]]], *, most_across: int
) -> Picture | None:
    with_curves = {
        task: lines
        for task, found in by_title.items()
        if (lines := [(kind, record) for kind, record in found if record.dev_curve])
    }
    if not with_curves:
        return None
    figure, places = panels(
        len(with_curves), most_across, (5.6 / most_across, 1.05), "share of the planned steps, percent", share_x=True
    )
    for axes, (task, lines) in zip(places, with_curves.items(), strict=True):
        for kind, record in sorted(lines, key=lambda line: (list(Kind).index(line[0]), line[1].run_id)):
            _curve(axes, kind, record)
        axes.set_title(label(task))
        axes.set_xlim(0, 103)
        axes.set_ylim(_range([record for _, record in lines]))
        axes.grid(axis="y")
    kinds = [kind for kind in Kind if any(kind is found for lines in with_curves.values() for found, _ in lines)]
    handles = [Line2D([], [], color=k.value[1], linestyle=k.value[2], linewidth=k.value[3]) for k in kinds]
    figure.legend(handles, [kind.value[0] for kind in kinds], loc="upper left", ncols=len(kinds))
    caption = (
        "Dev figure that stops training, in the languages of its rows, percent, by the share of the planned steps; one "
        "line a run. What lies below the frame is of the first fifth. A dot: the checkpoint that was kept."
    )
    return Picture(name=name, title=title, caption=caption, figure=figure)


def _range(records: Sequence[Record]) -> tuple[float, float]:
    """Without the steep start, beside which all that differs later would look the same."""
    late = [
        point.selection
        for record in records
        for point in record.dev_curve
        if point.step >= _START * record.planned_steps or point.step == record.dev_curve[-1].step
    ]
    room = 0.08 * (max(late) - min(late)) or 1.0
    return min(late) - room, max(late) + room


def _curve(axes: Axes, kind: Kind, record: Record) -> None:
    _, colour, dashes, width = kind.value
    every = ceil(len(record.dev_curve) / _MOST_POINTS)
    shown = [
        point
        for place, point in enumerate(record.dev_curve, start=1)
        if place % every == 0 or point.step == record.best_step or place == len(record.dev_curve)
    ]
    planned = max(record.planned_steps, record.dev_curve[-1].step, 1)
    axes.plot(
        [100 * point.step / planned for point in shown], [point.selection for point in shown], color=colour,
        linestyle=dashes, linewidth=width, marker="" if kind is Kind.OTHER else "o", markersize=3,
        markevery=[place for place, point in enumerate(shown) if point.step == record.best_step],
    )  # fmt: skip
