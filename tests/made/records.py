"""Handmade records: a small sweep whose scores are chosen, not computed."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterable, Mapping
from pathlib import Path

from analysis.scores.load import load
from trainables.ledger.cells import BASELINE, Cell, Row
from trainables.ledger.plan import Node, Plan, Share, own_row
from trainables.ledger.record import DevPoint, Record, Score
from trainables.ledger.spec import (
    DataRef,
    EncoderRef,
    MlmSettings,
    Optimisation,
    Phase,
    Retrieval,
    RunSpec,
)
from trainables.ledger.store import Store
from trainables.tasks.registry import task
from trainables.tasks.task import Split

ENCODER = EncoderRef(name="bundled:3", revision="1")
DATA = DataRef(source="demo", fingerprint="f", train_rows=64, eval_rows=32)


def optimisation(name: str, learning_rate: float = 3e-6) -> Optimisation:
    return Optimisation(learning_rate=learning_rate, epochs=2, batch_sizes={name: 8}, max_length=64)


def intermediate_spec(*tasks: str, mlm: bool = False, seed: int = 42, data: DataRef = DATA) -> RunSpec:
    return RunSpec(
        phase=Phase.INTERMEDIATE,
        tasks=tasks,
        encoder=ENCODER,
        data=data,
        seed=seed,
        optimisation=optimisation(tasks[0], 1e-5),
        mlm=MlmSettings(languages=("en", "de")) if mlm else None,
    )


def target_spec(
    *tasks: str,
    parent: str = "",
    seed: int = 42,
    data: DataRef = DATA,
    encoder: EncoderRef = ENCODER,
    learning_rate: float = 3e-6,
) -> RunSpec:
    trains = task(tasks[0]).trains
    return RunSpec(
        phase=Phase.TARGET if trains else Phase.RETRIEVAL,
        tasks=tasks,
        encoder=encoder,
        data=data if trains else dataclasses.replace(data, train_rows=0),
        seed=seed,
        parent=parent,
        optimisation=optimisation(tasks[0], learning_rate) if trains else None,
        retrieval=None if trains else Retrieval(layer=2),
    )


def record(spec: RunSpec, scores: Iterable[Score] = (), name: str = "", notes: tuple[str, ...] = ()) -> Record:
    """A record with these scores, or with the figure that stops each of its trainings alone."""
    stopping = (
        Score(task=task, split="stopping", language="en", metric="accuracy", value=40.0, rows=32) for task in spec.tasks
    )
    return Record(
        run_id=spec.run_id,
        name=name or ",".join(spec.tasks),
        spec=spec,
        scores=tuple(scores) or tuple(stopping),
        dev_curve=(DevPoint(step=10, selection=40.0, metrics={"accuracy": 40.0}),),
        best_step=10,
        steps=20,
        planned_steps=20,
        tokens=1000,
        seconds={"train": 2.0, "evaluate": 1.0},
        peak_bytes=2**30,
        device="cpu",
        versions={"torch": "2.13"},
        commit="abc",
        notes=notes,
        finished_at="2026-01-01T00:00:00+00:00",
    )


def language_scores(
    name: str, level: float, without: Mapping[str, Iterable[str]] | None = None, only: tuple[str, ...] = ()
) -> list[Score]:
    """Scores of one target around `level`: dev exactly `level` on average, test one point above; EM 10 below F1.

    `without` names the languages to leave out of a split.
    """
    of, scores = task(name), []
    for split, shift in ((Split.DEV, 0.0), (Split.TEST, 0.0 if of.selection_split is Split.TEST else 1.0)):
        languages = [code for code in of.languages.get(split, ()) if not only or code in only]
        middle = (len(languages) - 1) / 2
        for place, language in enumerate(languages):
            if language in (without or {}).get(split.value, ()):
                continue
            for index, metric in enumerate(of.metrics):
                value = level + shift + (place - middle) * 0.5 - 10.0 * index
                scores.append(
                    Score(task=name, split=split.value, language=language, metric=metric, value=value, rows=32)
                )
    return scores


GROUPS = (("xnli",), ("pawsx",), ("udpos",), ("panx",), ("xquad", "mlqa"), ("tydiqa",), ("tatoeba",))
ROWS = (("none",), ("anli",), ("squad",), ("qqp", "anli"))
ROW_NAMES = {("none",): "none", ("anli",): "anli", ("squad",): "squad", ("qqp", "anli"): "multitask"}
BASELINE_LEVELS = {
    "xnli": 60.0, "pawsx": 70.0, "udpos": 55.5, "panx": 50.0, "xquad": 40.0, "mlqa": 42.0, "tydiqa": 35.0,
    "tatoeba": 20.0,
}  # fmt: skip


def level(row: str, mlm: bool, target: str, seed: int) -> float:
    """Chosen dev score of a cell: the baseline's, changed by the row; MLM takes half a point, a seed adds 0.2."""
    gains = {"none": 0.0, "anli": 2.0, "squad": -1.0, "multitask": 1.0}
    gain = gains[row] + (6.0 if row == "squad" and target in ("xquad", "mlqa", "tydiqa") else 0.0)
    gain += 30.0 if row == "anli" and target == "tatoeba" else 0.0
    return BASELINE_LEVELS[target] + gain - 0.5 * mlm + 0.2 * (seed - 42)


def fill(root: Path, seeds: tuple[int, ...] = (42,), skip: Iterable[tuple[str, bool, str]] = ()) -> Store:
    """A store with the whole grid of ROWS x MLM x GROUPS, but for the cells to skip (row, mlm, first target)."""
    store = Store(root).prepare()
    for seed in seeds:
        for tasks in ROWS:
            row = ROW_NAMES[tasks]
            for mlm in (False,) if row == "none" else (False, True):
                parent = ""
                if row != "none":
                    spec = intermediate_spec(*tasks, mlm=mlm, seed=seed)
                    store.finish(record(spec, name=f"{row}{'+mlm' * mlm} #{seed}"))
                    parent = spec.run_id
                for group in GROUPS:
                    if (row, mlm, group[0]) in set(skip):
                        continue
                    spec = target_spec(*group, parent=parent, seed=seed)
                    scores = [s for name in group for s in language_scores(name, level(row, mlm, name, seed))]
                    store.finish(record(spec, scores, name=f"{row}{'+mlm' * mlm} -> {','.join(group)} #{seed}"))
    return store


def plan_of(store: Store, *others: tuple[RunSpec, str]) -> Plan:
    """The plan whose runs are those of a store, and others (spec, name) of which it has no record."""
    found = [(run.record.spec, run.record.name) for run in load(store)] + [*others]
    nodes: dict[str, Node] = {}
    for spec, name in sorted(found, key=lambda each: each[0].phase is not Phase.INTERMEDIATE):
        if spec.phase is Phase.INTERMEDIATE:
            row = own_row(spec)
        else:
            row = nodes[spec.parent].row if spec.parent else Row(BASELINE, False)
        nodes[spec.run_id] = Node(spec=spec, name=name, row=row, cost=1.0, share=Share())
    cells = {
        Cell(*node.row, target, node.spec.seed): run_id
        for run_id, node in nodes.items()
        for target in node.spec.tasks
        if node.spec.phase is not Phase.INTERMEDIATE
    }
    return Plan(nodes=nodes, cells=cells)
