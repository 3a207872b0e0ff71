"""A store with the paper's grid whose runs were made up: predictions of every language, from known true scores.

For benchmarks and pictures of reports; nothing in it was trained. The true score of a cell is what Table 2 prints for
it, moved by a seed's luck. A row is right when the ability of its run + the difficulty of its sentence (shared by its
translations and by all runs) + luck is above 0, all normal, so that runs agree on most rows as real ones do.

    python -m benchmarks.made_grid STORE [--seeds 3] [--rows 40]
"""

from __future__ import annotations

import argparse
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow.parquet as pq
from numpy.typing import NDArray
from scipy.special import ndtri

from analysis.published.tables import dev_scores
from benchmarks.paper_plan import paper_plan
from trainables.ledger.plan import Node
from trainables.ledger.record import DevPoint, Record, Score
from trainables.ledger.spec import Phase, RunSpec
from trainables.ledger.store import Store
from trainables.metrics.retrieval import pair_f1
from trainables.phases.predictions import PredictionTable
from trainables.tasks import registry
from trainables.tasks.task import Split

SEED_SD = 0.7
"""Points of true score that a seed moves."""
SHARED = 0.8
"""Share of a sentence's difficulty in the variance of what decides whether it is right."""
LANGUAGE_SD = 0.35
"""Of how hard the languages are, in the same unit (1 is all of a row's variance)."""
WORDS = 9
"""A tagged sentence has one to as many."""
ANSWERS = ("the house", "a small house", "der Hund", "la casa", "中国", "في الكتاب", "cái nhà", "घर में", "дом", "1869")
STEPS = 100

Row = tuple[str, list[str], list[str]]
"""Id, prediction and reference."""


def make(store: Store, seeds: int = 3, rows: int = 40) -> None:
    """Fill an empty store with `seeds` x 153 cells; `rows` sentences per language and split."""
    plan = paper_plan(seeds)
    store.save_plan(plan)
    for node in plan.nodes.values():
        _finish(store, node, rows)


def _finish(store: Store, node: Node, rows: int) -> None:
    scores = list(_trained(node.spec)) if node.spec.phase is Phase.INTERMEDIATE else []
    for target in node.spec.tasks if node.spec.phase is not Phase.INTERMEDIATE else ():
        table = PredictionTable()
        luck = np.random.default_rng([_number(target), _number(str(node.row)), node.spec.seed])
        ability = _truth()[node.row.intermediate, node.row.mlm, target] + luck.normal(0, SEED_SD)
        for split in (Split.DEV, Split.TEST):
            for language in registry.task(target).languages.get(split, ()):
                made = list(_rows(target, split, language, ability, rows, luck))
                table.add(split, language, *map(list, zip(*made, strict=True)))
                for name, value in _scored(target, language, made).items():
                    scores.append(
                        Score(task=target, split=split, language=language, metric=name, value=value, rows=rows)
                    )
        file = store.work(node.run_id) / f"{target}.parquet"
        pq.write_table(table.to_arrow(), file, compression="zstd")
        store.publish(node.run_id, f"predictions/{target}.parquet", file)
    store.finish(_record(node, scores))


def _record(node: Node, scores: Sequence[Score]) -> Record:
    luck = np.random.default_rng([_number(node.name), node.spec.seed])
    trains = node.spec.phase is not Phase.RETRIEVAL
    curve = [
        DevPoint(step=step, selection=float(value), metrics={f"{node.spec.tasks[0]}.accuracy": float(value)})
        for step, value in zip(
            range(STEPS // 10, STEPS + 1, STEPS // 10), 70 - 40 * np.exp(-np.arange(1, 11) / 3) + luck.normal(0, 1, 10),
            strict=True,
        )
    ]  # fmt: skip
    return Record(
        run_id=node.run_id, name=node.name, spec=node.spec, scores=tuple(scores),
        dev_curve=tuple(curve) if trains else (), best_step=STEPS * trains, steps=STEPS * trains,
        planned_steps=STEPS * trains, tokens=10_000, seconds={"train": node.cost * trains, "evaluate": 60.0},
        peak_bytes=12 * 2**30, device="NVIDIA H200", versions={"torch": "2.13.0", "transformers": "5.23.0"},
        commit="0" * 40, notes=_notes(node), finished_at="2026-01-01T00:00:00+00:00",
    )  # fmt: skip


def _notes(node: Node) -> tuple[str, ...]:
    if "bucc" not in node.spec.tasks:
        return ()
    luck = np.random.default_rng([_number(node.name)])
    return tuple(f"BUCC {code}: threshold {luck.uniform(1, 1.2):.4f} from dev" for code in ("de", "fr", "ru", "zh"))


def _trained(spec: RunSpec) -> Iterator[Score]:
    for task in spec.tasks:
        yield Score(task=task, split="dev", language="en", metric="accuracy", value=70.0, rows=500)


def _rows(
    target: str, split: Split, language: str, ability: float, count: int, luck: np.random.Generator
) -> Iterator[Row]:
    """Rows of one language; sentences and references are the same for all runs."""
    sentences = np.random.default_rng([_number(target), _number(split)])
    shared = sentences.normal(0, np.sqrt(SHARED), count)
    own = np.random.default_rng([_number(target), _number(split), _number(language)])
    if target not in ("xnli", "pawsx", "xquad", "mlqa"):
        shared = own.normal(0, np.sqrt(SHARED), count)
    ease = ndtri(np.clip(ability, 1, 99) / 100) * np.sqrt(1 + LANGUAGE_SD**2) + own.normal(0, LANGUAGE_SD)
    gold = _gold(target, language, sentences if target in ("xnli", "pawsx") else own, count)
    for number, (reference, easy) in enumerate(zip(gold, ease + shared, strict=True)):
        translated = target in ("xquad", "mlqa")
        key = f"{target}-{number}" if translated else f"{target}.{language}.{split}.{number}"
        parts = len(reference) if target in ("udpos", "panx") else 1
        right = easy + luck.normal(0, np.sqrt(1 - SHARED), parts) > 0
        yield key, _answer(target, reference, right, luck), reference


def _gold(target: str, language: str, chance: np.random.Generator, count: int) -> list[list[str]]:
    labels = list(registry.task(target).format.labels) if target in ("xnli", "pawsx", "udpos", "panx") else []
    if target in ("udpos", "panx"):
        return [list(chance.choice(labels, chance.integers(1, WORDS + 1))) for _ in range(count)]
    if target == "bucc":
        return [[f"en-{number:06d}"] for number in range(count)]
    if target == "tatoeba":
        return [[f"{language}-{number}"] for number in range(count)]
    return [[str(chance.choice(labels or ANSWERS))] for _ in range(count)]


def _answer(target: str, reference: list[str], right: NDArray[np.bool_], luck: np.random.Generator) -> list[str]:
    if target in ("udpos", "panx"):
        labels = registry.task(target).format.labels
        return [gold if ok else str(luck.choice(labels)) for gold, ok in zip(reference, right, strict=True)]
    if right[0]:
        return reference
    match target:
        case "bucc":
            return [] if luck.random() < 0.5 else ["en-999999"]
        case "tatoeba":
            return [f"{reference[0]}-other"]
        case "xnli" | "pawsx":
            return [str(luck.choice([each for each in registry.task(target).format.labels if each != reference[0]]))]
    return [str(luck.choice(["", *ANSWERS]))]


def _scored(target: str, language: str, rows: Sequence[Row]) -> Mapping[str, float]:
    """Percent by metric, as a run computes them."""
    if target == "bucc":
        found, gold = ([(row[0], one) for row in rows for one in row[side]] for side in (1, 2))
        return {"f1": pair_f1(gold, found)}
    predictions: list[Any] = [row[1] for row in rows]
    references: list[Any] = [row[2] for row in rows]
    if target not in ("udpos", "panx"):
        predictions = [one for (one,) in predictions]
        if target not in ("xquad", "mlqa", "tydiqa"):
            references = [one for (one,) in references]
    return registry.task(target).format.score(references, predictions, language)


@cache
def _truth() -> Mapping[tuple[str, bool, str], float]:
    """(intermediate, MLM, target) -> printed dev score, percent (QA: mean of F1 and EM)."""
    frame = dev_scores()
    means = frame.groupby(["intermediate", "mlm", "target"])["value"].mean()
    return {(str(row), bool(mlm), str(target)): float(value) for (row, mlm, target), value in means.items()}


def _number(text: str) -> int:
    return int(hashlib.sha256(text.encode()).hexdigest()[:15], 16)


def main() -> None:
    """Make the store."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("store", type=Path, metavar="STORE", help="a folder that does not exist")
    parser.add_argument("--seeds", type=int, default=3)
    parser.add_argument("--rows", type=int, default=40, help="per language and split")
    given = parser.parse_args()
    if given.store.exists():
        parser.error(f"{given.store} exists")
    make(Store(given.store).prepare(), given.seeds, given.rows)


if __name__ == "__main__":
    main()
