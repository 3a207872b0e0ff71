"""Can the built-in corpus be learned, and does it transfer? One fine-tuning a target with the whole bundled encoder.

For every target of the demo: the score on English dev (the single set where a target has one), the mean over the other
languages, and what a guess gets on the same rows: the most frequent label, the most frequent tag for every word, the
answer to another question, one sentence in N.

    python -m benchmarks.demo_learning [--encoder bundled] [--targets xnli,udpos,...] [--json FILE]
"""

from __future__ import annotations

import argparse
import json
import random
import tempfile
from collections import Counter
from pathlib import Path
from statistics import fmean

import pyarrow.parquet as pq
from rich.console import Console
from rich.table import Table

from search_spaces.config_file import apply_sets
from search_spaces.presets import demo
from sweep.command_line.compute import run_options
from sweep.planning.planner import build_plan
from trainables.ledger.record import Record
from trainables.ledger.store import Store
from trainables.phases.run import run_to_end
from trainables.tasks import registry
from trainables.tasks.formats.base import Head
from trainables.tasks.task import Task

ENGLISH = "en"
SETTINGS = [
    "grid.intermediates=none", "data.train_rows=480", "data.eval_rows=40", "target.epochs=3", "target.batch_size=8",
    "target.learning_rate=1e-4", "target.max_length=160", "target.precision=fp32", "target.tasks={}", "grid.mlm=off",
    "grid.seeds=42",
]  # fmt: skip


def guess(task: Task, references: list[list[str]], language: str) -> float:
    """Score of a guess that has not read the input, in percent; the mean of the task's metrics."""
    head = task.format.head
    if head is Head.EMBEDDING:
        return 100.0 / len(references)
    if head is Head.TAGGING:
        tag = Counter(tag for tags in references for tag in tags).most_common(1)[0][0]
        given: list[list[str]] | list[str] = [[tag] * len(tags) for tags in references]
        scores = task.format.score(references, given, language)
    elif head is Head.SPAN:
        others = random.Random(0).sample(references, len(references))
        scores = task.format.score(references, [answers[0] for answers in others], language)
    else:
        labels = [label for [label] in references]
        scores = task.format.score(labels, [Counter(labels).most_common(1)[0][0]] * len(labels), language)
    return fmean(scores[metric] for metric in task.metrics)


def lines(record: Record, store: Store) -> list[dict[str, object]]:
    """One line a target of a finished run."""
    found = []
    for name in record.spec.tasks:
        task = registry.task(name)
        split = task.selection_split
        rows = pq.read_table(store.fetch(record.run_id, f"predictions/{name}.parquet")).to_pylist()
        score: dict[str, float] = {}
        chance: dict[str, float] = {}
        for language in {row["language"] for row in rows if row["split"] == split}:
            own = [s.value for s in record.scores if (s.task, s.split, s.language) == (name, split, language)
                   and s.metric in task.metrics]  # fmt: skip
            score[language] = fmean(own)
            references = [row["reference"] for row in rows if row["split"] == split and row["language"] == language]
            chance[language] = guess(task, references, language)
        foreign = [code for code in score if code != ENGLISH]
        found.append(
            {
                "target": task.title,
                "English": score.get(ENGLISH),
                "guess, English": chance.get(ENGLISH),
                "other languages": fmean(score[code] for code in foreign),
                "guess, others": fmean(chance[code] for code in foreign),
                "languages": len(score),
                "languages above the guess": sum(score[code] > chance[code] for code in score),
            }
        )
    return found


def main() -> None:
    """Train, measure, print."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--encoder", default="bundled")
    parser.add_argument("--targets", default="xnli,pawsx,udpos,panx,xquad,mlqa,tydiqa,tatoeba")
    parser.add_argument("--json", type=Path)
    given = parser.parse_args()
    config = apply_sets(demo(), [*SETTINGS, f"encoder.name={given.encoder}", f"grid.targets={given.targets}"])
    plan = build_plan(config)
    results: list[dict[str, object]] = []
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder)).prepare()
        for node in plan.nodes.values():
            results += lines(run_to_end(node.spec, node.name, store, run_options(config, plan)), store)
    table = Table(title=f"Learning the demo with {given.encoder}, no intermediate task; score (mean of the metrics)")
    for name in results[0]:
        table.add_column(name, justify="left" if name == "target" else "right")
    for line in results:
        table.add_row(*(f"{v:.1f}" if isinstance(v, float) else "–" if v is None else str(v) for v in line.values()))
    Console(width=120).print(table)
    if given.json:
        given.json.write_text(json.dumps(results, indent=1))


if __name__ == "__main__":
    main()
