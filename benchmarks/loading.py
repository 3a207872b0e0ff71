"""What it takes to load a store of many records into the long table: without an index, with one, and the plain way.

Records are as real runs of the paper's size leave them: NER, POS, and XQuAD with MLQA, by turns, and an intermediate
run for every hundred; each with its scores by language, dev curve, files read, versions and notes. Every measurement is
a process of its own; the store lies in RAM where it can, so that no disk is measured. Where others are at work on the
machine, seconds of a processor say more than those of the clock.

    cold    no index yet: every record is read, checked and put into a new index
    warm    every record is as the index has it
    one new as warm, but for a record that was replaced
    plain   every record is read and checked, and the table is made of one line after another

    python -m benchmarks.loading [--records 10000] [--repetitions 3] [--json FILE]
"""

from __future__ import annotations

import hashlib
import json
import shutil
import sys
import time
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pandas import DataFrame
from rich.console import Console
from rich.table import Table

from analysis.scores.load import Run, load_usable, score_table
from benchmarks.measure import in_a_process, in_ram, machine, options_of, peak_bytes, summary, write
from trainables.ledger.record import DataUse, DevPoint, Record, Score
from trainables.ledger.spec import DataRef, EncoderRef, Optimisation, Phase, RunSpec
from trainables.ledger.store import Store
from trainables.tasks.registry import task
from trainables.tasks.task import Split

CONTENDERS = ("plain", "cold", "warm", "one new")
GROUPS = (("panx",), ("udpos",), ("xquad", "mlqa"))
CHILDREN = 100
"""Runs that start from one intermediate run."""
EVALUATIONS = 20


def spec_of(tasks: tuple[str, ...], seed: int, parent: str = "") -> RunSpec:
    """A run of the size of the paper; an intermediate one on SQuAD."""
    return RunSpec(
        phase=Phase.INTERMEDIATE if tasks == ("squad",) else Phase.TARGET,
        tasks=tasks,
        encoder=EncoderRef(name="FacebookAI/xlm-roberta-large", revision="main"),
        data=DataRef(source="hub", fingerprint="0123456789abcdef", train_rows=0, eval_rows=0),
        seed=seed,
        parent=parent,
        optimisation=Optimisation(learning_rate=3e-6, epochs=2, batch_sizes={tasks[0]: 4}, max_length=384),
    )


def records(count: int) -> Iterator[Record]:
    """So many records, parents first."""
    parent = ""
    for seed in range(count):
        if seed % CHILDREN == 0:
            spec = spec_of(("squad",), seed)
            parent = spec.run_id
        else:
            spec = spec_of(GROUPS[seed % len(GROUPS)], seed, parent)
        yield _record(spec)


def _record(spec: RunSpec) -> Record:
    drawn = int(spec.run_id, 16)
    measured = [(name, Split.STOPPING, "en") for name in spec.tasks[:1]] + [
        (name, split, language)
        for name in spec.tasks
        for split in (Split.DEV, Split.TEST)
        for language in task(name).languages.get(split, ())
    ]
    scores = [
        Score(task=name, split=split, language=language, metric=metric, value=drawn % 9973 / 113 + place, rows=1000)
        for place, (name, split, language) in enumerate(measured)
        for metric in (("f1", "accuracy") if name in ("panx", "udpos") else task(name).metrics)
    ]
    figures = [(step * 500, 40 + drawn % (step + 7) / 9) for step in range(1, EVALUATIONS + 1)]
    return Record(
        run_id=spec.run_id,
        name=f"squad -> {','.join(spec.tasks)} #{spec.seed}",
        spec=spec,
        scores=tuple(scores),
        dev_curve=tuple(DevPoint(step=s, selection=f, metrics={"f1": f, "accuracy": f + 1}) for s, f in figures),
        best_step=5000, steps=10_000, planned_steps=10_000, tokens=3_200_000,
        seconds={"load": 1.25, "train": 901.5, "evaluate": 75.25, "check": 0.5},
        peak_bytes=9 * 2**30,
        device="NVIDIA H100 80GB HBM3",
        versions=dict.fromkeys(("torch", "transformers", "tokenizers", "ray", "numpy", "pyarrow", "python"), "2.13.0"),
        commit=hashlib.sha1(spec.run_id.encode(), usedforsecurity=False).hexdigest(),
        data_use=tuple(
            DataUse(repository="google/xtreme", config=f"{name}.{language}", split=split, rows=1000)
            for name, split, language in measured
        ),
        notes=(f"{spec.tasks[0]}: 3 of 10,000 answers are not where their offsets say", "repeated rows: 0.1 %"),
        finished_at="2026-01-01T00:00:00+00:00",
        files={f"predictions/{name}.parquet": hashlib.sha256(name.encode()).hexdigest() for name in spec.tasks},
    )  # fmt: skip


def plain_table(store: Store) -> DataFrame:
    """The long table, of every record as it is read."""
    found = {run_id: store.record(run_id) for run_id in store.run_ids()}
    lines = []
    for record in found.values():
        if store.damage(record.run_id):
            continue
        run = Run(record=record, parent=found[record.spec.parent] if record.spec.parent else None)
        spec, (intermediate, mlm), capped = record.spec, run.variant, run.capped
        for score in record.scores:
            lines.append((
                record.run_id, spec.phase.value, intermediate, mlm, score.task, spec.seed, score.split, score.language,
                score.metric, score.value, score.rows, capped, ",".join(spec.data.languages), spec.encoder.name,
                spec.data.source, spec.parent,
            ))  # fmt: skip
    return DataFrame(lines, columns=list(score_table([]).columns))


def one(contender: str, root: str) -> dict[str, Any]:
    """Seconds to the long table, and what tells that all made the same."""
    store = Store(Path(root))
    if contender == "cold":
        shutil.rmtree(store.cache, ignore_errors=True)
    elif contender == "one new":
        run_id = store.run_ids()[0]
        store.finish(store.record(run_id))
    began, of_processor = time.perf_counter(), time.process_time()
    frame = plain_table(store) if contender == "plain" else score_table(load_usable(store).runs)
    seconds, of_processor = time.perf_counter() - began, time.process_time() - of_processor
    figure = [len(frame), float(frame["value"].sum()), int(frame["seed"].sum()), frame["parent"].nunique()]
    return {"seconds": seconds, "processor": of_processor, "peak_bytes": peak_bytes(), "figure": figure}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write JSON when asked to."""
    parser = options_of(__doc__)
    parser.add_argument("--records", type=int, default=10_000)
    options = parser.parse_args(arguments)
    if options.one:
        sys.stdout.write(json.dumps(one(**json.loads(options.one))) + "\n")
        return
    found: dict[str, dict[str, list[float]]] = {name: defaultdict(list) for name in CONTENDERS}
    figures = set()
    with in_ram() as folder:
        store = Store(folder).prepare()
        for record in records(options.records):
            store.finish(record)
        num_bytes = sum(state.size for state in store.record_states().values())
        for _ in range(options.repetitions):
            for name in CONTENDERS:
                given = in_a_process("benchmarks.loading", contender=name, root=str(folder))
                figures.add(tuple(given["figure"]))
                for figure in ("seconds", "processor", "peak_bytes"):
                    found[name][figure].append(given[figure])
        index_bytes = (store.cache / "records.index").stat().st_size
    num_scores = next(iter(figures))[0]
    title = f"{options.records:,} records of {num_bytes / 1e6:.0f} MB with {num_scores:,} scores into the long table"
    table = Table("contender", "seconds", "of a processor", "memory at most, MB", title=title, title_justify="left")
    for name in CONTENDERS:
        memory = [value / 2**20 for value in found[name]["peak_bytes"]]
        table.add_row(name, *(summary(found[name][each]) for each in ("seconds", "processor")), summary(memory, 0))
    console = Console()
    console.print(table)
    console.print(f"index: {index_bytes / 1e6:.0f} MB; all tables {'the same' if len(figures) == 1 else 'DIFFER'}")
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    sizes = {"records": options.records, "scores": num_scores, "record_bytes": num_bytes, "index_bytes": index_bytes}
    write(options.json, {**sizes, "contenders": found})


if __name__ == "__main__":
    main()
