"""Estimates of a sweep that has run, before and after correction: seconds, time to go, bytes.

    python -m benchmarks.estimates STORE [--slower 3] [--json FILE]

Nothing is run. The sweep is planned as its store says it was, and its finished runs are compared with what is assumed
of a machine, with estimates from the runs that had ended before each began, and with estimates from all others. Time to
go is what the board would have said at every end of a run, by the times of the records and costs that are assumed.
`--slower` shows the same for a machine on which all took so many times as long, so that what is assumed is wrong by it.
"""

from __future__ import annotations

import argparse
import json
import math
import statistics
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from datetime import datetime
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import machine
from search_spaces import resolve
from search_spaces.config import SweepConfig
from search_spaces.encoders import encoder_size
from sweep.command_line.arguments import parse
from sweep.command_line.configuration import configure
from sweep.planning.cost import Costs
from sweep.planning.disk import forecast
from sweep.planning.errors_so_far import ErrorSoFar
from sweep.planning.footprint import tokenizer_bytes
from sweep.planning.known_costs import devices_of
from sweep.planning.machines import this_machine
from sweep.planning.measured import Measured, runs_of
from sweep.planning.outlook import look_at
from sweep.planning.peaks import Peaks
from sweep.planning.planner import build_plan
from sweep.planning.remaining import OPEN, Live, Remaining
from trainables.ledger.plan import Plan, Share
from trainables.ledger.record import Record
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.ledger.usage import bytes_on_disk


@dataclass(frozen=True, kw_only=True)
class Ran:
    """A finished run: when it began and ended (seconds of one clock), and what it took."""

    began: float
    ended: float
    record: Record
    measured: Measured

    @property
    def seconds(self) -> float:
        """By its stages."""
        return sum(self.measured.seconds.values())


def figures(store: Store, slower: float = 1.0) -> dict[str, Any]:
    """Everything, for JSON."""
    config = configure(parse(["plan", "--config", str(store.root / "config.yaml"), "--store", str(store.root)]))
    size = encoder_size(config.encoder.name, config.encoder.revision)
    own = runs_of(store, resolve.encoder_ref(config), size)
    costs = Costs(devices=devices_of(config.cluster, own.values(), ()))  # neither probes nor runs: assumed
    plan = build_plan(config, costs=costs)
    runs = {run_id: _ran(store.record(run_id), own[run_id], slower) for run_id in plan.nodes if run_id in own}
    disk = _disk(config, plan, store)
    plan = replace(plan, nodes={run_id: plan.nodes[run_id] for run_id in runs}, cells={})
    estimates = {
        "assumed": {run_id: _estimate(costs, run) for run_id, run in runs.items()},
        "from the runs that had ended": {
            run_id: _estimate(_knowing(costs, runs, before=run.began), run) for run_id, run in runs.items()
        },
        "from all others": {run_id: _estimate(_knowing(costs, runs, but=run_id), run) for run_id, run in runs.items()},
    }
    return {
        "runs": len(runs),
        "seconds": max(run.ended for run in runs.values()) - min(run.began for run in runs.values()),
        "device": next(iter(own.values())).device,
        "errors": {
            basis: asdict(ErrorSoFar.of([(runs[run_id].seconds, *found) for run_id, found in each.items()]))
            for basis, each in estimates.items()
        },
        "stages": _stages(runs, plan),
        "to_go": _to_go(plan, runs),
        "memory": _memory(plan, runs),
        "disk_bytes": disk,
    }


def _ran(record: Record, measured: Measured, slower: float) -> Ran:
    """On a machine so many times as slow, whose clock begins in 1970."""
    ended = datetime.fromisoformat(record.finished_at).timestamp()
    began = ended - sum(record.seconds.values())
    seconds = {stage: slower * taken for stage, taken in measured.seconds.items()}
    return Ran(began=slower * began, ended=slower * ended, record=record, measured=replace(measured, seconds=seconds))


def _estimate(costs: Costs, run: Ran) -> tuple[float, float, float]:
    """Seconds, low and high of a run."""
    parts = run.measured.parts
    share = Share(gpus=parts) if run.measured.on_gpu else Share()
    found = costs.estimate(run.record.spec, run.measured.work, share, int(parts))
    return found.seconds, found.low, found.high


def _knowing(costs: Costs, runs: Mapping[str, Ran], *, before: float = math.inf, but: str = "") -> Costs:
    """The costs of somebody who knows the runs that had ended by a time, but for one."""
    own = {run_id: run.measured for run_id, run in runs.items() if run.ended <= before and run_id != but}
    return replace(costs, own=own, _found={})


def _stages(runs: Mapping[str, Ran], plan: Plan) -> dict[str, dict[str, float]]:
    """Seconds of all runs together by stage, measured and assumed."""
    sums: dict[str, dict[str, float]] = {}
    for run_id, run in runs.items():
        for name, stages in (("measured", run.measured.seconds), ("assumed", plan.nodes[run_id].stages)):
            for stage, seconds in stages.items():
                sums.setdefault(stage, {}).setdefault(name, 0.0)
                sums[stage][name] += seconds
    return sums


def _to_go(plan: Plan, runs: Mapping[str, Ran]) -> list[dict[str, float]]:
    """What the board would have said at every end, and at the start."""
    events = sorted(
        [(run.ended, 0, run_id) for run_id, run in runs.items()]
        + [(run.began, 1, run_id) for run_id, run in runs.items()]
    )
    states, live = dict.fromkeys(runs, State.WAITING), dict[str, Live]()
    remaining = Remaining(plan, lambda: [this_machine()], lambda run_id: int(states[run_id] in OPEN))
    first, last = events[0][0], events[-1][0]
    told = [{"gone": 0.0, "said": remaining.seconds({}, first - 1e6), "true": last - first}]
    for now, begins, run_id in events:
        if begins:
            states[run_id], live[run_id] = State.RUNNING, Live(started=now)
            continue
        states[run_id] = State.DONE
        live.pop(run_id, None)
        remaining.end(run_id, runs[run_id].seconds)
        told.append({"gone": now - first, "said": remaining.seconds(live, now), "true": last - now})
    return told


def _memory(plan: Plan, runs: Mapping[str, Ran]) -> dict[str, dict[str, float]]:
    """Measured / expected memory: by the formula, and by the peaks of the runs that had ended."""
    ratios: dict[str, list[float]] = {"formula": [], "peaks of runs that had ended": []}
    for run_id, run in runs.items():
        node = plan.nodes[run_id]
        earlier = Peaks(other.record for other in runs.values() if other.ended <= run.began)
        for basis, share in zip(ratios, (node.share, earlier.share(node)), strict=True):
            if share.memory_bytes:
                ratios[basis].append(run.record.peak_bytes / share.memory_bytes)
    return {
        basis: {"median": statistics.median(found), "low": min(found), "high": max(found)}
        for basis, found in ratios.items() if found
    }  # fmt: skip


def _disk(config: SweepConfig, plan: Plan, store: Store) -> dict[str, int]:
    """What the store takes at the end, as forecast before anything ran and as it is; and the forecast of its peak."""
    size = encoder_size(config.encoder.name, config.encoder.revision)
    with tempfile.TemporaryDirectory() as nowhere:
        empty = Store(Path(nowhere) / "store")
        found = forecast(
            look_at(plan, empty), empty, config.keep, [this_machine()], parallel=1, max_concurrent=0,
            once=tokenizer_bytes(size), writers=config.cluster.checkpoint_writers,
        )  # fmt: skip
    return {"end_forecast": found.end, "end_measured": bytes_on_disk(store.root), "peak_forecast": found.peak}


def shown(found: Mapping[str, Any]) -> Sequence[Table]:
    """As tables."""
    table = Table("estimate", title=f"{found['runs']} runs in {found['seconds']:.0f} s on {found['device']}")
    for heading in ("measured / estimated, median", "8 of 10", "all runs", "in their interval"):
        table.add_column(heading, justify="right")
    for basis, error in found["errors"].items():
        table.add_row(
            basis, f"{error['ratio']:.2f}", f"{error['low']:.2f} to {error['high']:.2f}", f"{error['whole']:.2f}",
            f"{error['covered']:.0%}",
        )  # fmt: skip
    stages = Table("stage", title="seconds of all runs together")
    for heading in ("measured", "assumed"):
        stages.add_column(heading, justify="right")
    for stage, sums in found["stages"].items():
        stages.add_row(stage, *(f"{sums.get(name, 0.0):.0f}" for name in ("measured", "assumed")))
    board = Table("gone", title="time to go, seconds")
    for heading in ("said", "true"):
        board.add_column(heading, justify="right")
    told = found["to_go"]
    for part in (0.0, 0.1, 0.25, 0.5, 0.75, 0.9):
        each = min(told, key=lambda each: abs(each["gone"] - part * found["seconds"]))
        board.add_row(f"{each['gone'] / found['seconds']:.0%}", f"{each['said']:.0f}", f"{each['true']:.0f}")
    memory = Table("memory of runs", title="measured / expected")
    for heading in ("median", "least", "most"):
        memory.add_column(heading, justify="right")
    for basis, ratios in found["memory"].items():
        memory.add_row(basis, *(f"{ratios[part]:.2f}" for part in ("median", "low", "high")))
    disk = Table("at the end", "forecast", "measured", title="MB on disk")
    disk.add_row("store", *(f"{found['disk_bytes'][f'end_{name}'] / 1e6:.0f}" for name in ("forecast", "measured")))
    return table, stages, board, memory, disk


def main() -> None:
    """Print the tables."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").partition("\n")[0])
    parser.add_argument("store", type=Path)
    parser.add_argument("--slower", type=float, default=3.0, metavar="FACTOR")
    parser.add_argument("--json", type=Path, metavar="FILE")
    given = parser.parse_args()
    found = {f"{factor:g} times as slow": figures(Store(given.store), factor) for factor in (1.0, given.slower)}
    console = Console(width=110)
    for name, each in found.items():
        console.rule(name)
        console.print(*shown(each))
    if given.json:
        given.json.write_text(json.dumps({"machine": machine(), **found}, indent=1) + "\n")


if __name__ == "__main__":
    main()
