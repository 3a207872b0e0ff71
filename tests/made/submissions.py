"""Stores with predictions of every target, for submissions."""

from __future__ import annotations

import dataclasses
import random

import pyarrow as pa
import pyarrow.parquet as pq

from tests.made.records import DATA, intermediate_spec, record, target_spec
from trainables.ledger.record import Score
from trainables.ledger.store import Store
from trainables.metrics.retrieval import pair_f1
from trainables.tasks import registry
from trainables.tasks.task import Split

TEXTS = (
    "the house", "House.", "la casa", "casa", "der Hund", "hund", "中国,$5 “x”", "中国", "国 5", "في الكتاب خالد",
    "كتاب", "cái nhà", "nhà", "घर में", "дом", "The", "a  \tline\nbreak",
)  # fmt: skip
WINNER = {"xnli": "squad", "udpos": "squad", "mlqa": "squad", "tatoeba": "squad"}
"""Targets at which the intermediate run beats the baseline; elsewhere the baseline wins."""


def rows_of(target, language, right, rng, num_rows=12):
    """(id, prediction, reference) of one language; a prediction is right with probability `right`."""
    labels = registry.task(target).format.labels
    names = [f"{target}.{language}.test.{number}" for number in range(num_rows)]
    if target == "bucc":
        names = [f"{language}-{number:06d}" for number in range(num_rows)]
        gold = [[f"en-{number:06d}"] if number % 2 else [] for number in range(num_rows)]
        found = [one if rng.random() < right else rng.choice([[], ["en-000099"]]) for one in gold]
        return list(zip(names, found, gold, strict=True))
    rows = []
    for name in names:
        if target in ("udpos", "panx"):
            gold = [rng.choice(labels) for _ in range(rng.randint(1, 9))]
            found = [tag if rng.random() < right else rng.choice(labels) for tag in gold]
        elif target in ("xquad", "mlqa", "tydiqa"):
            gold = rng.sample(TEXTS, rng.randint(1, 2))
            found = [gold[-1] if rng.random() < right else rng.choice(["", *TEXTS])]
        else:
            gold = [name if target == "tatoeba" else rng.choice(labels)]
            found = gold if rng.random() < right else [rng.choice(names if target == "tatoeba" else labels)]
        rows.append((name, found, gold))
    return rows


def scored(target, language, rows):
    """Percent by metric, as a run computes them for its record."""
    if target == "bucc":
        found, gold = ([(row[0], one) for row in rows for one in row[side]] for side in (1, 2))
        return {"f1": pair_f1(gold, found)}
    predictions, references = [row[1] for row in rows], [row[2] for row in rows]
    if target not in ("udpos", "panx"):
        predictions = [one for (one,) in predictions]
        if target not in ("xquad", "mlqa", "tydiqa"):
            references = [one for (one,) in references]
    return registry.task(target).format.score(references, predictions, language)


def add_run(store, targets, parent="", seed=42, data=DATA, only=(), without_files=()):
    """A finished run of some targets, with predictions; returns its spec."""
    spec = target_spec(*targets, parent=parent, seed=seed, data=dataclasses.replace(data, languages=only))
    scores = []
    for target in targets:
        of = registry.task(target)
        wins = (WINNER.get(target, "none") == "squad") == bool(parent)
        rng = random.Random(f"{target} {bool(parent)} {seed}")
        table = []
        for split in (Split.DEV, Split.TEST):
            for language in of.languages.get(split, ()):
                if only and language not in only:
                    continue
                rows = rows_of(target, language, 0.7 if wins else 0.1, rng)
                table += [(split.value, language, *row) for row in rows]
                for metric, value in scored(target, language, rows).items():
                    scores.append(
                        Score(task=target, split=split, language=language, metric=metric, value=value, rows=len(rows))
                    )
        if target not in without_files:
            save(store, spec.run_id, target, table)
    store.finish(record(spec, scores, name=f"{'squad' if parent else 'none'} -> {','.join(targets)} #{seed}"))
    return spec


def save(store, run_id, target, table):
    kinds = [pa.string()] * 3 + [pa.list_(pa.string())] * 2
    names = ["split", "language", "id", "prediction", "reference"]
    columns = list(zip(*table, strict=True))
    made = store.work(run_id) / "made.parquet"
    pq.write_table(
        pa.table({n: pa.array(c, k) for n, c, k in zip(names, columns, kinds, strict=True)}), made, compression="zstd"
    )
    store.publish(run_id, f"predictions/{target}.parquet", made)


FEW = [("xnli",), ("pawsx",)]
GROUPS = [
    ("xnli",), ("pawsx",), ("udpos",), ("panx",), ("xquad", "mlqa"), ("tydiqa",), ("bucc",), ("tatoeba",),
]  # fmt: skip


def make_store(root, groups=GROUPS, **options):
    store = Store(root).prepare()
    parent = intermediate_spec("squad", data=options.get("data", DATA))
    store.finish(record(parent, name="squad #42"))
    for group in groups:
        add_run(store, group, **options)
        add_run(store, group, parent=parent.run_id, **options)
    return store


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}
