"""Disk of a sweep: what `plan` forecasts against what its store took, at the peak and at the end.

    python -m benchmarks.disk [--data DIR] [--only demo,search] [--kept selected,whole] [--out FILE]

Each sweep is run twice, as it is and with everything kept whole (`--keep all`, `engine.store_deltas: false`; tens of
gigabytes), and its
store is watched: the blocks of all files, a file with several names once, twice a second.

- demo: the preset of that name;
- search: eight trials of every run on real rows, few of them, with `bundled:3`.
"""

from __future__ import annotations

import argparse
import json
import re
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Console
from rich.table import Table

from trainables.ledger.usage import bytes_on_disk

LOOK_SECONDS = 0.5
WHOLE = ("--keep", "all", "--set", "engine.store_deltas=false")
_UNITS = {"MB": 1e6, "GB": 1e9, "TB": 1e12}


@dataclass(frozen=True, kw_only=True)
class Measured:
    """A sweep: bytes as forecast and as they were."""

    sweep: str
    kept: str
    forecast_peak: float
    forecast_end: float
    peak: int
    end: int
    seconds: float


def sweeps(data: Path) -> Mapping[str, Sequence[str]]:
    """Their options by name."""
    few = ["--train-rows", "48", "--eval-rows", "8", "--languages", "en,de"]
    return {
        "demo": ["--preset", "demo"],
        "search": [
            "--data", str(data), "--encoder", "bundled:3", "--intermediates", "none,qqp,squad", "--mlm", "off",
            "--targets", "xnli,udpos,xquad,tatoeba", *few, "--search", "intermediate=8,target=8",
            *_short("intermediate"), *_short("target"),
        ],
    }  # fmt: skip


def _short(phase: str) -> list[str]:
    """Short runs, of whose trials the learning rate alone is searched."""
    settings = ("epochs=1", "max_length=128", "dev_rows=16")
    fields = [*(f"{phase}.{setting}" for setting in settings), f"search.ranges.{phase}.epochs=fixed"]
    return [word for field in fields for word in ("--set", field)]


def measure(name: str, kept: str, options: Sequence[str], folder: Path) -> Measured:
    """Plan and run a sweep in a store of its own, and watch that."""
    store = folder / f"{name}-{kept}"
    grid = [sys.executable, "-m", "sweep.grid"]
    rest = [*options, "--store", str(store)]
    planned = subprocess.run([*grid, "plan", *rest], capture_output=True, text=True, check=True).stdout
    peak_said, end_said = re.findall(r"disk: ([\d.]+ [MGT]B) at the peak, ([\d.]+ [MGT]B) at the end", planned)[0]
    began, peak = time.monotonic(), 0
    with (folder / f"{name}-{kept}.log").open("w") as log:
        running = subprocess.Popen([*grid, "run", *rest], stdout=log, stderr=subprocess.STDOUT)
        while running.poll() is None:
            peak = max(peak, bytes_on_disk(store))
            time.sleep(LOOK_SECONDS)
    if running.returncode:
        raise RuntimeError(f"{name}, {kept}: exit status {running.returncode}; see {log.name}")
    end = bytes_on_disk(store)
    found = Measured(
        sweep=name, kept=kept, forecast_peak=_bytes(peak_said), forecast_end=_bytes(end_said), peak=max(peak, end),
        end=end, seconds=time.monotonic() - began,
    )  # fmt: skip
    shutil.rmtree(store)
    return found


def _bytes(said: str) -> float:
    number, unit = said.split()
    return float(number) * _UNITS[unit]


def shown(found: Sequence[Measured]) -> Table:
    """A table of megabytes."""
    table = Table("sweep", "kept", title="MB on disk")
    for heading in ("peak, forecast", "measured", "off by", "end, forecast", "measured", "off by", "seconds"):
        table.add_column(heading, justify="right")
    for each in found:
        peak = (each.forecast_peak, each.peak)
        end = (each.forecast_end, each.end)
        cells = [cell for pair in (peak, end) for cell in (*(f"{n / 1e6:,.0f}" for n in pair), _off(*pair))]
        table.add_row(each.sweep, each.kept, *cells, f"{each.seconds:.0f}")
    return table


def _off(forecast: float, measured: float) -> str:
    return f"{forecast / measured - 1:+.0%}"


def main() -> None:
    """Run them and print the table."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("/work/shared/data/mirror"))
    parser.add_argument("--only", default="demo,search")
    parser.add_argument("--kept", default="selected,whole", help="selected: as it is; whole: everything, not as deltas")
    parser.add_argument("--out", type=Path)
    given = parser.parse_args()
    console, found = Console(width=130), list[Measured]()
    with tempfile.TemporaryDirectory(prefix="xstilts-disk-") as folder:
        for name in given.only.split(","):
            options = sweeps(given.data)[name]
            for kept in given.kept.split(","):
                more = {"selected": (), "whole": WHOLE}[kept]
                found.append(measure(name, kept, [*options, *more], Path(folder)))
                console.print(shown(found[-1:]))
    console.print(shown(found))
    if given.out:
        given.out.write_text(json.dumps([asdict(each) for each in found], indent=1) + "\n")


if __name__ == "__main__":
    main()
