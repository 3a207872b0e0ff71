"""What orchestration costs: the paper's plan with runs that do nothing.

Measures, in one command:

- 153 and 1,071 empty cells through `run_plan`: wall clock of the whole process, Ray's start and end included, the time
  from the end of a run to the start of the next one in the same worker, and the most memory that the driver has had;
- the same runs as plain Tune function trainables with a barrier between the phases (two `Tuner.fit`), with workers
  reused and with Tune's defaults (a process for each run; 153 cells alone, since it is slow);
- the time from a parent's end to its child's start, when nothing else is to be done;
- what the graph costs a run at 153, 1,071 and 10,098 cells, plain and with every node searched, and the memory that it
  takes, by simulation.

1,071 cells and Tune's defaults are measured once. `benchmarks.makespan` has the wall clock on GPUs.

    python -m benchmarks.orchestration [--repetitions 3] [--contenders NAME ...] [--json FILE]
"""

from __future__ import annotations

import argparse
import gc
import io
import itertools
import json
import math
import os
import statistics
import subprocess
import sys
import tempfile
import time
import tracemalloc
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from benchmarks.measure import in_a_process, write
from sweep.graph.capacity import Machine
from sweep.graph.simulation import simulate
from trainables.ledger.cells import Row
from trainables.ledger.plan import Plan, Share
from trainables.ledger.record import Record, Score
from trainables.ledger.spec import Phase, RunSpec
from trainables.ledger.store import Store
from trainables.phases.options import Options
from trainables.report import Advanced

CORES = 2
ON_RAY, SIMULATED = (1, 7), (1, 7, 66)
"""Seeds of the grid: 153 and 1,071 cells, and 10,098."""
TRIALS = 4
"""Of every run, where decisions on a searched plan are timed."""


def empty(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """An executor that finishes at once; the record says when it began and ended."""
    begun = time.time()
    record = Record(
        run_id=spec.run_id,
        name=name,
        spec=spec,
        scores=tuple(
            Score(task=task, split="dev", language="en", metric="f1", value=0.0, rows=1) for task in spec.tasks
        ),
        seconds={"begun": begun, "ended": time.time()},
        device=str(os.getpid()),
    )
    store.finish(record)
    yield record


def grid(seeds: int = 1, share: Share | None = None) -> Plan:
    """The paper's plan; where nothing is said, its runs take a core each and no GPU."""
    from benchmarks.paper_plan import paper_plan  # late: workers need `empty` alone, and contenders start many of them

    return paper_plan(seeds, share or Share())


def through_run_plan(folder: Path, seeds: int) -> None:
    """All cells as one graph."""
    run(grid(seeds), folder)


def run(plan: Plan, folder: Path) -> None:
    """One call of `run_plan`."""
    from sweep.cluster.place import Place  # late, as above
    from sweep.cluster.run import run_plan

    summary = run_plan(
        plan,
        Store(folder).prepare(),
        Options(data="demo", encoder="bundled", executor="benchmarks.orchestration:empty"),
        Place(address="local", results=folder / "tune", name="benchmark", cpus=CORES),
        Console(file=io.StringIO()),
    )
    assert summary.exit_code == 0, summary


def pairs(folder: Path) -> None:
    """A parent and its child, one pair after another, on one Ray."""
    from sweep.cluster.session import ray_session  # late, as above

    plan = grid(PAIRS)
    with ray_session("local", folder / "ray.log", cpus=CORES):
        for child in plan.nodes.values():
            if child.row == Row("squad", False) and child.spec.tasks == ("tydiqa",):
                nodes = {run_id: plan.nodes[run_id] for run_id in (*child.parents, child.run_id)}
                run(Plan(nodes=nodes, cells={}), folder)


def through_plain_tune(folder: Path, seeds: int, reuse: bool | None = None) -> None:
    """The same runs as function trainables: first all intermediate runs, then everything else."""
    import ray
    from ray import tune

    ray.init(address="local", num_cpus=CORES, log_to_driver=False, logging_level="ERROR")
    plan = grid(seeds)
    store = str(Store(folder).prepare().root)

    def train(config: dict[str, Any]) -> None:
        spec = RunSpec.from_dict(json.loads(config["spec"]))
        for item in empty(spec, spec.run_id, Store(Path(config["store"])), Options(data="demo", encoder="b")):
            assert isinstance(item, Record)
            tune.report({"steps": item.steps})

    for phases in ((Phase.INTERMEDIATE,), (Phase.TARGET, Phase.RETRIEVAL)):
        specs = [json.dumps(each.spec.to_dict()) for each in plan.nodes.values() if each.spec.phase in phases]
        tuner = tune.Tuner(
            tune.with_resources(train, {"cpu": 1}),
            tune_config=tune.TuneConfig(reuse_actors=reuse),
            param_space={"spec": tune.grid_search(specs), "store": store},
            run_config=tune.RunConfig(name=phases[0].value, storage_path=str(folder / "tune"), verbose=0),
        )
        tuner.fit()
    ray.shutdown()


def through_plain_tune_reused(folder: Path, seeds: int) -> None:
    """Plain Tune with workers kept from run to run."""
    through_plain_tune(folder, seeds, reuse=True)


CONTENDERS: Mapping[str, Callable[[Path, int], None]] = {
    "run_plan": through_run_plan,
    "plain Tune, barrier, workers reused": through_plain_tune_reused,
    "plain Tune, barrier": through_plain_tune,
}
SLOW = "plain Tune, barrier"
PAIRS = 10
COLUMNS = {"seconds": 1, "milliseconds_per_cell": 0, "gap": 3, "workers": 0, "driver_megabytes": 0}


def measure(contender: str, seeds: int) -> dict[str, float]:
    """Run one contender in a process of its own; seconds, gaps between the runs of a worker, memory of the driver."""
    seconds, records, peak = in_process(f"CONTENDERS[{contender!r}]", seeds)
    plan = grid(seeds)
    assert {record.run_id for record in records} == set(plan.nodes), f"{contender} left only {len(records)} records"
    workers: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: record.seconds["begun"]):
        workers.setdefault(record.device, []).append(record)
    gaps = [
        later.seconds["begun"] - earlier.seconds["ended"]
        for runs in workers.values()
        for earlier, later in itertools.pairwise(runs)
    ]
    return {
        "seconds": seconds,
        "milliseconds_per_cell": 1e3 * seconds / len(plan.cells),
        "gap": statistics.median(gaps) if gaps else float("nan"),
        "workers": len(workers),
        "driver_megabytes": peak / 1e6,
    }


def parent_to_child() -> list[float]:
    """Seconds from a parent's end to its child's start, for each pair."""
    _, records, _ = in_process("pairs")
    ends = {record.run_id: record.seconds["ended"] for record in records}
    children = [record for record in records if record.spec.parent]
    return [record.seconds["begun"] - ends[record.spec.parent] for record in children]


def in_process(function: str, *arguments: int) -> tuple[float, list[Record], int]:
    """Call a function of this module with an empty folder in a new process: seconds, records, its most memory."""
    with tempfile.TemporaryDirectory() as folder:
        given = ", ".join([f"pathlib.Path({folder!r})", *map(str, arguments)])
        modules = "import benchmarks.orchestration as b, benchmarks.measure as m, pathlib"
        code = f"{modules}; b.{function}({given}); print(m.peak_bytes())"
        begun = time.monotonic()
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True)
        seconds = time.monotonic() - begun
        if done.returncode:
            raise RuntimeError(f"{function} failed:\n{done.stderr[-3000:]}")
        store = Store(Path(folder))
        records = [store.record(run_id) for run_id in store.run_ids()]
        return seconds, records, int(done.stdout.split()[-1])


def scheduling(seeds: int) -> dict[str, float]:
    """Milliseconds of scheduling for each run of a plan on 8 GPUs in quarters, plain and with every node searched.

    And the memory that it takes beside the plan.
    """
    plan = grid(seeds, Share(gpus=0.25))
    nodes = {run_id: replace(node, trials=TRIALS) for run_id, node in plan.nodes.items()}
    return {
        "cells": len(plan.cells),
        "runs": len(plan.nodes),
        "milliseconds_per_run": milliseconds_per_run(plan),
        "milliseconds_per_run_searched": milliseconds_per_run(replace(plan, nodes=nodes)),
        "megabytes": megabytes(plan),
    }


def megabytes(plan: Plan) -> float:
    """The most memory that a simulation takes beside the plan."""
    gc.collect()
    tracemalloc.start()
    simulate(plan, machines(8))
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()
    return peak / 1e6


def milliseconds_per_run(plan: Plan) -> float:
    """Processor time that it takes to simulate a plan, by the number of its runs."""
    gc.collect()  # what planning has left behind is not the graph's
    begun = time.process_time()
    runs = len(simulate(plan, machines(8)).ends)
    return 1e3 * (time.process_time() - begun) / runs


def machines(gpus: int) -> list[Machine]:
    """Nodes with eight GPUs, or one with fewer."""
    return [Machine(name=f"node {i}", cpus=128, gpus=min(gpus, 8)) for i in range(max(gpus // 8, 1))]


def spread(values: list[float], digits: int = 2) -> str:
    """Median, and the range in brackets."""
    values = [value for value in values if not math.isnan(value)]
    if not values:
        return "none"
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main() -> None:
    """Measure, print tables, write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--contenders", nargs="+", choices=CONTENDERS, default=list(CONTENDERS), metavar="NAME")
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    if arguments.one:
        print(json.dumps(scheduling(**json.loads(arguments.one))))
        return
    others = os.getloadavg()[0]
    runs: dict[int, dict[str, list[dict[str, float]]]] = {
        seeds: {name: [] for name in arguments.contenders} for seeds in ON_RAY
    }
    for seeds, found in runs.items():
        for repetition in range(arguments.repetitions if seeds == 1 else 1):
            for name in found:
                if name != SLOW or not (repetition or seeds > 1):
                    found[name].append(measure(name, seeds))
    gaps = parent_to_child()
    costs = [
        [in_a_process("benchmarks.orchestration", seeds=seeds) for _ in range(arguments.repetitions)]
        for seeds in SIMULATED
    ]

    console = Console(width=120)
    if others > 0.5:
        console.print(f"! the machine was in use before (load {others:.1f}): times are too long")
    for seeds, found in runs.items():
        number = max(map(len, found.values()))
        table = Table(title=f"{153 * seeds} empty cells, {CORES} cores, {number} repetitions: median (range)")
        for column in ("", "seconds", "ms a cell", "seconds from run to run", "worker processes", "MB of the driver"):
            table.add_column(column)
        for name, each in found.items():
            if each:
                table.add_row(name, *(spread([one[key] for one in each], digits) for key, digits in COLUMNS.items()))
        console.print(table)
    console.print(f"parent's end to child's start, {len(gaps)} pairs, seconds: {spread(gaps, 3)}")
    table = Table("cells", "runs", "ms a run", "MB", title="Decisions on 8 GPUs in quarters, by simulation")
    table.add_column(f"with {TRIALS} trials of every run, ms a trial")
    for repeated in costs:
        keys = {"milliseconds_per_run": 3, "megabytes": 0, "milliseconds_per_run_searched": 3}
        figures = [spread([cost[key] for cost in repeated], digits) for key, digits in keys.items()]
        table.add_row(f"{repeated[0]['cells']:.0f}", f"{repeated[0]['runs']:.0f}", *figures)
    console.print(table)
    write(
        arguments.json,
        {
            "cores": CORES,
            "load_average_before": others,
            "empty_cells": {153 * seeds: found for seeds, found in runs.items()},
            "parent_to_child": gaps,
            "scheduling": costs,
        },
    )


if __name__ == "__main__":
    main()
