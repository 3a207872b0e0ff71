"""What the report of the paper's grid with three seeds takes: 459 made cells (`benchmarks.made_grid`).

Each report is a process of its own, as `xstilts report` is: first with nothing kept of the rows, then again with the
scores by row that the first one kept. Beside them what the store's report took without verdicts and figures, and the
sizes of the files.

    python -m benchmarks.page [--seeds 3] [--rows 40] [--repetitions 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from pathlib import Path

from rich.console import Console
from rich.table import Table

from benchmarks.made_grid import make
from benchmarks.measure import machine, summary, write
from trainables.ledger.store import Store

KEPT = "cache"
"""Folder of a store with what a report keeps."""


def seconds_of(store: Path, *options: str) -> float:
    """Of `xstilts report`."""
    began = time.monotonic()
    command = [sys.executable, "-m", "analysis.report", str(store), *options]
    subprocess.run(command, check=True, capture_output=True)
    return time.monotonic() - began


def main() -> None:
    """Make a store, report on it, print what that took."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=40, help="per language and split")
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    times: dict[str, list[float]] = {"nothing kept": [], "scores by row kept": [], "without figures": []}
    with tempfile.TemporaryDirectory() as folder:
        root = Path(folder) / "store"
        make(Store(root).prepare(), given.seeds, given.rows)
        for _ in range(given.repetitions):
            shutil.rmtree(root / KEPT, ignore_errors=True)
            times["nothing kept"].append(seconds_of(root))
            times["scores by row kept"].append(seconds_of(root))
            times["without figures"].append(seconds_of(root, "--no-figures"))
        seconds_of(root)
        report = root / "report"
        sizes = {str(path.relative_to(report)): path.stat().st_size for path in report.rglob("*") if path.is_file()}
    table = Table("report of", "seconds, median (range)")
    for name, found in times.items():
        table.add_row(name, summary(found))
    console = Console()
    console.print(f"{153 * given.seeds} cells, {given.rows} rows per language and split; {machine()['processor']}")
    console.print(table)
    for name in ("report.html", "report.json", "report.md"):
        console.print(f"{name}: {sizes[name] / 1e6:.2f} MB")
    write(given.json, {"rows": given.rows, "seconds": times, "bytes": sizes})


if __name__ == "__main__":
    main()
