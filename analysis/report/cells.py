"""Every cell of Table 2 with what stands behind it: seeds, runs, verdict."""

from __future__ import annotations

from collections.abc import Iterator

from analysis.report.content import Cell, Code, Folded, Grid, Head, Line, MainTable, Said, Section, SeedScore, Value
from analysis.report.material import Material
from analysis.scores.headings import heading, row_title
from analysis.selection.averages import Gap, TaskScore
from analysis.statistics.estimate import Estimate, NoVerdict, Verdict
from analysis.tables.table import Entry, number
from trainables.ledger.cells import Cell as Place
from trainables.ledger.cells import Row
from trainables.ledger.race import shown_p
from trainables.tasks.registry import task
from trainables.tasks.task import Split

TEST = "test"


def main_table(material: Material) -> MainTable:
    """Table 2 with its cells."""
    return MainTable(table=material.table, cells=tuple(_cells(material)))


def cells_section(table: MainTable) -> Section:
    """Every cell with its numbers, the scores of its seeds and the runs behind them."""
    heads = (
        Head(title="cell"), Head(title="split"), Head(title="score", numeric=True), Head(title="change", numeric=True),
        Head(title="95 % interval"), Head(title="verdict"), Head(title="p (Holm)", numeric=True),
        Head(title="detectable", numeric=True), Head(title="seeds needed", numeric=True), Head(title="measured on"),
        Head(title="seeds: score, run"),
    )  # fmt: skip
    lines = tuple(Line(id=cell.id, cells=(*_values(cell),)) for cell in table.cells)
    grid = Grid(heads=heads, lines=lines)
    said = f"{len(lines)} cells: scores in percent, changes to the baseline in points, run ids"
    return Section(id="cells", title="Every cell", blocks=(Folded(said=said, blocks=(grid,)),))


def interval(estimate: Estimate, *, signed: bool = False) -> str:
    """For example `-0.4 to +1.2`."""
    return f"{number(estimate.low, signed=signed)} to {number(estimate.high, signed=signed)}"


def _cells(material: Material) -> Iterator[Cell]:
    results, runs = material.sweep.results, _runs(material)
    for block_place, block in enumerate(material.table.blocks):
        is_test = block_place == len(material.table.blocks) - 1
        for line_place, line in enumerate(block.rows):
            for column_place, (column, entry) in enumerate(zip(material.table.columns, line.entries, strict=True)):
                target = column.target
                row = line.row or _selected(material, target)
                split = _split(target, is_test)
                shown: TaskScore | Gap | None = None
                if target and row:
                    shown = _test_score(material, target, line.row) if is_test else results.dev(row, target)
                score = shown.value if isinstance(shown, TaskScore) else _average(material, entry, row, is_test, target)
                is_open = isinstance(shown, TaskScore) or not is_test
                yield Cell(
                    id=f"cell-{block_place}-{line_place}-{column_place}",
                    row=row or Row("", False),
                    target=target,
                    split=split,
                    entry=entry,
                    score=score,
                    change=_change(entry),
                    seeds=_seeds(material, row, target, split, runs) if row and target and is_open else (),
                    verdict=entry.verdict,
                )


def _runs(material: Material) -> dict[Place, str]:
    return dict(material.cells) | {cell: run.record.run_id for run in material.sweep.runs for cell in run.cells}


def _selected(material: Material, target: str) -> Row | None:
    return material.selections[target].variant if target else None


def _split(target: str, is_test: bool) -> str:
    return TEST if is_test else (task(target).selection_split.value if target else "dev")


def _test_score(material: Material, target: str, row: Row | None) -> TaskScore | Gap:
    """`row` is that of the baseline, or None for what was selected."""
    selection = material.selections[target]
    return selection.baseline_test if row else selection.test


def _average(material: Material, entry: Entry, row: Row | None, is_test: bool, target: str) -> float | None:
    if target:
        return None
    if is_test:
        return entry.values[0] if entry.values else None
    average = material.sweep.results.dev_average(row) if row else None
    return average if isinstance(average, float) else None


def _change(entry: Entry) -> float | None:
    """Of the task score, which is the mean of its metrics."""
    return sum(entry.values) / len(entry.values) if entry.values and entry.signed else None


def _seeds(material: Material, row: Row, target: str, split: str, runs: dict[Place, str]) -> tuple[SeedScore, ...]:
    found = material.sweep.results.seeds_of(row, target, Split(split))
    return tuple(
        SeedScore(
            seed=seed,
            run=runs.get(Place(*row, target, seed), ""),
            score=score.value if isinstance(score, TaskScore) else None,
            reason="" if isinstance(score, TaskScore) else f"{score.state}: {score.reason}",
        )
        for seed, score in found.items()
    )


def _values(cell: Cell) -> Iterator[Value]:
    title = f"{row_title(cell.row) if cell.row.intermediate else 'best'} -> " + (
        heading(cell.target) if cell.target else "Avg"
    )
    yield Value(said=title)
    yield Value(said=cell.split)
    yield _number(cell.score, why=str(cell.entry) if not cell.entry.values else "")
    yield _number(cell.change, signed=True)
    if isinstance(cell.verdict, Verdict):
        estimate = cell.verdict.estimate
        yield Value(said=interval(estimate, signed=True), number=estimate.value, low=estimate.low, high=estimate.high)
        yield Value(said=f"{cell.verdict.word.sign} {cell.verdict.word}".strip())
        yield Value(said=shown_p(cell.verdict.p), number=cell.verdict.p)
        yield _number(cell.verdict.detectable)
        needed = cell.verdict.seeds_needed
        yield Value(said="–" if needed is None else f"{needed}", number=needed)
        over = f"{estimate.seeds} seeds" if estimate.over_seeds else "one seed, the interval is over rows alone"
        yield Value(said=f"{estimate.rows:,} rows, {estimate.items:,} items; {over}", number=estimate.rows)
    else:
        yield Value(said="")
        yield Value(said=f"none: {cell.verdict.reason}" if isinstance(cell.verdict, NoVerdict) else "")
        yield from (Value(said=""),) * 4
    yield Value(said=_seeds_said(cell))


def _seeds_said(cell: Cell) -> Said:
    parts: list[str] = []
    for place, each in enumerate(cell.seeds):
        what = number(each.score) if each.score is not None else each.reason
        parts += ["; " if place else "", f"{each.seed}: {what}, ", Code(each.run or "no run")]
    return tuple(parts)


def _number(value: float | None, *, signed: bool = False, why: str = "") -> Value:
    if value is None:
        return Value(said=why, empty=bool(why))
    return Value(said=number(value, signed=signed), number=value)
