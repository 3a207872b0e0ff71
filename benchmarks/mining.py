"""Bitext mining: both directions in one pass over blocks, against faiss exact search in each direction.

Unit vectors at random with a planted translation for every sentence. Every measurement is a process of its own.

    python -m benchmarks.mining [--sizes 10000 30000 100000] [--repetitions 3] [--json FILE]
"""

from __future__ import annotations

import json
import math
import statistics
import sys
import time
from collections import defaultdict
from collections.abc import Mapping
from typing import Any

import numpy as np
from rich.console import Console
from rich.table import Table

from benchmarks.measure import in_a_process, machine, options_of, peak_bytes, summary, write

NEIGHBOURS = 4
CONTENDERS = ("engine", "faiss")


def one(contender: str, size: int, settings: Mapping[str, Any]) -> dict[str, Any]:
    """One measurement, in this process: seconds, memory on top of the vectors, share of planted pairs found."""
    generator = np.random.default_rng(42)
    left = generator.standard_normal((size, settings["width"]), dtype=np.float32)
    right = left + 0.5 * generator.standard_normal(left.shape, dtype=np.float32)
    for side in (left, right):
        side /= np.linalg.norm(side, axis=1, keepdims=True)
    if contender == "engine":
        import torch

        from trainables.evaluation.neighbours import mutual_nearest

        torch.set_num_threads(settings["threads"])
        device = torch.device(settings["device"])
        sides = [torch.from_numpy(side).to(device) for side in (left, right)]
        before, started = peak_bytes(), time.perf_counter()
        forward, backward = mutual_nearest(*sides, NEIGHBOURS)
        found = forward.indices.numpy(), backward.indices.numpy()
    else:
        import faiss

        faiss.omp_set_num_threads(settings["threads"])
        before, started = peak_bytes(), time.perf_counter()
        both = []
        for queries, database in ((left, right), (right, left)):
            index = faiss.IndexFlatIP(settings["width"])
            index.add(database)
            both.append(index.search(queries, NEIGHBOURS)[1])
        found = both[0], both[1]
    seconds = time.perf_counter() - started
    planted = np.arange(size)
    right_ones = [float((indices[:, 0] == planted).mean()) for indices in found]
    digests = [int(np.sort(indices, axis=1).astype(np.int64).sum(axis=1).dot(planted % 97)) for indices in found]
    return {"seconds": seconds, "extra_bytes": peak_bytes() - before, "found": min(right_ones), "digest": digests}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write JSON when asked to."""
    parser = options_of(__doc__)
    parser.add_argument("--sizes", type=int, nargs="+", default=[10_000, 30_000, 100_000], metavar="N")
    parser.add_argument("--width", type=int, default=384, help="dimensions of a vector")
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS))
    options = parser.parse_args(arguments)
    if options.one:
        sys.stdout.write(json.dumps(one(**json.loads(options.one))) + "\n")
        return
    settings = {name: getattr(options, name) for name in ("width", "device", "threads")}
    found: dict[str, dict[int, dict[str, list[float]]]] = {
        name: {size: defaultdict(list) for size in options.sizes} for name in options.contenders
    }
    digests: dict[int, set[str]] = defaultdict(set)
    for size in options.sizes:
        for _ in range(options.repetitions):
            for name in options.contenders:
                figures = in_a_process("benchmarks.mining", contender=name, size=size, settings=settings)
                digests[size].add(str(figures.pop("digest")))
                for figure, value in figures.items():
                    found[name][size][figure].append(value)
    title = f"{NEIGHBOURS} nearest neighbours in both directions, {options.width} dimensions"
    table = Table(title=title, title_justify="left")
    for column in ("sentences a side", "contender", "seconds", "memory beside the vectors, MB", "planted pairs found"):
        table.add_column(column, justify="left" if column == "contender" else "right")
    for size in options.sizes:
        for name in options.contenders:
            figures = found[name][size]
            table.add_row(
                f"{size:,}",
                name,
                summary(figures["seconds"]),
                f"{statistics.median(figures['extra_bytes']) / 2**20:.0f}",
                f"{figures['found'][0]:.2%}",
            )
    console = Console()
    console.print(table)
    for name in options.contenders:
        if len(options.sizes) > 1:
            small, large = min(options.sizes), max(options.sizes)
            middle = {size: statistics.median(found[name][size]["seconds"]) for size in (small, large)}
            power = math.log(middle[large] / middle[small]) / math.log(large / small)
            console.print(f"{name}: time grows as N to the {power:.2f}")
    same = all(len(seen) == 1 for seen in digests.values())
    console.print(f"neighbours of all contenders {'are the same' if same else 'differ (ties or rounding)'}")
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    write(options.json, {"settings": settings, "contenders": found, "same_neighbours": same})


if __name__ == "__main__":
    main()
