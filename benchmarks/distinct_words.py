"""How many embedding rows a training touches: distinct sub-words of so many rows, and Heaps' law through them.

    python -m benchmarks.distinct_words [--data DIR] [--most 30000]

The constants of `sweep/planning/distinct_words.py` are what the last lines print, for the demo and for real rows.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterator
from pathlib import Path

import numpy as np
from rich.console import Console
from rich.table import Table

from sweep.planning.lengths import tokens_of
from trainables.data.hub import open_data
from trainables.data.loading import load
from trainables.data.source import DataError, DataSource
from trainables.model.tokenizer import load_tokenizer
from trainables.model.vocabulary import used_ids
from trainables.tasks import registry
from trainables.tasks.formats.base import Head
from trainables.tasks.languages import ENGLISH
from trainables.tasks.task import Split, Task

STEPS = (30, 100, 300, 480, 1000, 3000, 10_000, 30_000, 100_000)
DEV_ROWS = 100
MAX_LENGTH = 128
Point = tuple[str, int, float, int]
"""Task, rows, sub-words as the plan estimates them, distinct sub-words."""


def main() -> None:
    """Print a table for each source and the constants that fit it best."""
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("/work/shared/data/mirror"))
    parser.add_argument("--most", type=int, default=30_000, help="rows of a task")
    given = parser.parse_args()
    console = Console(width=100)
    for source in ("demo", str(given.data)):
        points = list(measure(open_data(source, {}), given.most))
        power, scales = fit(points)
        table = Table("task", "rows", "sub-words (estimate)", "distinct", "Heaps", title=source)
        errors = []
        for name, rows, tokens, distinct in points:
            estimate = scales[registry.task(name).format.head] * tokens**power
            errors.append(abs(estimate / distinct - 1))
            table.add_row(name, str(rows), f"{tokens:,.0f}", f"{distinct:,}", f"{estimate:,.0f}")
        console.print(table)
        told = ", ".join(f"{head} {scale:.3g}" for head, scale in scales.items())
        console.print(f"{source}: distinct = scale x sub-words ^ {power:.3f}; scale: {told}")
        console.print(f"off by {np.median(errors):.0%} (median), {max(errors):.0%} at most")


def measure(data: DataSource, most: int) -> Iterator[Point]:
    """Every task that trains on English rows which the source has."""
    tokenizer = load_tokenizer("bundled:1", None)
    for task in registry.tasks().values():
        if not all(ENGLISH in task.languages.get(split, ()) for split in (Split.TRAIN, Split.STOPPING)):
            continue
        try:
            yield from _of_task(task, data, most, tokenizer)
        except DataError:
            continue


def _of_task(task: Task, data: DataSource, most: int, tokenizer) -> Iterator[Point]:  # type: ignore[no-untyped-def]
    dev = load(task, Split.STOPPING, ENGLISH, data, limit=DEV_ROWS)
    own = task.format.encode(dev.examples, tokenizer, MAX_LENGTH, training=False).sequences
    for rows in (step for step in STEPS if step <= most):
        found = load(task, Split.TRAIN, ENGLISH, data, limit=rows)
        sequences = task.format.encode(found.examples, tokenizer, MAX_LENGTH, training=True).sequences
        distinct = len(used_ids([sequences, own], len(tokenizer), tokenizer.pad_token_id))
        tokens = tokens_of(task.name, len(found.examples) + len(dev.examples), MAX_LENGTH, data.kind)
        yield task.name, len(found.examples), tokens, distinct
        if len(found.examples) < rows:
            return


def fit(points: list[Point]) -> tuple[float, dict[Head, float]]:
    """One power for all and a scale for each kind of task, by least squares of the logarithms."""
    heads = sorted({registry.task(name).format.head for name, *_ in points})
    of_head = np.array([[registry.task(name).format.head == head for head in heads] for name, *_ in points], float)
    tokens_N = np.log([tokens for _, _, tokens, _ in points])
    distinct_N = np.log([distinct for _, _, _, distinct in points])
    found = np.linalg.lstsq(np.column_stack([tokens_N, of_head]), distinct_N, rcond=None)[0]
    return float(found[0]), {head: float(np.exp(scale)) for head, scale in zip(heads, found[1:], strict=True)}


if __name__ == "__main__":
    main()
