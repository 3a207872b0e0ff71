"""What scores by row of one run cost at the size of the paper: row by row, many rows at once, and kept from before.

Predictions are drawn at random: NER dev with 40 languages of 250,000 sentences together, MLQA test with 40,000
questions, XNLI test with 75,150 pairs. Every measurement is a process of its own; the store lies in RAM where it can.
`next` is a further run on the same rows in the same process, which is what a report mostly reads.

    python -m benchmarks.row_scores [--share 1.0] [--repetitions 3] [--json FILE]
"""

from __future__ import annotations

import functools
import json
import random
import shutil
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from analysis.statistics.rows import RowReader
from benchmarks.measure import in_a_process, in_ram, machine, options_of, summary, write
from trainables.ledger.record import Record, Score
from trainables.ledger.spec import DataRef, EncoderRef, Optimisation, Phase, RunSpec
from trainables.ledger.store import Store
from trainables.metrics.span_qa import answer_scores, mlqa_normalise
from trainables.metrics.tagging_f1 import chunks
from trainables.phases.predictions import PredictionTable
from trainables.tasks.formats.span import SpanFormat
from trainables.tasks.formats.tagging import TaggingFormat
from trainables.tasks.registry import task
from trainables.tasks.task import Split, Task

ROWS = {("panx", Split.DEV): 250_000, ("mlqa", Split.TEST): 40_000, ("xnli", Split.TEST): 75_150}
CONTENDERS = ("row by row", "at once", "at once, next", "kept", "kept, next")
SEEDS = (1, 2)


def spec_of(of: Task, seed: int) -> RunSpec:
    """A baseline run of the size of the paper."""
    return RunSpec(
        phase=Phase.TARGET,
        tasks=(of.name,),
        encoder=EncoderRef(name="FacebookAI/xlm-roberta-large", revision="main"),
        data=DataRef(source="hub", fingerprint="0", train_rows=0, eval_rows=0),
        seed=seed,
        optimisation=Optimisation(learning_rate=3e-6, epochs=2, batch_sizes={of.name: 4}, max_length=384),
    )


def finish(store: Store, of: Task, split: Split, rows: int, seed: int) -> None:
    """Finish a run with drawn predictions; references and ids depend on the row alone."""
    spec, table, scores = spec_of(of, seed), PredictionTable(), []
    languages = of.languages[split]
    for number, language in enumerate(languages):
        count = rows // len(languages) + (number < rows % len(languages))
        gold, given = _drawn(of, count, random.Random(f"{language} gold"), random.Random(f"{language} {seed}"))
        shared = isinstance(of.format, SpanFormat)
        ids = [f"q{row}" if shared else f"{of.name}.{language}.{split}.{row}" for row in range(count)]
        table.add(split, language, ids, given, gold)
        scores += [
            Score(task=of.name, split=split, language=language, metric=metric, value=value, rows=count)
            for metric, value in of.format.score(gold, given, language).items()
        ]
    made = store.work(spec.run_id) / f"{of.name}.parquet"
    pq.write_table(table.to_arrow(), made, compression="zstd")
    files = store.publish(spec.run_id, f"predictions/{of.name}.parquet", made)
    store.finish(Record(run_id=spec.run_id, name=of.name, spec=spec, scores=tuple(scores), files=files))


def _drawn(of: Task, count: int, truth: random.Random, draw: random.Random) -> tuple[list[Any], list[Any]]:
    if isinstance(of.format, TaggingFormat):
        labels = of.format.labels
        gold = [truth.choices(labels, k=truth.randint(3, 13)) for _ in range(count)]
        return gold, [[tag if draw.random() < 0.8 else draw.choice(labels) for tag in tags] for tags in gold]
    if isinstance(of.format, SpanFormat):
        answers = [(" ".join(f"w{truth.randrange(9000)}" for _ in range(truth.randint(1, 5))),) for _ in range(count)]
        return answers, [a if draw.random() < 0.5 else a.split()[0] + f" the {draw.randrange(99)}" for (a,) in answers]
    labels = getattr(of.format, "labels", ("",))
    gold = [truth.choice(labels) for _ in range(count)]
    return gold, [label if draw.random() < 0.8 else draw.choice(labels) for label in gold]


def row_by_row(store: Store, run_id: str, of: Task, split: Split) -> list[Any]:
    """The plain way: the functions that score one row, over Python lists."""
    path = store.fetch(run_id, f"predictions/{of.name}.parquet")
    table = pq.read_table(path, filters=[("split", "==", split.value)])
    columns = (table[name].to_pylist() for name in ("language", "prediction", "reference"))
    found: list[Any] = []
    for language, given, gold in zip(*columns, strict=True):
        if isinstance(of.format, TaggingFormat):
            right, own = set(chunks(gold)), set(chunks(given))
            found.append((len(right & own), len(right), len(own)))
        elif isinstance(of.format, SpanFormat):
            normalise = functools.partial(mlqa_normalise, language=language)
            found.append(sum(answer_scores(gold, given[0], normalise)) / 2)
        else:
            found.append(float(given == gold))
    return found


def one(contender: str, root: str, target: str, split: str) -> dict[str, Any]:
    """Seconds to the scores of one run, and a figure of them all."""
    store, of, measured = Store(Path(root)), task(target), Split(split)
    first, second = (spec_of(of, seed).run_id for seed in SEEDS)
    if "kept" not in contender:
        shutil.rmtree(store.cache, ignore_errors=True)
    read = RowReader(store)
    if "next" in contender:
        read(second, target, measured)
    began = time.perf_counter()
    if contender == "row by row":
        scores: Any = row_by_row(store, first, of, measured)
    else:
        scores = read(first, target, measured).scores
    seconds = time.perf_counter() - began
    for run_id in (first, second):  # what those that come after find
        read(run_id, target, measured)
    return {"seconds": seconds, "figure": float(np.sum(scores))}


def main(arguments: list[str] | None = None) -> None:
    """Measure, print, and write JSON when asked to."""
    parser = options_of(__doc__)
    parser.add_argument("--share", type=float, default=1.0, help="of the paper's rows")
    options = parser.parse_args(arguments)
    if options.one:
        sys.stdout.write(json.dumps(one(**json.loads(options.one))) + "\n")
        return
    found: dict[str, dict[str, list[float]]] = defaultdict(lambda: defaultdict(list))
    figures: dict[str, set[float]] = defaultdict(set)
    num_bytes: dict[str, int] = {}
    with in_ram() as folder:
        store = Store(folder).prepare()
        for (target, split), rows in ROWS.items():
            for seed in SEEDS:
                finish(store, task(target), split, int(rows * options.share), seed)
            name = f"{target} {split}, {int(rows * options.share):,} rows"
            for _ in range(options.repetitions):
                for contender in CONTENDERS:
                    given = in_a_process(
                        "benchmarks.row_scores", contender=contender, root=str(folder), target=target, split=split
                    )
                    found[name][contender].append(given["seconds"])
                    figures[name].add(round(given["figure"], 6))
            run_id = spec_of(task(target), SEEDS[0]).run_id
            num_bytes[name] = (store.cache / "rows" / run_id / f"{target}-{split}.rows").stat().st_size
    table = Table(
        "rows of a run", *CONTENDERS, "kept file, MB", title="Seconds to the scores by row", title_justify="left"
    )
    for name, seconds in found.items():
        table.add_row(name, *(summary(seconds[each], 3) for each in CONTENDERS), f"{num_bytes[name] / 1e6:.1f}")
    console = Console(width=160)
    console.print(table)
    console.print(
        f"all contenders give {'the same' if all(len(each) == 1 for each in figures.values()) else 'other'} scores"
    )
    console.print(", ".join(f"{name} {value}" for name, value in machine().items()))
    write(options.json, {"share": options.share, "seconds": found, "bytes": num_bytes})


if __name__ == "__main__":
    main()
