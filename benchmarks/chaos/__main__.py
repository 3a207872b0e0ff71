"""What becomes of a sweep when everything around it breaks.

A small real sweep (14 runs on the built-in corpus with one layer of the bundled encoder) is computed undisturbed. Then
it is killed, its files are damaged, disks are full, its workers hang, and commands are given that cannot be; every time
it must end with the same scores and the same bytes, or with a message that says what to do, which then is done.

    python -m benchmarks.chaos [--only kills,flips,disks,input,hangs] [--seed N] [--minutes M] [--json FILE]

Exit code 1 if anything was lost, was wrong without a word, or could not be mended as the message says.
"""

from __future__ import annotations

import argparse
import os
import random
import sys
import tempfile
import time
from dataclasses import asdict
from pathlib import Path

# before torch is imported: what is forked must have no threads
os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}

from rich.console import Console
from rich.text import Text

from benchmarks.chaos.lab import room
from benchmarks.chaos.outcomes import BAD, Outcome, Tried, tables, verdict
from benchmarks.chaos.sections import SECTIONS, try_all
from benchmarks.measure import machine, write

MINUTES = 15.0


def main(arguments: list[str] | None = None) -> int:
    """Try everything, print tables, write JSON; returns the exit code."""
    given = _parser().parse_args(arguments)
    sections = given.only.split(",")
    if unknown := [name for name in sections if name not in SECTIONS]:
        _parser().error(f"--only {', '.join(unknown)}: allowed: {', '.join(SECTIONS)}")
    console = Console(width=max(Console().width, 100))
    began = time.monotonic()
    tried: list[Tried] = []
    with tempfile.TemporaryDirectory(prefix="chaos-", dir=given.folder or room()) as folder:
        chance = random.Random(given.seed)
        until = began + 60 * given.minutes
        for each in try_all(Path(folder), sections, chance, until=until, workers=given.workers, scale=given.scale):
            tried.append(each)
            if each.outcome in BAD or given.verbose:
                console.print(Text(f"{each.outcome}: {each.kind}, {each.fault}, {each.text}"), soft_wrap=True)
    seconds = time.monotonic() - began
    console.print(*tables(tried))
    hits = sum(each.outcome is not Outcome.MISSED for each in tried)
    console.print(Text(f"{hits} tried in {seconds:.0f} s with seed {given.seed}: {verdict(tried)}"))
    console.print(Text(", ".join(f"{name} {value}" for name, value in machine().items())), soft_wrap=True)
    write(given.json, {"seed": given.seed, "seconds": seconds, "tried": [asdict(each) for each in tried]})
    return 1 if any(each.outcome in BAD for each in tried) else 0


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m benchmarks.chaos", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--only", default=",".join(SECTIONS), metavar="LIST", help=f"of {', '.join(SECTIONS)}")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--minutes", type=float, default=MINUTES, help="nothing new is tried after that")
    parser.add_argument("--scale", type=float, default=1.0, help="of the usual number of kills, flips and full disks")
    parser.add_argument("--workers", type=int, default=2, help="how many things are tried at once")
    parser.add_argument("--folder", type=Path, help="where; by default in memory, if there is enough")
    parser.add_argument("--verbose", action="store_true", help="show everything that was tried")
    parser.add_argument("--json", type=Path, metavar="FILE")
    return parser


if __name__ == "__main__":
    sys.exit(main())
