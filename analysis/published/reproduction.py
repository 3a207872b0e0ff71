"""The ledger of reproduced numbers: every number of the paper's Table 2, ours beside it, and what lies between."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from analysis.published.causes import causes, of_choice
from analysis.published.comparable import why_not_comparable
from analysis.published.numbers import AVERAGE, TARGETS, Average, Follows, Label, Number, Part, averages, cells, titled
from analysis.published.spread import ASSUMED_SD, expected_spread
from analysis.scores.load import Run
from analysis.selection.averages import Gap, TaskScore
from analysis.selection.results import Results
from analysis.selection.selection import Selection, baseline_average, best_models_average
from analysis.statistics.estimate import Verdicts
from trainables.ledger.cells import BASELINE, Row

VERSION = (
    "The numbers are those of the arXiv version of May 2020 (2005.13013), which has seven intermediate tasks. The"
    " version of AACL 2020 has nine, and other numbers; nothing here is compared with it."
)
ABSTRACT = "The abstract gives SQuAD's average as +8.4; the table and its cells give +8.3."


@dataclass(frozen=True, kw_only=True)
class Line:
    """One printed number and ours.

    Attributes:
        number: as printed.
        ours: in the same terms, unrounded: percent, or the change against our baseline; None without.
        absent: why there is none of ours; empty where there is, and where nothing can be compared.
        spread: half the width of what chance explains (`spread.expected_spread`), points; None without ours.
        causes: what else may be behind the difference.
    """

    number: Number
    ours: float | None = None
    absent: str = ""
    spread: float | None = None
    causes: tuple[str, ...] = ()

    @property
    def difference(self) -> float | None:
        """Ours less the printed number, points."""
        return None if self.ours is None else self.ours - self.number.value

    @property
    def within(self) -> bool | None:
        """Whether chance explains the difference."""
        if self.difference is None or self.spread is None:
            return None
        return abs(self.difference) <= self.spread


@dataclass(frozen=True, kw_only=True)
class Reproduction:
    """All printed numbers.

    Attributes:
        head: which version of the paper this is, and how to read the lines.
        obstacle: what keeps ours from standing beside the printed numbers; empty when nothing does.
        lines: every printed number but the averages of rows that are not this paper's; averages last of their row.
        averages: printed averages against their own cells.
        flags: averages that do not follow, and other doubts about the table itself.
    """

    head: str
    obstacle: str
    lines: tuple[Line, ...]
    averages: tuple[Average, ...]
    flags: tuple[str, ...]

    @property
    def compared(self) -> tuple[Line, ...]:
        """Lines that have a number of ours."""
        return tuple(line for line in self.lines if line.ours is not None)


def reproduction(
    runs: Sequence[Run], results: Results, selections: Mapping[str, Selection], verdicts: Verdicts | None = None
) -> Reproduction:
    """Our numbers beside the printed ones, where the two can be compared at all.

    `selections` hold the test scores that may be shown. With `verdicts` the expected spread is from what the sweep has
    measured between seeds and rows, without from an assumption.
    """
    obstacle = why_not_comparable(runs)
    numbers = [*cells(), *(average.number for average in averages())]
    ours = _Ours(runs, results, selections, verdicts)
    lines = tuple(Line(number=number) if obstacle else ours.line(number) for number in _in_order(numbers))
    return Reproduction(
        head=_head(obstacle, lines), obstacle=obstacle, lines=lines, averages=averages(), flags=tuple(_flags())
    )


class _Ours:
    def __init__(
        self,
        runs: Sequence[Run],
        results: Results,
        selections: Mapping[str, Selection],
        verdicts: Verdicts | None,
    ) -> None:
        self._results, self._selections, self._verdicts = results, selections, verdicts
        self._runs: dict[tuple[Row, str], list[Run]] = {}
        for run in runs:
            for cell in run.cells:
                self._runs.setdefault((cell.row, cell.target), []).append(run)

    def line(self, number: Number) -> Line:
        if number.label in (Label.HU, Label.HUMAN):
            return Line(number=number, absent="measured by others")
        found = self._average(number) if number.target == AVERAGE else self._cell(number)
        if isinstance(found, str):
            return Line(number=number, absent=found)
        row = number.row if number.part is Part.DEV else self._shown(number)
        return Line(
            number=number,
            ours=found,
            spread=expected_spread(number, row, max(len(self._results.seeds), 1), self._verdicts),
            causes=self._causes(number, row),
        )

    def _cell(self, number: Number) -> float | str:
        if number.target not in self._results.targets:
            return "not in this sweep"
        if number.part is Part.TEST:
            selection = self._selections[number.target]
            return _value(selection.test if number.label == Label.BEST else selection.baseline_test, number.metric)
        row, results = number.row, self._results
        assert row is not None
        if row not in results.variants:
            return "not in this sweep"
        own = _value(results.dev(row, number.target), number.metric)
        if not number.is_change or isinstance(own, str):
            return own
        if results.baseline is None:
            return "this sweep has no baseline"
        beside = _value(results.dev_beside(results.baseline, row, number.target), number.metric)
        return f"no baseline to compare with: {beside}" if isinstance(beside, str) else own - beside

    def _average(self, number: Number) -> float | str:
        results = self._results
        if len(results.averaged_targets) < len(TARGETS):
            return f"over nine targets; this sweep has data for {len(results.averaged_targets)}"
        if number.part is Part.TEST:
            average = best_models_average if number.label == Label.BEST else baseline_average
            return _number(average(self._selections, results.averaged_targets))
        row = number.row
        assert row is not None
        if row not in results.variants:
            return "not in this sweep"
        own = _number(results.dev_average(row))
        if not number.is_change or isinstance(own, str):
            return own
        if results.baseline is None:
            return "this sweep has no baseline"
        beside = _number(results.average_beside(results.baseline, row))
        return f"no baseline to compare with: {beside}" if isinstance(beside, str) else own - beside

    def _shown(self, number: Number) -> Row | None:
        """The row whose test score stands beside a number of the test block."""
        if number.label == Label.BASELINE:
            return Row(BASELINE, False)
        return self._selections[number.target].variant if number.target != AVERAGE else None

    def _causes(self, number: Number, row: Row | None) -> tuple[str, ...]:
        if number.target == AVERAGE:
            doubtful = [each for each in averages() if each.number == number and each.follows is Follows.NO]
            own = tuple(f"the printed cells average to {each.recomputed:+.1f}" for each in doubtful)
            return (*own, "those of its cells")
        found = causes(number.target, self._runs.get((row, number.target), ())) if row else ()
        if number.label == Label.BEST and row:
            found = (*of_choice(number.target, row), *found)
        return found


def _in_order(numbers: Sequence[Number]) -> list[Number]:
    """By row, its average last."""
    labels = list(dict.fromkeys((number.part, number.label) for number in numbers))
    return sorted(numbers, key=lambda number: labels.index((number.part, number.label)))


def _value(score: TaskScore | Gap, metric: str) -> float | str:
    return str(score) if isinstance(score, Gap) else score.metrics[metric]


def _number(average: float | Gap) -> float | str:
    return str(average) if isinstance(average, Gap) else average


def _head(obstacle: str, lines: Sequence[Line]) -> str:
    if obstacle:
        return (
            f"{VERSION} They are for XLM-R Large on the whole data sets. Ours do not stand beside them, because"
            f" {obstacle}."
        )
    compared = [line for line in lines if line.ours is not None]
    within = sum(line.within is True for line in compared)
    return (
        f"{VERSION} Of {len(lines)} printed numbers {len(compared)} have one of ours beside them; {within} of these"
        " differ by no more than chance explains. Chance is the rounding to one decimal and the one unknown seed of the"
        f" paper, with the variance between seeds that this sweep has measured, or {ASSUMED_SD:g} point between two"
        " runs (standard deviation) where it has measured none."
    )


def _flags() -> Iterator[str]:
    for average in averages():
        if average.follows is Follows.NO:
            yield (
                f"{titled(average.number)}: printed {average.number.printed}, but the cells of the row average to"
                f" {average.recomputed:+.1f}. Compare with the cells, not with this average. {average.note}"
            )
    for average in averages():
        if average.note and average.follows is not Follows.NO:
            yield f"{average.number.label}, {average.number.part}: {average.note}"
    yield ABSTRACT
