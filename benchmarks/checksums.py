"""What comparing files with their digests costs: runs as they are beside the same runs that compare nothing.

Every contender is a process of its own, as a worker is: it computes an intermediate run, then fine-tunes and retrieves
from its encoder. Both take the digests of what they write. Beside the seconds of whole
runs stands what the runs themselves note as their stage `check`, and what SHA-256 takes for an encoder of the size of
XLM-R Large.

    python -m benchmarks.checksums [--encoder bundled:3] [--rows 160] [--repetitions 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import contextlib
import dataclasses
import json
import os
import sys
import tempfile
import time
from pathlib import Path
from unittest import mock

from rich.console import Console
from rich.table import Table

from benchmarks.measure import in_a_process, machine, options_of, summary
from search_spaces.config_file import apply_sets
from search_spaces.presets import grid_demo
from sweep.command_line.compute import run_options
from sweep.planning.planner import build_plan
from trainables.ledger import digests
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store
from trainables.phases.run import run_to_end

MODULE = "benchmarks.checksums"
COMPARING = ("trainables.ledger.runs", "trainables.model.bundled", "trainables.data.cache")
"""Modules that compare files with their digests."""
LARGE_BYTES = 4 * 559_890_432
"""Parameters of XLM-R Large, float32."""


def one(encoder: str, rows: int, threads: int, *, compares: bool) -> dict[str, float]:
    """Seconds of the runs of a worker, and of their stage `check`; the intermediate run first."""
    sets = [
        "grid.intermediates=qqp", "grid.mlm=off", "grid.targets=xnli,tatoeba", f"encoder.name={encoder}",
        f"data.train_rows={rows}", f"cluster.threads={threads}",
    ]  # fmt: skip
    config = apply_sets(grid_demo(), sets)
    plan = build_plan(config)
    options = dataclasses.replace(run_options(config, plan), device="cpu")
    seconds: dict[str, float] = {}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder)).prepare()
        nodes = sorted(plan.nodes.values(), key=lambda node: node.spec.phase is not Phase.INTERMEDIATE)
        for node in nodes:
            began = time.monotonic()
            with contextlib.ExitStack() as stack:
                for place in () if compares else COMPARING:
                    stack.enter_context(mock.patch(f"{place}.check"))
                record = run_to_end(node.spec, node.name, store, options)
            seconds[node.spec.tasks[0]] = time.monotonic() - began
            seconds[f"{node.spec.tasks[0]} check"] = record.seconds["check"]
    return seconds


def sha256_seconds(num_bytes: int) -> float:
    """Seconds to take the SHA-256 of a file of that size that is in the page cache."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "weights"
        block = os.urandom(1 << 24)
        with path.open("wb") as file:
            for _ in range(-(-num_bytes // len(block))):
                file.write(block)
        began = time.monotonic()
        digests.digest(path)
        return time.monotonic() - began


def main() -> int:
    """Run the contenders in turn and print what they took."""
    parser = options_of(__doc__)
    parser.add_argument("--encoder", default="bundled:3")
    parser.add_argument("--rows", type=int, default=160, help="training rows of a run")
    given = parser.parse_args()
    if given.one:
        sys.stdout.write(json.dumps(one(**json.loads(given.one))) + "\n")
        return 0
    return _compare(given)


def _compare(given: argparse.Namespace) -> int:
    common = {"encoder": given.encoder, "rows": given.rows, "threads": given.threads}
    found: dict[bool, list[dict[str, float]]] = {True: [], False: []}
    in_a_process(MODULE, **common, compares=True)  # makes caches, untimed
    for _ in range(given.repetitions):
        for compares in (True, False):
            found[compares].append(in_a_process(MODULE, **common, compares=compares))
    table = Table("run", "compares, s", "compares nothing, s", "its stage `check`, s", "share of the run")
    for name in [key for key in found[True][0] if not key.endswith(" check")]:
        check = [each[f"{name} check"] for each in found[True]]
        share = [100 * each[f"{name} check"] / each[name] for each in found[True]]
        both = [summary([each[name] for each in found[compares]]) for compares in (True, False)]
        table.add_row(name, *both, summary(check, 3), f"{summary(share)} %")
    console = Console()
    console.print(table)
    large = sha256_seconds(LARGE_BYTES)
    console.print(f"SHA-256 of {LARGE_BYTES / 1e9:.1f} GB, the size of XLM-R Large: {large:.2f} s")
    if given.json:
        results = {"machine": machine(), "large_seconds": large, "runs": {str(k): v for k, v in found.items()}}
        given.json.write_text(json.dumps(results, indent=1))
    return 0


if __name__ == "__main__":
    sys.exit(main())
