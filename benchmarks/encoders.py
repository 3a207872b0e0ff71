"""One real sweep with a tiny encoder of every architecture, through the command line, and a table of what ran.

The encoders have random weights, a language-model head of their family and a tokenizer of its kind; the rows are a few
of the built-in corpus. So the table shows that everything is computed, and nothing about what is learnt. Seconds are
those of the whole command, Ray's start included.

    python -m benchmarks.encoders [--kinds modernbert,eurobert] [--json FILE]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import machine, write
from tests.made.encoders import encoder_folder
from trainables.ledger.store import Store
from trainables.model.architectures import ARCHITECTURES

TARGETS = ("xnli", "udpos", "xquad", "tatoeba")
COLUMNS = ("architecture", "cells", "runs", "batches", "MLM head", "rows trained", "seconds")


def sweep(kind: str, folder: Path) -> dict[str, Any]:
    """Run one sweep in a process of its own and say what its store holds."""
    from transformers import AutoConfig

    from trainables.model.unpadded import supports

    encoder = encoder_folder(folder / kind, kind, head="ModelForMaskedLM")
    targets = [name for name in TARGETS if name != "tatoeba" or ARCHITECTURES[kind].can_be_cut]
    words = [
        "--data", "demo", "--encoder", str(encoder), "--store", str(folder / "store"), "--intermediates", "none,qqp",
        "--mlm", "off,on", "--targets", ",".join(targets), "--languages", "en,de", "--seeds", "42",
        "--train-rows", "24", "--eval-rows", "6",
    ]  # fmt: skip
    quiet = os.environ | {"HF_HUB_OFFLINE": "1", "TRANSFORMERS_VERBOSITY": "error"}
    started = time.perf_counter()
    done = subprocess.run(
        [sys.executable, "-m", "sweep.grid", "run", *words], capture_output=True, text=True, env=quiet
    )
    seconds = time.perf_counter() - started
    store = Store(folder / "store")
    if not store.has_plan():
        raise RuntimeError(f"the sweep with {kind} did not begin:\n{done.stdout[-3000:]}{done.stderr[-3000:]}")
    plan = store.plan()
    finished = [run_id for run_id in plan.nodes if store.is_finished(run_id)]
    notes = [note for run_id in finished for note in store.record(run_id).notes]
    trained = [note.removeprefix("trained ").split(" ")[0] for note in notes if note.endswith(" embedding rows")]
    return {
        "architecture": kind,
        "cells": f"{sum(run_id in finished for run_id in plan.cells.values())} of {len(plan.cells)}",
        "runs": f"{len(finished)} of {len(plan.nodes)}",
        "batches": "unpadded" if supports(AutoConfig.from_pretrained(encoder)) else "padded",
        "MLM head": "new" if any("no language-model head" in note for note in notes) else "its own",
        "rows trained": f"{min(trained, key=int)} to {max(trained, key=int)} of 400" if trained else "all",
        "seconds": round(seconds),
        "status": done.returncode,
    }


def main(arguments: list[str] | None = None) -> None:
    """Run every sweep in turn, print the table, and write JSON when asked to."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--kinds", default=",".join(ARCHITECTURES), help="architectures, by their model_type")
    parser.add_argument("--json", type=Path, metavar="FILE")
    options = parser.parse_args(arguments)
    found: list[Mapping[str, Any]] = []
    console = Console(width=110)
    table = Table(title="A sweep with a tiny encoder of every architecture", title_justify="left")
    for column in COLUMNS:
        table.add_column(column, justify="right" if column == "seconds" else "left")
    for kind in options.kinds.split(","):
        with tempfile.TemporaryDirectory() as folder:
            figures = sweep(kind, Path(folder))
        found.append(figures)
        table.add_row(*(str(figures[column]) for column in COLUMNS))
        write(options.json, {"sweeps": found})
    console.print(table)
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))


if __name__ == "__main__":
    main()
