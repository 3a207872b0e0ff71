"""What changed between two stores beyond chance, on the split that selects: test scores are not looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from analysis.comparing.provenance import Provenance, SettingChange, provenance, setting_changes
from analysis.comparing.side import Side
from analysis.scores.headings import AnalysisError, row_order, target_order
from analysis.selection.averages import Gap, TaskScore, mean
from analysis.selection.selection import Selection
from analysis.statistics.estimate import MARGIN, Estimate, NoVerdict, Verdict
from analysis.statistics.paired import between, difference
from analysis.statistics.rows import Rows, RowsError
from analysis.statistics.verdicts import judged
from trainables.ledger.cells import Cell, Row

Place = tuple[Row, str]
"""Row and target."""
SAME = "the very same runs in both"


@dataclass(frozen=True, kw_only=True)
class Change:
    """One row on one target, over the seeds that both stores have.

    Attributes:
        a: task score in A, mean over the seeds, percent.
        b: the same in B.
        seeds: the common ones.
        verdict: on B less A, by Holm over the table; NoVerdict says why there is none.
        same: both stores hold the very same runs, with the same scores.
        repeated: both hold the same runs by their settings, computed twice, with other scores.
    """

    row: Row
    target: str
    seeds: tuple[int, ...]
    a: float
    b: float
    verdict: Verdict | NoVerdict
    same: bool
    repeated: bool

    @property
    def points(self) -> float:
        """B less A, points."""
        return self.b - self.a


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """All that differs between two sweeps, A and B.

    Attributes:
        changes: cells that both have, in the order of Table 2.
        averages: row -> its overall dev average in A and in B, where both have it over the same targets and seeds.
        only_a: cells that A alone has a score of -> why B has none.
        only_b: the other way round.
        selections: target -> what A and B select, or why they select nothing, where that differs.
        settings: of runs that both have, where they differ.
        provenance: versions, commits and devices, where they differ.
        margin: points within which two scores count as equivalent.
        warnings: finished runs that were left out.
    """

    changes: tuple[Change, ...]
    averages: Mapping[Row, tuple[float, float]]
    only_a: Mapping[Cell, str]
    only_b: Mapping[Cell, str]
    selections: Mapping[str, tuple[Row | str, Row | str]]
    settings: tuple[SettingChange, ...]
    provenance: tuple[Provenance, ...]
    margin: float
    warnings: tuple[str, ...]

    @property
    def family(self) -> int:
        """How many comparisons Holm's adjustment is over."""
        return sum(isinstance(change.verdict, Verdict) for change in self.changes)


def compare(a: Side, b: Side, margin: float = MARGIN) -> Comparison:
    """Match the cells of two sweeps by row, target and seed, and say what chance does not explain.

    Raises AnalysisError where both have a task of one's own under one name that is not the same.
    """
    for name in sorted(a.own_tasks.keys() & b.own_tasks.keys()):
        if a.own_tasks[name] != b.own_tasks[name]:
            raise AnalysisError(
                f"the task {name!r} is not the same in both: {a.own_tasks[name]} in {a.place}, {b.own_tasks[name]} in "
                f"{b.place}, by what it says or by its rows; allowed: stores with the same one"
            )
    scored_a, scored_b = (_scored(side) for side in (a, b))
    common = sorted(scored_a.keys() & scored_b.keys(), key=_order)
    return Comparison(
        changes=tuple(_changes(a, b, common, margin)),
        averages=_averages(a, b),
        only_a={cell: _why(b, cell) for cell in sorted(scored_a.keys() - scored_b.keys(), key=_order)},
        only_b={cell: _why(a, cell) for cell in sorted(scored_b.keys() - scored_a.keys(), key=_order)},
        selections=_selections(a, b),
        settings=setting_changes(a, b, common),
        provenance=provenance(a, b),
        margin=margin,
        warnings=tuple(
            f"{name} is without run {run_id}: {why}"
            for name, side in (("A", a), ("B", b))
            for run_id, why in side.sweep.unusable.items()
        ),
    )


def _changes(a: Side, b: Side, common: Sequence[Cell], margin: float) -> Iterator[Change]:
    seeds: dict[Place, list[int]] = defaultdict(list)
    for cell in common:
        seeds[cell.row, cell.target].append(cell.seed)
    found = {place: _scores(a, b, place, own) for place, own in seeds.items()}
    compared: dict[Place, Estimate | NoVerdict] = {}
    for target in dict.fromkeys(target for _, target in found):
        column = [change for change in found.values() if change.target == target]
        compared |= _column(a, b, [change for change in column if not change.same])
        compared |= {(change.row, target): NoVerdict(reason=SAME) for change in column if change.same}
    places = list(found)
    for place, verdict in zip(places, judged([compared[place] for place in places], margin), strict=True):
        yield replace(found[place], verdict=verdict)


def _scores(a: Side, b: Side, place: Place, seeds: Sequence[int]) -> Change:
    row, target = place
    cells = [Cell(*row, target, seed) for seed in seeds]
    own, other = ([_value(side, cell) for cell in cells] for side in (a, b))
    first, second = ([side.runs[cell].record.run_id for cell in cells] for side in (a, b))
    return Change(
        row=row, target=target, seeds=tuple(seeds), a=mean(own), b=mean(other), verdict=NoVerdict(reason=SAME),
        same=(own, first) == (other, second), repeated=first == second and own != other,
    )  # fmt: skip


def _column(a: Side, b: Side, changes: Sequence[Change]) -> dict[Place, Estimate | NoVerdict]:
    """The estimates on one target; the variance between seeds is pooled over all its rows, on both sides."""
    found: dict[Place, Estimate | NoVerdict] = {}
    rows: dict[Place, tuple[list[Rows], list[Rows]]] = {}
    for change in changes:
        place = change.row, change.target
        cells = [Cell(*change.row, change.target, seed) for seed in change.seeds]
        try:
            own, other = ([side.rows(cell) for cell in cells] for side in (a, b))
            known = next(iter(rows.values()), (own, other))
            between([*known, own, other])  # raises where they were measured on other rows
            rows[place] = own, other
        except RowsError as error:
            found[place] = NoVerdict(reason=str(error))
    runs = between([side for both in rows.values() for side in both]) if rows else None
    return found | {
        place: difference(other, own, between=runs, languages=_averaged(a, place))
        for place, (own, other) in rows.items()
    }


def _averaged(side: Side, place: Place) -> tuple[str, ...] | None:
    """The languages that the scores of a row are over; None for all of them."""
    score = side.sweep.results.dev(*place)
    return score.averaged if isinstance(score, TaskScore) and score.seen else None


def _averages(a: Side, b: Side) -> dict[Row, tuple[float, float]]:
    own, other = a.sweep.results, b.sweep.results
    if own.averaged_targets != other.averaged_targets or own.seeds != other.seeds:
        return {}
    found = {row: (own.dev_average(row), other.dev_average(row)) for row in own.variants if row in other.variants}
    return {
        row: (first, second)
        for row, (first, second) in found.items()
        if not isinstance(first, Gap) and not isinstance(second, Gap)
    }


def _selections(a: Side, b: Side) -> dict[str, tuple[Row | str, Row | str]]:
    targets = [target for target in a.sweep.results.targets if target in b.sweep.results.targets]
    found = {target: (_chosen(a.sweep.selections[target]), _chosen(b.sweep.selections[target])) for target in targets}
    return {
        target: (first, second)
        for target, (first, second) in found.items()
        if first != second and (isinstance(first, Row) or isinstance(second, Row))
    }


def _chosen(selection: Selection) -> Row | str:
    return str(selection.choice) if isinstance(selection.choice, Gap) else selection.choice.best.variant


def _scored(side: Side) -> dict[Cell, TaskScore]:
    return {cell: score for cell in side.runs if isinstance(score := side.score(cell), TaskScore)}


def _value(side: Side, cell: Cell) -> float:
    score = side.score(cell)
    assert isinstance(score, TaskScore)
    return score.value


def _why(side: Side, cell: Cell) -> str:
    found = side.score(cell)
    return str(found) if isinstance(found, Gap) else ""


def _order(cell: Cell) -> tuple[object, ...]:
    return (*row_order(cell.row), *target_order(cell.target), cell.seed)
