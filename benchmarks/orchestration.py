"""What orchestration costs: the shape of the paper's grid with runs that do nothing.

Measures, in one command:

- 153 empty runs through `run_plan`, from the call to its return, Ray's start and end included, and the time from a
  parent's end to its child's start;
- the same runs as plain Tune function trainables with a barrier between the phases (two `Tuner.fit`);
- what one decision of the scheduler costs at 153, 1,000 and 10,000 cells;
- the simulated makespan of a grid in the paper's proportions on 1 to 64 GPUs, against the bound that no schedule beats.

    python -m benchmarks.orchestration [--repetitions 3] [--json FILE]
"""

from __future__ import annotations

import argparse
import datetime
import io
import json
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path
from typing import Any

from rich.console import Console
from rich.table import Table

from search_spaces.grid import Cell
from sweep.capacity import Machine
from sweep.nodes import Node, Plan, Share
from sweep.simulation import lower_bound, simulate
from trainables.phases.options import Options, Progress
from trainables.record import Record
from trainables.spec import DataRef, EncoderRef, Optimisation, Phase, Retrieval, RunSpec
from trainables.store import LocalStore, Store

CORES = 2
MINUTES = {
    "anli+": 18.0, "mnli": 22.0, "qqp": 20.0, "squad": 17.0, "squad2": 19.0, "hellaswag": 14.0, "ccg": 7.0,
    "cosmosqa": 8.0, "csqa": 3.0, "mix": 60.0, "xnli": 22.0, "pawsx": 4.0, "pos": 3.0, "ner": 3.0, "xquad": 18.0,
    "tydiqa": 2.0, "bucc": 3.0, "tatoeba": 1.0,
}  # fmt: skip
"""Guessed minutes of a run on one H200, in the proportions of rows times epochs; MLM makes a run 1.6 times as long."""
INTERMEDIATES = ("anli+", "mnli", "qqp", "squad", "squad2", "hellaswag", "ccg", "cosmosqa", "csqa", "mix")
WITH_MLM = ("mnli", "qqp", "squad", "squad2", "hellaswag", "cosmosqa")
FINE_TUNINGS = ("xnli", "pawsx", "pos", "ner", "xquad", "tydiqa")
RETRIEVALS = ("bucc", "tatoeba")


def empty(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Progress | Record]:
    """An executor that finishes at once; the record says when it began and ended."""
    begun = time.time()
    record = Record(run_id=spec.run_id, name=name, spec=spec, scores=(), seconds={"begun": begun, "ended": time.time()})
    store.finish(record)
    yield record


def grid(seeds: int = 1, share: Share | None = None) -> Plan:
    """The paper's grid: a seed is 16 intermediate runs, 102 fine-tunings and 34 retrieval runs, for 153 cells."""
    nodes: list[Node] = []
    cells: dict[Cell, str] = {}
    for seed in range(seeds):
        rows: list[Node | None] = [None]
        rows += [node(task, None, seed, share) for task in INTERMEDIATES]
        rows += [node(f"{task}+mlm", None, seed, share) for task in WITH_MLM]
        nodes += [row for row in rows if row]
        for row in rows:
            for target in (*FINE_TUNINGS, *RETRIEVALS):
                run = node(target, row, seed, share, baseline=row is None)
                nodes.append(run)
                for column in (target, "mlqa") if target == "xquad" else (target,):
                    label = row.name if row else "none"
                    cells[Cell(intermediate=label, mlm=False, target=column, seed=seed)] = run.run_id
    return Plan(nodes={each.run_id: each for each in nodes}, cells=cells)


def node(task: str, parent: Node | None, seed: int, share: Share | None, baseline: bool = False) -> Node:
    """One run of the grid."""
    retrieval = task in RETRIEVALS
    phase = Phase.RETRIEVAL if retrieval else Phase.TARGET if parent or baseline else Phase.INTERMEDIATE
    spec = RunSpec(
        phase=phase,
        tasks=(task,),
        encoder=EncoderRef(name="bundled", revision="1"),
        data=DataRef(source="demo", fingerprint="0"),
        seed=seed,
        parent=parent.run_id if parent else "",
        retrieval=Retrieval(layer=2) if retrieval else None,
        optimisation=None
        if retrieval
        else Optimisation(learning_rate=1e-5, epochs=1, batch_sizes={task: 4}, max_length=64),
    )
    cost = 60 * MINUTES[task.removesuffix("+mlm")] * (1.6 if task.endswith("+mlm") else 1.0)
    start = parent.name if parent else "none"
    name = task if phase is Phase.INTERMEDIATE else f"{start} -> {task} #{seed}"
    return Node(spec=spec, name=name, cost=cost, share=share or Share())


def through_run_plan(folder: Path) -> None:
    """All 153 cells as one graph."""
    from sweep.run import run_plan

    store = LocalStore(folder).prepare()
    summary = run_plan(
        grid(),
        store,
        Options(data="demo", encoder="bundled"),
        address="local",
        results=folder / "tune",
        name="benchmark",
        console=Console(file=io.StringIO()),
        executor="benchmarks.orchestration:empty",
        cpus=CORES,
    )
    assert summary.exit_code == 0, summary


def through_plain_tune(folder: Path) -> None:
    """The same runs as function trainables: first all intermediate runs, then everything else."""
    import ray
    from ray import tune

    ray.init(address="local", num_cpus=CORES, log_to_driver=False, logging_level="ERROR")
    plan = grid()
    store = str(LocalStore(folder).prepare().root)

    def train(config: dict[str, Any]) -> None:
        spec = RunSpec.from_dict(json.loads(config["spec"]))
        for item in empty(spec, spec.run_id, LocalStore(Path(config["store"])), Options(data="demo", encoder="b")):
            assert isinstance(item, Record)
            tune.report({"steps": item.steps})

    for phases in ((Phase.INTERMEDIATE,), (Phase.TARGET, Phase.RETRIEVAL)):
        specs = [json.dumps(each.spec.to_dict()) for each in plan.nodes.values() if each.spec.phase in phases]
        tuner = tune.Tuner(
            tune.with_resources(train, {"cpu": 1}),
            param_space={"spec": tune.grid_search(specs), "store": store},
            run_config=tune.RunConfig(name=phases[0].value, storage_path=str(folder / "tune"), verbose=0),
        )
        tuner.fit()
    ray.shutdown()


CONTENDERS: Mapping[str, Callable[[Path], None]] = {
    "run_plan": through_run_plan,
    "plain Tune, barrier": through_plain_tune,
}


def measure(contender: str) -> dict[str, float]:
    """Run one contender in a process of its own; seconds, and gaps between parents and children."""
    with tempfile.TemporaryDirectory() as folder:
        code = f"import benchmarks.orchestration as b, pathlib; b.CONTENDERS[{contender!r}](pathlib.Path({folder!r}))"
        begun = time.monotonic()
        subprocess.run([sys.executable, "-c", code], check=True, capture_output=True)
        seconds = time.monotonic() - begun
        store = LocalStore(Path(folder))
        spans = {run_id: store.record(run_id).seconds for run_id in store.run_ids()}
    plan = grid()
    assert len(spans) == len(plan.nodes), f"{contender} left {len(spans)} of {len(plan.nodes)} records"
    gaps = [
        min(spans[child.run_id]["begun"] for child in plan.nodes.values() if parent in child.parents) - span["ended"]
        for parent, span in spans.items()
        if plan.nodes[parent].spec.phase is Phase.INTERMEDIATE
    ]
    return {"seconds": seconds, "median_gap": statistics.median(gaps), "max_gap": max(gaps)}


def scheduling(seeds: int) -> dict[str, float]:
    """Milliseconds of scheduling for each cell of a grid on 64 GPUs with quarters of them in use."""
    plan = grid(seeds, Share(gpus=0.25))
    begun = time.perf_counter()
    simulate(plan.nodes, (), machines(64))
    return {"cells": len(plan.cells), "milliseconds_per_cell": 1e3 * (time.perf_counter() - begun) / len(plan.cells)}


def machines(gpus: int) -> list[Machine]:
    """Nodes with eight GPUs, or one with fewer."""
    return [Machine(name=f"node {i}", cpus=128, gpus=min(gpus, 8)) for i in range(max(gpus // 8, 1))]


def makespan(gpus: int) -> dict[str, float]:
    """Hours of the grid on whole GPUs, and the bound."""
    plan = grid(share=Share(gpus=1.0))
    found = simulate(plan.nodes, (), machines(gpus)).makespan
    bound = lower_bound(plan.nodes, machines(gpus))
    return {"gpus": gpus, "hours": found / 3600, "bound_hours": bound / 3600, "ratio": found / bound}


def spread(values: list[float], digits: int = 2) -> str:
    """Median, and the range in brackets."""
    return f"{statistics.median(values):.{digits}f} ({min(values):.{digits}f} to {max(values):.{digits}f})"


def main() -> None:
    """Measure, print tables, write JSON."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    arguments = parser.parse_args()
    runs = {name: [] for name in CONTENDERS}  # type: dict[str, list[dict[str, float]]]
    for _ in range(arguments.repetitions):
        for name in CONTENDERS:
            runs[name].append(measure(name))
    costs = [[scheduling(seeds) for _ in range(arguments.repetitions)] for seeds in (1, 7, 66)]
    spans = [makespan(gpus) for gpus in (1, 4, 8, 16, 64)]

    console = Console()
    table = Table(title=f"153 empty cells, {CORES} cores, {arguments.repetitions} repetitions: median (range)")
    for column in ("", "seconds", "parent's end to child's start, median [s]", "largest [s]"):
        table.add_column(column)
    for name, found in runs.items():
        figures = [spread([each[key] for each in found]) for key in ("seconds", "median_gap", "max_gap")]
        table.add_row(name, *figures)
    console.print(table)
    table = Table("cells", "scheduling, milliseconds a cell", title="Decisions on 64 GPUs in quarters")
    for repeated in costs:
        each = [cost["milliseconds_per_cell"] for cost in repeated]
        table.add_row(f"{repeated[0]['cells']:.0f}", spread(each, 3))
    console.print(table)
    table = Table("GPUs", "hours", "bound", "ratio", title="Simulated makespan of the grid")
    for row in spans:
        table.add_row(f"{row['gpus']:.0f}", *(f"{row[key]:.3f}" for key in ("hours", "bound_hours", "ratio")))
    console.print(table)
    if arguments.json:
        now = datetime.datetime.now(datetime.UTC).isoformat(timespec="seconds")
        report = {"measured_at": now, "cores": CORES, "empty_cells": runs, "scheduling": costs, "makespan": spans}
        arguments.json.write_text(json.dumps(report, indent=1))


if __name__ == "__main__":
    main()
