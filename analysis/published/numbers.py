"""Every number of the paper's Table 2 as it is printed, the averages among them, and whether these follow."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from functools import cache

from analysis.published import tables
from analysis.scores.headings import heading, row_title
from analysis.selection.averages import mean
from trainables.ledger.cells import Row

ROUNDING = 0.05
"""Points by which a number of one decimal may differ from what it was rounded from."""
AVERAGE = ""
"""Target and metric of an average."""
TARGETS = tuple(dict.fromkeys(tables.TARGETS.values()))
"""The nine targets in the order of Table 2."""


class Part(StrEnum):
    """The two blocks of Table 2."""

    DEV = "dev"
    TEST = "test"


class Label(StrEnum):
    """Rows of the test block."""

    HU = "XLM-R (Hu et al., 2020)"
    BASELINE = "XLM-R (Ours)"
    BEST = "Our Best Models"
    HUMAN = "Human"


@dataclass(frozen=True, kw_only=True)
class Number:
    """A printed number.

    Attributes:
        part: block of the table.
        label: of its row, as this project's tables have it; in the test block as in the paper.
        row: of the dev block; None in the test block.
        target: column; AVERAGE for the overall average.
        metric: reported metric; AVERAGE for the overall average.
        printed: its text, for example `+1.1`.
    """

    part: Part
    label: str
    row: Row | None
    target: str
    metric: str
    printed: str

    @property
    def is_change(self) -> bool:
        """Whether it is printed as a change against the baseline."""
        return self.printed[0] in "+-"

    @property
    def value(self) -> float:
        """Percent, or points of change."""
        return float(self.printed)


class Follows(StrEnum):
    """Whether a printed average follows from the printed cells."""

    YES = "yes"
    """To the printed decimal."""
    ROUNDED = "within the rounding of the cells"
    NO = "no"


@dataclass(frozen=True, kw_only=True)
class Average:
    """A printed average beside that of the printed cells (protocol.md 6), in the same terms: percent, or change.

    Attributes:
        number: as printed.
        recomputed: unweighted mean over the nine targets, of QA the mean of F1 and EM.
        note: what was odd or hard to read in its row.
    """

    number: Number
    recomputed: float
    note: str

    @property
    def difference(self) -> float:
        """Recomputed less printed, points."""
        return self.recomputed - self.number.value

    @property
    def follows(self) -> Follows:
        """An average and each of its cells may be rounded by ROUNDING, so the two may differ by twice as much."""
        far = round(abs(self.difference), 9)
        return Follows.YES if far <= ROUNDING else Follows.ROUNDED if far <= 2 * ROUNDING else Follows.NO


@cache
def cells() -> tuple[Number, ...]:
    """All printed numbers but the averages: first the dev block, then the test block, each by row."""
    dev, test = tables.dev_scores(), tables.benchmark_scores()
    names = ("intermediate", "mlm", "target", "metric", "printed")
    found = [
        Number(
            part=Part.DEV, label=row_title(Row(intermediate, bool(mlm))), row=Row(intermediate, bool(mlm)),
            target=target, metric=metric, printed=printed,
        )
        for intermediate, mlm, target, metric, printed in zip(*(dev[name] for name in names), strict=True)
    ]  # fmt: skip
    found += [
        Number(part=Part.TEST, label=label, row=None, target=target, metric=metric, printed=printed)
        for label, target, metric, printed in zip(
            *(test[name] for name in ("label", "target", "metric", "printed")), strict=True
        )
    ]
    return tuple(found)


@cache
def averages() -> tuple[Average, ...]:
    """All printed averages in the order of the table: 17 of the dev block, 3 of the test block."""
    return tuple(_averages())


def titled(number: Number) -> str:
    """For example `QQP + MLM, XQuAD F1, dev`."""
    where = "Avg" if number.target == AVERAGE else f"{heading(number.target)} {_METRICS[number.metric]}"
    return f"{number.label}, {where}, {number.part}"


_METRICS = {"accuracy": "acc", "f1": "F1", "exact_match": "EM"}


def _averages() -> Iterator[Average]:
    dev = tables.dev_averages()
    for intermediate, mlm, printed, note in zip(
        *(dev[name] for name in ("intermediate", "mlm", "printed", "note")), strict=True
    ):
        row = Row(intermediate, bool(mlm))
        number = _average(Part.DEV, row_title(row), row, printed)
        yield Average(number=number, recomputed=_mean_of(Part.DEV, number.label), note=note)
    test = tables.benchmark_averages()
    for label, printed, note in zip(*(test[name] for name in ("label", "printed", "note")), strict=True):
        number = _average(Part.TEST, label, None, printed)
        yield Average(number=number, recomputed=_mean_of(Part.TEST, label), note=note)


def _average(part: Part, label: str, row: Row | None, printed: str) -> Number:
    return Number(part=part, label=label, row=row, target=AVERAGE, metric=AVERAGE, printed=printed)


def _mean_of(part: Part, label: str) -> float:
    metrics: Mapping[str, list[float]] = defaultdict(list)
    for number in cells():
        if number.part is part and number.label == label:
            metrics[number.target].append(number.value)
    assert len(metrics) == len(TARGETS)
    return mean(mean(values) for values in metrics.values())
