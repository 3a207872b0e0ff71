"""What orchestration costs: the paper's plan with runs that do nothing.

Measures, in one command:

- 153 empty cells through `run_plan`: wall clock of the whole process, Ray's start and end included, and the time from
  the end of a run to the start of the next one in the same worker;
- the same runs as plain Tune function trainables with a barrier between the phases (two `Tuner.fit`), with workers
  reused and with Tune's defaults (a process for each run; measured once, since it is slow);
- the time from a parent's end to its child's start, when nothing else is to be done;
- what the graph costs a run at 153, 1,071 and 10,098 cells, plain and with every node searched;
- the simulated makespan of the paper's plan on 1 to 64 GPUs, against the bound that no schedule beats.

    python -m benchmarks.orchestration [--repetitions 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import datetime
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
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from sweep.graph.bounds import lower_bound
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


def through_run_plan(folder: Path) -> None:
    """All 153 cells as one graph."""
    run(grid(), folder)


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


def through_plain_tune(folder: Path, reuse: bool | None = None) -> None:
    """The same runs as function trainables: first all intermediate runs, then everything else."""
    import ray
    from ray import tune

    ray.init(address="local", num_cpus=CORES, log_to_driver=False, logging_level="ERROR")
    plan = grid()
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


def through_plain_tune_reused(folder: Path) -> None:
    """Plain Tune with workers kept from run to run."""
    through_plain_tune(folder, reuse=True)


CONTENDERS: Mapping[str, Callable[[Path], None]] = {
    "run_plan": through_run_plan,
    "plain Tune, barrier, workers reused": through_plain_tune_reused,
    "plain Tune, barrier": through_plain_tune,
}
SLOW = "plain Tune, barrier"
PAIRS = 10
COLUMNS = {"seconds": 1, "gap": 3, "workers": 0}


def measure(contender: str) -> dict[str, float]:
    """Run one contender in a process of its own; seconds, and the gaps between the runs of a worker."""
    seconds, records = in_process(f"CONTENDERS[{contender!r}]")
    assert {record.run_id for record in records} == set(grid().nodes), f"{contender} left only {len(records)} records"
    workers: dict[str, list[Record]] = {}
    for record in sorted(records, key=lambda record: record.seconds["begun"]):
        workers.setdefault(record.device, []).append(record)
    gaps = [
        later.seconds["begun"] - earlier.seconds["ended"]
        for runs in workers.values()
        for earlier, later in itertools.pairwise(runs)
    ]
    gap = statistics.median(gaps) if gaps else float("nan")
    return {"seconds": seconds, "gap": gap, "workers": len(workers)}


def parent_to_child() -> list[float]:
    """Seconds from a parent's end to its child's start, for each pair."""
    _, records = in_process("pairs")
    ends = {record.run_id: record.seconds["ended"] for record in records}
    children = [record for record in records if record.spec.parent]
    return [record.seconds["begun"] - ends[record.spec.parent] for record in children]


def in_process(function: str) -> tuple[float, list[Record]]:
    """Call a function of this module with an empty folder in a new process; its seconds and the records it left."""
    with tempfile.TemporaryDirectory() as folder:
        code = f"import benchmarks.orchestration as b, pathlib; b.{function}(pathlib.Path({folder!r}))"
        begun = time.monotonic()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        seconds = time.monotonic() - begun
        store = Store(Path(folder))
        return seconds, [store.record(run_id) for run_id in store.run_ids()]


def scheduling(seeds: int) -> dict[str, float]:
    """Milliseconds of scheduling for each run of a plan on 8 GPUs in quarters, plain and with every node searched."""
    plan = grid(seeds, Share(gpus=0.25))
    nodes = {run_id: replace(node, trials=TRIALS) for run_id, node in plan.nodes.items()}
    return {
        "cells": len(plan.cells),
        "runs": len(plan.nodes),
        "milliseconds_per_run": milliseconds_per_run(plan),
        "milliseconds_per_run_searched": milliseconds_per_run(replace(plan, nodes=nodes)),
    }


def milliseconds_per_run(plan: Plan) -> float:
    """What it takes to simulate a plan, by the number of its runs."""
    gc.collect()  # what planning has left behind is not the graph's
    begun = time.perf_counter()
    runs = len(simulate(plan, machines(8)).ends)
    return 1e3 * (time.perf_counter() - begun) / runs


def machines(gpus: int) -> list[Machine]:
    """Nodes with eight GPUs, or one with fewer."""
    return [Machine(name=f"node {i}", cpus=128, gpus=min(gpus, 8)) for i in range(max(gpus // 8, 1))]


def makespan(gpus: int) -> dict[str, float]:
    """Hours of the grid on whole GPUs, and the bound."""
    plan = grid(share=Share(gpus=1.0))
    found = simulate(plan, machines(gpus)).makespan
    bound = lower_bound(plan, machines(gpus))
    return {"gpus": gpus, "hours": found / 3600, "bound_hours": bound / 3600, "ratio": found / bound}


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
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    runs: dict[str, list[dict[str, float]]] = {name: [] for name in CONTENDERS}
    for repetition in range(arguments.repetitions):
        for name in CONTENDERS:
            if name != SLOW or not repetition:
                runs[name].append(measure(name))
    gaps = parent_to_child()
    costs = [[scheduling(seeds) for _ in range(arguments.repetitions)] for seeds in (1, 7, 66)]
    spans = [makespan(gpus) for gpus in (1, 4, 8, 16, 64)]

    console = Console()
    table = Table(title=f"153 empty cells, {CORES} cores, {arguments.repetitions} repetitions: median (range)")
    for column in ("", "seconds", "seconds from run to run in a worker", "worker processes"):
        table.add_column(column)
    for name, found in runs.items():
        figures = [spread([each[key] for each in found], digits) for key, digits in COLUMNS.items()]
        table.add_row(name, *figures)
    console.print(table)
    console.print(f"parent's end to child's start, {len(gaps)} pairs, seconds: {spread(gaps, 3)}")
    table = Table("cells", "runs", title="Decisions on 8 GPUs in quarters")
    table.add_column("milliseconds a run")
    table.add_column(f"with {TRIALS} trials of every run, milliseconds a trial")
    for repeated in costs:
        figures = [spread([cost[f"milliseconds_per_run{of}"] for cost in repeated], 3) for of in ("", "_searched")]
        table.add_row(f"{repeated[0]['cells']:.0f}", f"{repeated[0]['runs']:.0f}", *figures)
    console.print(table)
    table = Table("GPUs", "hours", "bound", "ratio", title="Simulated makespan of the paper's plan")
    for row in spans:
        table.add_row(f"{row['gpus']:.0f}", *(f"{row[key]:.3f}" for key in ("hours", "bound_hours", "ratio")))
    console.print(table)
    if arguments.json:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        report: dict[str, Any] = {
            "measured_at": now,
            "cores": CORES,
            "empty_cells": runs,
            "parent_to_child": gaps,
            "scheduling": costs,
            "makespan": spans,
        }
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
