"""Commands as a user types them, in this process; runs are computed here, one after another, instead of by Ray."""

from __future__ import annotations

import contextlib
import json
import re
from pathlib import Path
from typing import Any

import sweep.cluster.driver
from benchmarks.chaos.left import left, tables
from sweep.command_line.main import main as xstilts
from sweep.graph.capacity import Machine
from sweep.graph.graph import Graph
from trainables.ledger.record import DivergedError
from trainables.ledger.store import Store
from trainables.phases.options import Options
from trainables.phases.run import run_to_end
from trainables.trainable import describe

BASE = [
    "--data", "demo", "--encoder", "bundled:1", "--languages", "en,de,zh", "--train-rows", "32", "--eval-rows", "8",
    "--set", "intermediate.learning_rate=1e-4", "--set", "intermediate.batch_size=8", "--set", "intermediate.epochs=1",
    "--set", "target.learning_rate=1e-4", "--set", "target.batch_size=8", "--set", "target.epochs=1",
    "--set", "cluster.threads=1", "--set", "cluster.checkpoint_seconds=2", "--set", "cluster.checkpoint_share=1",
]  # fmt: skip
GRID = [
    *BASE, "--intermediates", "none,qqp", "--mlm", "off,on", "--targets", "xnli,panx,xquad,mlqa,tatoeba",
]  # fmt: skip
"""The reference: 14 runs of all three phases."""
SEARCH = [
    *BASE, "--intermediates", "none,qqp", "--mlm", "off", "--targets", "xnli,tatoeba", "--seeds", "42,43",
    "--search", "target=2", "--race",
]  # fmt: skip
"""A sweep that leaves what searches and races leave."""
HOURS = [
    *BASE, "--intermediates", "none", "--mlm", "off", "--targets", "xnli,panx", "--search", "target=3,gpu-hours=0.002",
]  # fmt: skip
"""A sweep whose searches share hours."""


def drive_here(graph: Graph, store: Store, options: Options, *place: Any, **how: Any) -> str:
    """Run a graph to its end in this process: what `sweep.cluster.driver.drive` does with Ray."""
    graph.resize([Machine(name="here", cpus=2, gpus=0)])
    while run_id := graph.start(now=0.0):
        run = graph.runs[run_id]
        try:
            run_to_end(run.spec, run.name, store, options)
        except Exception as error:  # as a worker does
            with contextlib.suppress(OSError):
                store.fail(run_id, run.name, describe(error), diverged=isinstance(error, DivergedError))
            graph.fail(run_id)
        else:
            graph.finish(run_id)
    return ""


def command(*words: str) -> int:
    """The exit code of a command; to be called in a child, which it changes."""
    sweep.cluster.driver.drive = drive_here
    try:
        return xstilts(words)
    except SystemExit as end:  # of argparse
        return int(end.code or 0)


def run(words: list[str], store: Path) -> str:
    """`xstilts run`: its exit code, all that the store then holds, and the tables of the report."""
    code = command("run", *words, "--store", str(store))
    return json.dumps({"code": code, "left": left(store), "tables": tables(store / "report")}, sort_keys=True)


def report(store: Path, *words: str) -> str:
    """`xstilts report`: its exit code and tables."""
    out = store.parent / "out"
    code = command("report", str(store), "--out", str(out), *words)
    return json.dumps({"code": code, "tables": tables(out)}, sort_keys=True)


def asides(folder: Path) -> tuple[str, ...]:
    """What was put aside below a folder, and what records say was put aside on the way."""
    noted = [
        name
        for path in folder.rglob("record.json")
        for name in re.findall(r"put aside as ([^\s\"]+)", path.read_text(encoding="utf-8", errors="replace"))
    ]
    return tuple(sorted([*(path.name for path in folder.rglob("*.damaged-*")), *noted]))


def remedied(words: list[str], store: Path, said: str) -> None:
    """Do what a message says: move a file away, compute a run again, and give the same command again."""
    flat = "".join(said.split())  # a terminal breaks lines where it likes
    if "moveitaway" in flat:
        for path in sorted(store.rglob("*")):
            if path.is_file() and str(path) in flat:
                path.rename(path.with_name(f"{path.name}.away"))
    damaged = dict.fromkeys(re.findall(r"--recompute([0-9a-f]{12})", flat))
    again = [word for run_id in damaged for word in ("--recompute", run_id)]
    command("run", *words, *again, "--store", str(store))
