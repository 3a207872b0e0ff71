"""Estimates against what was measured: seconds of runs and sweeps, time to go, bytes; before and after correction.

    python -m benchmarks.estimates [--data DIR] [--train-rows 60] [--json FILE]

A sweep of real rows (`bundled:3`; none, QQP and SQuAD with and without MLM before XNLI, POS, XQuAD with MLQA, and
Tatoeba) is planned three times, with a cache folder that knows nothing: by what is assumed of a machine; after a probe;
and, for another seed in another store, after the first sweep has run. Both sweeps run for real. Runs are compared with
each of these estimates, sweeps with their simulated wall clock and with what the board said while they ran, stores with
their forecast, and the most memory that runs had with what was expected: by the formula, then by the peaks of the first
sweep.
"""

from __future__ import annotations

import argparse
import json
import os
import re
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import machine
from search_spaces import resolve
from search_spaces.encoders import encoder_size
from sweep.command_line.arguments import parse
from sweep.command_line.configuration import configure
from sweep.planning import rates_file
from sweep.planning.disk import forecast
from sweep.planning.errors_so_far import ErrorSoFar
from sweep.planning.footprint import tokenizer_bytes
from sweep.planning.known_costs import costs_of
from sweep.planning.machines import this_machine
from sweep.planning.outlook import look_at
from sweep.planning.peaks import Peaks
from sweep.planning.planner import build_plan
from sweep.planning.probing import probe_here, requests
from trainables.data.cache_folder import CACHE_VARIABLE
from trainables.ledger.artefacts import ENCODER, Keep
from trainables.ledger.plan import Plan
from trainables.ledger.store import Store
from trainables.ledger.usage import bytes_on_disk

LOOK_SECONDS = 0.5
ENCODER_NAME = "bundled:3"
_UNITS = {"s": 1.0, "min": 60.0, "h": 3600.0, "days": 86400.0}
_HEADLINE = re.compile(r"([\d.]+) (s|min|h|days) gone, about ([\d.]+) (s|min|h|days) to go")
_WALL = re.compile(r"(\d+) runs computed in (\d+) s")


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """One that has run.

    Attributes:
        plans: estimates by what they stand on.
        wall: seconds that it took, by itself.
        told: (seconds gone, seconds to go) as the board said.
        peak, end: bytes of its store.
    """

    store: Store
    plans: Mapping[str, Plan]
    wall: float
    told: Sequence[tuple[float, float]]
    peak: int
    end: int


def options(data: Path, rows: int, seed: int, store: Path) -> list[str]:
    """The words of the sweep."""
    short = [f"{phase}.{field}" for phase in ("intermediate", "target") for field in ("epochs=1", "max_length=128")]
    return [
        "--data", str(data), "--encoder", ENCODER_NAME, "--intermediates", "none,qqp,squad", "--mlm", "off,on",
        "--targets", "xnli,udpos,xquad,mlqa,tatoeba", "--train-rows", str(rows), "--eval-rows", "20", "--languages",
        "en,de,sw", "--seeds", str(seed), "--keep", "all", "--store", str(store),
        *(word for field in short for word in ("--set", field)),
    ]  # fmt: skip


def planned(words: Sequence[str], store: Store) -> Plan:
    """The plan with the costs that are known now."""
    config = configure(parse(["plan", *words]))
    return build_plan(config, costs=costs_of(config, store))


def run(words: Sequence[str], store: Store, plans: Mapping[str, Plan], log: Path) -> Sweep:
    """Run a sweep and watch its store."""
    peak, command = 0, [sys.executable, "-m", "sweep.grid", "run", *words]
    with log.open("w") as out:
        running = subprocess.Popen(command, stdout=out, stderr=subprocess.STDOUT)
        while running.poll() is None:
            peak = max(peak, bytes_on_disk(store.root))
            time.sleep(LOOK_SECONDS)
    said = log.read_text()
    if running.returncode:
        raise RuntimeError(f"exit status {running.returncode}:\n{said[-3000:]}")
    told = [(float(gone) * _UNITS[unit], float(left) * _UNITS[of]) for gone, unit, left, of in _HEADLINE.findall(said)]
    found = _WALL.search(said)
    assert found
    end = bytes_on_disk(store.root)
    return Sweep(store=store, plans=plans, wall=float(found[2]), told=told, peak=max(peak, end), end=end)


def errors(sweep: Sweep) -> dict[str, ErrorSoFar]:
    """By what the estimates stand on."""
    taken = {run_id: sum(sweep.store.record(run_id).seconds.values()) for run_id in sweep.store.run_ids()}
    return {
        name: ErrorSoFar.of(
            [(taken[id_], node.cost, node.cost_low, node.cost_high) for id_, node in plan.nodes.items()]
        )
        for name, plan in sweep.plans.items()
    }


def figures_of(sweep: Sweep, words: Sequence[str], earlier: Store | None = None) -> dict[str, Any]:
    """Everything about one sweep, for JSON; `earlier` has run before it."""
    config = configure(parse(["plan", *words]))
    size = encoder_size(config.encoder.name, config.encoder.revision)
    walls, disk = {}, {}
    with tempfile.TemporaryDirectory() as nowhere:
        empty = Store(Path(nowhere) / "store")
        for name, plan in sweep.plans.items():
            outlook = look_at(plan, empty)
            walls[name] = outlook.simulate([this_machine()], parallel=1, max_concurrent=0).makespan
            found = forecast(
                outlook, empty, Keep.ALL, [this_machine()], parallel=1, max_concurrent=0, once=tokenizer_bytes(size),
                writers=config.cluster.checkpoint_writers,
            )  # fmt: skip
            disk[name] = {"peak": found.peak, "end": found.end}
    return {
        "errors": {name: asdict(error) for name, error in errors(sweep).items()},
        "runs": len(sweep.store.run_ids()),
        "wall_seconds": {"measured": sweep.wall, **walls},
        "told": [
            {"gone": gone, "to_go": left, "of_truth": left / (sweep.wall - gone)}
            for gone, left in sweep.told
            if gone < sweep.wall
        ],
        "disk_bytes": {"measured": {"peak": sweep.peak, "end": sweep.end}, **disk},
        "encoders": _encoders(sweep),
        "peak_bytes": _peaks(sweep),
        "memory": _memory(sweep, earlier),
        "stages": _stages(sweep),
    }


def _encoders(sweep: Sweep) -> dict[str, Any]:
    """Measured / expected bytes of what runs left of their models."""
    plan, ratios = next(iter(sweep.plans.values())), []
    for run_id, node in plan.nodes.items():
        folder = sweep.store.artefact(run_id, ENCODER)
        if node.footprint.model and folder.exists():
            ratios.append(bytes_on_disk(folder.parent) / (node.footprint.model + node.footprint.rest))
    return {"runs": len(ratios), "median": statistics.median(ratios), "low": min(ratios), "high": max(ratios)}


def _peaks(sweep: Sweep) -> dict[str, float]:
    """Most memory of runs by kind, median."""
    found: dict[str, list[int]] = {}
    for run_id in sweep.store.run_ids():
        record = sweep.store.record(run_id)
        found.setdefault(f"{record.spec.phase}{'+mlm' * (record.spec.mlm is not None)}", []).append(record.peak_bytes)
    return {kind: statistics.median(values) for kind, values in found.items()}


def _memory(sweep: Sweep, earlier: Store | None) -> dict[str, Any]:
    """Measured / expected memory of runs: by the formula, and by the peaks of an earlier sweep where there is one."""
    formula = next(iter(sweep.plans.values()))
    plans = {"formula": formula}
    if earlier:
        plans["peaks"] = Peaks(earlier.record(run_id) for run_id in earlier.run_ids()).of_plan(formula)
    found = {}
    for name, plan in plans.items():
        ratios = sorted(
            sweep.store.record(run_id).peak_bytes / node.share.memory_bytes
            for run_id, node in plan.nodes.items() if node.share.memory_bytes
        )  # fmt: skip
        found[name] = {"median": statistics.median(ratios), "low": ratios[0], "high": ratios[-1]}
    return found


def _stages(sweep: Sweep) -> dict[str, dict[str, float]]:
    """Seconds of all runs together by stage, measured and as each plan had them."""
    sums: dict[str, dict[str, float]] = {"measured": {}}
    for run_id in sweep.store.run_ids():
        for stage, seconds in sweep.store.record(run_id).seconds.items():
            sums["measured"][stage] = sums["measured"].get(stage, 0.0) + seconds
    for name, plan in sweep.plans.items():
        sums[name] = {}
        for node in plan.nodes.values():
            for stage, seconds in node.stages.items():
                sums[name][stage] = sums[name].get(stage, 0.0) + seconds
    return sums


def shown(name: str, found: Mapping[str, Any]) -> list[Table]:
    """Tables of one sweep."""
    table = Table("estimate", title=f"{name}: {found['runs']} runs, {found['wall_seconds']['measured']:.0f} s")
    for heading in ("measured / estimated, median", "8 of 10", "all runs", "in interval", "wall clock, s", "off by"):
        table.add_column(heading, justify="right")
    wall = found["wall_seconds"]
    for basis, error in found["errors"].items():
        table.add_row(
            basis, f"{error['ratio']:.2f}", f"{error['low']:.2f} to {error['high']:.2f}", f"{error['whole']:.2f}",
            f"{error['covered']:.0%}", f"{wall[basis]:.0f}", f"{wall[basis] / wall['measured'] - 1:+.0%}",
        )  # fmt: skip
    disk = Table(
        "bytes on disk", "measured, MB", *(f"{basis}, MB" for basis in found["errors"]), title=f"{name}: store"
    )
    for moment in ("peak", "end"):
        row = [found["disk_bytes"][basis][moment] / 1e6 for basis in ("measured", *found["errors"])]
        disk.add_row(moment, *(f"{value:.0f}" for value in row))
    board = Table("gone", "said to go, s", "true, s", title=f"{name}: time to go on the board")
    told = found["told"]
    for place in sorted({round(part * (len(told) - 1)) for part in (0, 0.25, 0.5, 0.75)}) if told else ():
        each = told[place]
        left = wall["measured"] - each["gone"]
        board.add_row(f"{each['gone'] / wall['measured']:.0%}", f"{each['to_go']:.0f}", f"{left:.0f}")
    memory = Table("memory of runs", title=f"{name}: measured / expected")
    for heading in ("median", "least", "most"):
        memory.add_column(heading, justify="right")
    for basis, ratios in found["memory"].items():
        memory.add_row(basis, *(f"{ratios[part]:.2f}" for part in ("median", "low", "high")))
    return [table, disk, memory, board]


def main() -> None:
    """Run both sweeps and print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("--data", type=Path, default=Path("/work/shared/data/mirror"))
    parser.add_argument("--train-rows", type=int, default=60)
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    console = Console(width=120)
    with tempfile.TemporaryDirectory(prefix="xstilts-estimates-") as made:
        folder = Path(made)
        os.environ[CACHE_VARIABLE] = str(folder / "cache")
        stores = [Store(folder / f"store-{seed}") for seed in (42, 43)]
        first, second = (
            options(given.data, given.train_rows, seed, store.root)
            for seed, store in zip((42, 43), stores, strict=True)
        )
        plans = {"assumed": planned(first, stores[0])}
        config = configure(parse(["plan", *first]))
        size = encoder_size(config.encoder.name, config.encoder.revision)
        name = resolve.encoder_ref(config).name
        probes = [probe_here(asked, name) for asked in requests(config, size, on_gpu=False)]
        rates_file.note_probes(probes)
        plans["probed"] = planned(first, stores[0])
        before = figures_of(run(first, stores[0], plans, folder / "42.log"), first)
        console.print(*shown("first sweep", before))
        corrected = {"assumed": _assumed(second, stores[1]), "corrected": planned(second, stores[1])}
        after = figures_of(run(second, stores[1], corrected, folder / "43.log"), second, stores[0])
        console.print(*shown("second sweep, another seed and store", after))
    found = {
        "machine": machine(), "options": " ".join(first), "probe_seconds": [each.seconds for each in probes],
        "load": os.getloadavg(), "first": before, "second": after,
    }  # fmt: skip
    if given.json:
        given.json.write_text(json.dumps(found, indent=1) + "\n")


def _assumed(words: Sequence[str], store: Store) -> Plan:
    """The plan of somebody whose cache folder knows nothing."""
    here = os.environ[CACHE_VARIABLE]
    with tempfile.TemporaryDirectory() as empty:
        os.environ[CACHE_VARIABLE] = empty
        try:
            return planned(words, store)
        finally:
            os.environ[CACHE_VARIABLE] = here


if __name__ == "__main__":
    main()
