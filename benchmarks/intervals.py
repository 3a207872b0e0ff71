"""Intervals and verdicts over simulated tables whose truth is known: coverage, width, and false words.

Coverage: share of the 95 % intervals that hold the true score or difference. With one seed the truth is that of the
very runs that were compared; with three it is that of the rows of the table over seeds. Beside the intervals of
`analysis.statistics`: the Wald interval over rows that takes translations for independent rows, and Student's t over
the scores of the seeds alone.

False words: share of null tables (all rows of the table equal) in which some cell or average is better or worse.

    python -m benchmarks.intervals [--trials 1500] [--tables 1000] [--json FILE]
"""

from __future__ import annotations

import argparse
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table
from scipy.special import stdtrit

from analysis.statistics.average import mean_gains
from analysis.statistics.column import Column
from analysis.statistics.estimate import LEVEL, MARGIN, Verdict, Word
from analysis.statistics.influence import profile
from analysis.statistics.interval import score_spread
from analysis.statistics.paired import Aligned
from analysis.statistics.racing import Floats
from analysis.statistics.verdicts import judged
from benchmarks.interval_rows import Design, Drawn, Kind, draw
from benchmarks.measure import machine, write
from trainables.ledger.cells import BASELINE, Row

GAINS = np.array([0.0, -3.0, 0.0, 4.0])
"""Of the rows of a table in which coverage is measured, the baseline first."""
SEED_SD = 1.0
SEED = 42
OURS, WALD, SEEDS = "ours", "Wald over rows, not clustered", "t over seeds alone"
SINGLE = "ours, single scores"
ROWS = 17
TARGETS = (
    (Kind.ACCURACY, 3), (Kind.ACCURACY, 2), (Kind.CHUNKS, 3), (Kind.CHUNKS, 4), (Kind.ANSWERS, 3), (Kind.ANSWERS, 2),
    (Kind.ANSWERS, 2), (Kind.CHUNKS, 2), (Kind.ACCURACY, 4),
)  # fmt: skip
"""Scoring and languages of the nine targets of a null table."""
ITEMS, MANY_ITEMS = 100, 1000
"""Of each target of a null table; of the null tables, a fifth, that show what seeds do when rows leave little open."""


@dataclass(frozen=True, kw_only=True)
class Found:
    """Of one trial, one interval method: how many intervals held the truth, of how many, and their mean width."""

    held: int
    of: int
    width: float


def designs() -> Iterator[tuple[str, Design]]:
    """Name and design of everything that coverage is measured for."""
    for kind in Kind:
        for seeds in (1, 3):
            for items in (60, 250, 1000):
                yield "", Design(kind=kind, items=items, languages=5, seeds=seeds, seed_sd=SEED_SD)
    for seeds in (1, 3):
        for items in (60, 250):
            rare = Design(kind=Kind.ACCURACY, items=items, languages=1, seeds=seeds, right=0.93, agreement=0.9)
            yield "rows seldom differ", replace(rare, seed_sd=SEED_SD / 4)
            yield "rows seldom differ", replace(rare, seed_sd=SEED_SD / 4, languages=5, apart=0.02)


def trial(design: Design, generator: np.random.Generator) -> dict[str, Found]:
    """Intervals of one table, by method."""
    drawn = draw(design, GAINS, generator)
    column, baseline, *rows = column_of(design, drawn)
    truth = drawn.of_rows if design.seeds > 1 else drawn.of_runs[:, 0]
    pairs = [column.difference(row, baseline) for row in rows]
    ends = {
        OURS: (np.array([(each.low, each.high) for each in pairs]), truth[1:] - truth[0]),
        WALD: (wald(design, drawn), truth[1:] - truth[0]),
        SINGLE: (np.array([(each.low, each.high) for each in (column.score(row) for row in rows)]), truth[1:]),
    }
    if design.seeds > 1:
        ends[SEEDS] = over_seeds(np.stack([column.profile(row).scores for row in (baseline, *rows)])), ends[OURS][1]
    return {
        name: Found(
            held=int(((found[:, 0] <= true) & (true <= found[:, 1])).sum()),
            of=len(true),
            width=float((found[:, 1] - found[:, 0]).mean()),
        )
        for name, (found, true) in ends.items()
    }


def column_of(design: Design, drawn: Drawn) -> tuple[Any, ...]:
    """The column of a drawn table, and its rows, the baseline first."""
    rows = [Row(BASELINE, False), *(Row(f"intermediate {number}", False) for number in range(1, len(drawn.scores)))]
    places = {row: {s: place * design.seeds + s for s in range(design.seeds)} for place, row in enumerate(rows)}
    runs = tuple(run for row in drawn.scores for run in row)
    return Column(Aligned(layout=design.layout(drawn.gold), scores=runs), places, {}), *rows


def wald(design: Design, drawn: Drawn) -> Floats:
    """float[K - 1, 2] of the interval that takes every row for independent, seeds averaged."""
    of = design.layout(drawn.gold, clustered=False)
    sides = [profile(of, row) for row in drawn.scores]
    middle = np.array([side.scores.mean() - sides[0].scores.mean() for side in sides[1:]])
    influence = [side.influences.mean(axis=0) - sides[0].influences.mean(axis=0) for side in sides[1:]]
    half = 1.959964 * np.sqrt([score_spread(of, each).square for each in influence])
    return np.stack([middle - half, middle + half], axis=1)


def over_seeds(scores: Floats) -> Floats:
    """float[K - 1, 2] of the t interval (equal variances) over scores[K, S]."""
    runs = scores.shape[1]
    variances = scores.var(axis=1, ddof=1)
    middle = scores[1:].mean(axis=1) - scores[0].mean()
    half = stdtrit(2 * (runs - 1), 1 - LEVEL / 2) * np.sqrt((variances[1:] + variances[0]) / runs)
    return np.stack([middle - half, middle + half], axis=1)


def coverage(trials: int, name: str, design: Design) -> Iterator[dict[str, Any]]:
    """Shares in percent, with Monte Carlo errors that take the intervals of one table for dependent."""
    generator = np.random.default_rng([SEED, zlib.crc32(repr((name, design)).encode())])
    every = [trial(design, generator) for _ in range(trials)]
    for method in every[0]:
        shares = np.array([found[method].held / found[method].of for found in every])
        yield {
            "case": name, "kind": str(design.kind), "seeds": design.seeds, "items": design.items,
            "languages": design.languages, "method": method, "coverage": 100 * float(shares.mean()),
            "error": 100 * float(shares.std(ddof=1) / np.sqrt(trials)),
            "width": float(np.mean([found[method].width for found in every])),
        }  # fmt: skip


def null_table(items: int, seeds: int, seed_sd: float, generator: np.random.Generator) -> bool:
    """Whether a table of equal rows gets a false word."""
    columns, rows = {}, []
    for number, (kind, languages) in enumerate(TARGETS):
        design = Design(kind=kind, items=items, languages=languages, seeds=seeds, seed_sd=seed_sd)
        columns[str(number)], *rows = column_of(design, draw(design, np.zeros(ROWS), generator))
    baseline, *others = rows
    cells = [column.difference(row, baseline) for column in columns.values() for row in others]
    found = judged([*cells, *gains(columns, others, baseline)], MARGIN)
    return any(isinstance(each, Verdict) and each.word in (Word.BETTER, Word.WORSE) for each in found)


def gains(columns: dict[str, Column], others: Sequence[Row], baseline: Row) -> list[Any]:
    """Of the averages."""
    return list(mean_gains(columns, others, baseline).values())


def false_words(tables: int) -> Iterator[dict[str, Any]]:
    """Share of null tables with a false word, percent; with one seed: of these runs, and read as of the tasks."""
    many = max(tables // 5, 1)
    for name, items, seeds, seed_sd, num in (
        ("one seed, equal runs", ITEMS, 1, 0.0, tables),
        ("three seeds", ITEMS, 3, SEED_SD, tables),
        ("one seed, taken for the task", MANY_ITEMS, 1, SEED_SD, many),
    ):
        generator = np.random.default_rng([SEED, seeds, round(10 * seed_sd)])
        share = float(np.mean([null_table(items, seeds, seed_sd, generator) for _ in range(num)]))
        yield {
            "case": name, "items": items, "seeds": seeds, "tables": num, "false": 100 * share,
            "error": 100 * float(np.sqrt(share * (1 - share) / num)),
        }  # fmt: skip


def main(arguments: Sequence[str] | None = None) -> None:
    """Simulate, print, and write JSON when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--trials", type=int, default=1500, help="tables for each line of coverage")
    parser.add_argument("--tables", type=int, default=1000, help="null tables")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    console = Console()
    methods = (OURS, WALD, SEEDS, SINGLE)
    table = Table("scores", "seeds", "items x languages", *methods, title="coverage, % (± Monte Carlo error) / width")
    lines: list[dict[str, Any]] = []
    for name, design in designs():
        found = list(coverage(options.trials, name, design))
        lines += found
        by_method = {
            each["method"]: f"{each['coverage']:.1f} ± {each['error']:.1f} / {each['width']:.1f}" for each in found
        }
        table.add_row(
            f"{design.kind}{f', {name}' if name else ''}", str(design.seeds), f"{design.items} x {design.languages}",
            *(by_method.get(method, "") for method in methods),
        )  # fmt: skip
    console.print(table)
    words = list(false_words(options.tables))
    table = Table(
        "null tables", "items", "with a false word, %", title=f"{ROWS - 1} rows x {len(TARGETS)} targets + averages"
    )
    for each in words:
        table.add_row(each["case"], str(each["items"]), f"{each['false']:.1f} ± {each['error']:.1f}")
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    settings = {"trials": options.trials, "tables": options.tables, "seed_sd": SEED_SD}
    write(options.json, {"settings": settings, "coverage": lines, "false_words": words})


if __name__ == "__main__":
    main()
