"""Runs with predictions of chosen quality, scored by the formats themselves, as the phases do it."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

import pyarrow.parquet as pq

from search_spaces.search_fields import SearchFields
from sweep.cluster.run import NO_SEARCH
from sweep.graph.capacity import Machine
from sweep.graph.graph import Graph
from sweep.graph.node import Run
from tests.made import graphs
from tests.made.records import intermediate_spec, record, target_spec
from trainables.ledger.cells import Cell, Row
from trainables.ledger.plan import Node, Plan, Share
from trainables.ledger.race import Rule
from trainables.ledger.record import DevPoint, Record, Score
from trainables.ledger.spec import Phase, RunSpec
from trainables.ledger.store import Store
from trainables.phases.options import Options
from trainables.phases.predictions import PredictionTable
from trainables.report import Advanced
from trainables.tasks.formats.mining import MiningFormat
from trainables.tasks.formats.span import SpanFormat
from trainables.tasks.formats.tagging import TaggingFormat
from trainables.tasks.registry import task
from trainables.tasks.task import Split, Task

Quality = Mapping[str, float | str]
"""Row (`squad`) or row and target (`squad -> xnli`) -> probability that a row is right, or `broken`."""


def finish(
    store: Store, spec: RunSpec, quality: float | Mapping[str, float], *, name: str = "", rows: int = 60
) -> None:
    """Finish a target or retrieval run whose rows are right with the probability `quality` (or one by target)."""
    store.finish(made_record(store, spec, quality, name=name, rows=rows))


def made_record(
    store: Store, spec: RunSpec, quality: float | Mapping[str, float], *, name: str = "", rows: int = 60
) -> Record:
    """The record of such a run, whose predictions are published; its dev figure is the quality and up to a point."""
    scores: list[Score] = []
    figure = 0.0
    for target in spec.tasks:
        own = quality if isinstance(quality, float | int) else quality[target]
        figure = 100 * own + random.Random(spec.run_id).random()
        of, table = task(target), PredictionTable()
        for split in (Split.DEV, Split.TEST):
            for language in of.languages.get(split, ()):
                draw = random.Random(f"{spec.run_id} {target} {split} {language}")
                ids, gold, given = _rows(of, split, language, rows, own, draw)
                table.add(split, language, ids, given, gold)
                scores += [
                    Score(task=target, split=split, language=language, metric=metric, value=value, rows=rows)
                    for metric, value in of.format.score(gold, given, language).items()
                ]
        made = store.work(spec.run_id) / f"{target}.parquet"
        pq.write_table(table.to_arrow(), made)
        store.publish(spec.run_id, f"predictions/{target}.parquet", made)
    return Record(
        run_id=spec.run_id, name=name or ",".join(spec.tasks), spec=spec, scores=tuple(scores),
        dev_curve=(DevPoint(step=2, selection=figure, metrics={"accuracy": figure}),), best_step=2, steps=2,
        planned_steps=2,
    )  # fmt: skip


def _rows(
    of: Task, split: str, language: str, rows: int, quality: float, draw: random.Random
) -> tuple[list[str], list, list]:
    """Ids, references, predictions. References depend on the row alone; XQuAD and MLQA share ids among languages."""
    truth = random.Random(f"{of.name} {split}")
    ids = [f"{language}.{split}.{number}" for number in range(rows)]
    right = [draw.random() < quality for _ in range(rows)]
    if isinstance(of.format, MiningFormat):
        found = [(row, [f"en-{row}"], [f"en-{row}"] if hit else []) for row, hit in zip(ids, right, strict=True)]
        found += [(f"{language}.x{n}", [], ["en-0"]) for n in range(rows) if draw.random() > quality]
        names, gold, given = zip(*found, strict=True)
        return list(names), list(gold), list(given)
    if isinstance(of.format, TaggingFormat):
        tags = of.format.labels
        gold = [[truth.choice(tags) for _ in range(1 + number % 7)] for number in range(rows)]
        return ids, gold, [[t if draw.random() < quality else draw.choice(tags) for t in words] for words in gold]
    if isinstance(of.format, SpanFormat):
        words = [f"{truth.randrange(90)} {truth.randrange(90)} word" for _ in range(rows)]
        wrong = [f"{text.split()[0]} elsewhere" if draw.random() < 0.5 else "nothing" for text in words]
        answers: Sequence[str] = [text if hit else other for text, other, hit in zip(words, wrong, right, strict=True)]
        return [f"q{number}" for number in range(rows)], [(text,) for text in words], list(answers)
    labels = getattr(of.format, "labels", ())
    if labels:
        gold = [truth.choice(labels) for _ in range(rows)]
        return ids, gold, [g if hit else labels[labels.index(g) - 1] for g, hit in zip(gold, right, strict=True)]
    return ids, ids, [row if hit else "elsewhere" for row, hit in zip(ids, right, strict=True)]


def grid(rows: Sequence[str], groups: Sequence[tuple[str, ...]], seeds: Sequence[int]) -> Plan:
    """Rows (`none`, `squad`, ...) x groups of targets that share a run x seeds, as `build_plan` makes it."""
    nodes: dict[str, Node] = {}
    cells: dict[Cell, str] = {}

    def add(spec: RunSpec, name: str, row: str, cost: float) -> str:
        nodes[spec.run_id] = Node(spec=spec, name=name, row=Row(row, False), cost=cost, share=Share())
        return spec.run_id

    for row in rows:
        parents = {
            seed: "" if row == "none" else add(intermediate_spec(row, seed=seed), f"{row} #{seed}", row, 2.0)
            for seed in seeds
        }
        for group in groups:
            for seed in seeds:
                name = f"{row} -> {','.join(group)} #{seed}"
                run_id = add(target_spec(*group, parent=parents[seed], seed=seed), name, row, 1.0)
                for target in group:
                    cells[Cell(row, False, target, seed)] = run_id
    return Plan(nodes=nodes, cells=cells)


def row_of(name: str) -> str:
    """`squad` from `squad #1` or `squad -> xnli #1`."""
    return name.split(" ")[0]


def compute(store: Store, node: Run, quality: Quality) -> None:
    """Finish a run; raises ValueError where the quality of its row is `broken`."""
    row = row_of(node.name)
    if node.spec.phase is Phase.INTERMEDIATE:
        if quality.get(row, 0.0) == "broken":
            raise ValueError("the data is broken")
        store.finish(record(node.spec, name=node.name))
        return
    own = {target: quality.get(f"{row} -> {target}", quality[row]) for target in node.spec.tasks}
    if "broken" in own.values():
        raise ValueError("the loss is not finite")
    finish(store, node.spec, own, name=node.name)


RULE = Rule()
ROWS = ("none", "squad", "qqp")
GOOD_AND_BAD: Quality = {"none": 0.7, "squad": 0.75, "qqp": 0.3}
"""Of two intermediates one is good and one is bad."""


def graph_of(plan: Plan, store: Store, rule: Rule = RULE, search: SearchFields = NO_SEARCH) -> Graph:
    """The graph of a plan with a race."""
    return graphs.graph_of(plan, store, search, rule=rule)


def drive(found: Graph, store, quality, most=10_000, order=lambda live: live[0], cpus=3):
    """Run a graph to its end, or until so many runs have ended; the names of the runs in the order of their end."""
    machines = [Machine(name="here", cpus=cpus, gpus=0)]
    ended = graphs.drive(found, store, lambda run: compute(store, run, quality), machines, most, order)
    return [found.runs[run_id].name for run_id in ended]


def decisions(store: Store) -> list[tuple[str, str, str, int, bool]]:
    """Who was dropped from which target, behind whom, and when, by the record in the store."""
    race = store.race()
    assert race
    return [
        (str(each.row), target.target, str(each.leader), each.seed, each.halfway)
        for target in race.races
        for each in target.dropped
    ]


def searching(target=4, **others):
    ranges = {"learning_rate": {"low": 1e-6, "high": 1e-4, "log": True}, "epochs": "fixed"}
    return SearchFields.model_validate({"target": target, "ranges": {"target": ranges}} | others)


def raced(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """An executor whose predictions are as good as GOOD_AND_BAD says."""
    yield Advanced(stage="train", step=1, planned_steps=2)
    compute(store, Run(run_id=spec.run_id, name=name, spec=spec), GOOD_AND_BAD)
    yield store.record(spec.run_id)
