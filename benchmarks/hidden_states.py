"""Retrieval at every hidden state against one: seconds of whole runs on the built-in corpus.

Baseline runs of Tatoeba and BUCC with `retrieval.layers` `one` and `all`, from the start of the run to its record;
tokens come from the cache. Every measurement is a process of its own. Processor seconds are those of all threads; they
depend little on what else a machine does. The scores must be the same.

    python -m benchmarks.hidden_states [--encoder bundled] [--rows 0] [--repetitions 3] [--json FILE]
"""

from __future__ import annotations

import json
import statistics
import sys
import tempfile
import time
from collections import defaultdict
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import in_a_process, machine, options_of, peak_bytes, summary, write

TARGETS = ("tatoeba", "bucc")
CONTENDERS = ("one", "all")


def one(contender: str, target: str, settings: Mapping[str, Any]) -> dict[str, Any]:
    """One measurement, in this process; `scores` are those of the record."""
    from search_spaces.config_file import apply_sets
    from search_spaces.presets import demo
    from sweep.planning.planner import build_plan
    from trainables.ledger.store import Store
    from trainables.phases.options import Options
    from trainables.phases.run import run_to_end

    sets = [
        f"grid.targets={target}",
        "grid.intermediates=none",
        f"encoder.name={settings['encoder']}",
        f"data.eval_rows={settings['rows']}",
        f"retrieval.layers={contender}",
    ]
    [node] = build_plan(apply_sets(demo(), sets)).nodes.values()
    options = Options(data="demo", encoder=settings["encoder"], device=settings["device"], threads=settings["threads"])
    before, started = time.process_time(), time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        record = run_to_end(node.spec, node.name, Store(Path(folder)).prepare(), options)
    return {
        "seconds": time.perf_counter() - started,
        "processor_seconds": time.process_time() - before,
        "peak_bytes": peak_bytes(),
        "scores": [[score.split, score.language, score.value] for score in record.scores],
    }


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write JSON when asked to."""
    parser = options_of(__doc__)
    parser.add_argument("--encoder", default="bundled")
    parser.add_argument("--rows", type=int, default=0, help="rows of each language; 0 for all")
    options = parser.parse_args(arguments)
    if options.one:
        sys.stdout.write(json.dumps(one(**json.loads(options.one))) + "\n")
        return
    settings = {name: getattr(options, name) for name in ("encoder", "rows", "device", "threads")}
    found: dict[str, dict[str, dict[str, list[float]]]] = {
        target: {name: defaultdict(list) for name in CONTENDERS} for target in TARGETS
    }
    scores: dict[str, set[str]] = defaultdict(set)
    for target in TARGETS:
        in_a_process("benchmarks.hidden_states", contender="one", target=target, settings=settings)  # fills the caches
        for _ in range(options.repetitions):
            for name in CONTENDERS:
                figures = in_a_process("benchmarks.hidden_states", contender=name, target=target, settings=settings)
                scores[target].add(json.dumps(figures.pop("scores")))
                for figure, value in figures.items():
                    found[target][name][figure].append(value)
    table = Table(title=f"Retrieval by one hidden state and by all, {options.encoder}", title_justify="left")
    for column in ("target", "hidden states", "seconds", "ratio", "processor seconds", "ratio", "peak GB"):
        table.add_column(column, justify="left" if column in ("target", "hidden states") else "right")
    for target, contenders in found.items():
        for name, figures in contenders.items():
            cells = []
            for figure in ("seconds", "processor_seconds"):
                ratio = statistics.median(figures[figure]) / statistics.median(contenders["one"][figure])
                cells += [summary(figures[figure], 1), f"{ratio:.2f}"]
            table.add_row(target, name, *cells, f"{statistics.median(figures['peak_bytes']) / 2**30:.2f}")
    console = Console()
    console.print(table)
    same = all(len(seen) == 1 for seen in scores.values())
    console.print(f"scores {'are the same, bit for bit' if same else 'differ'}")
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    write(options.json, {"settings": settings, "targets": found, "same_scores": same})


if __name__ == "__main__":
    main()
