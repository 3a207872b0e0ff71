"""Retrieval phase: embed sentences and find their translations; no training (protocol.md 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from dataclasses import dataclass
from typing import TypeVar

from trainables.evaluation.neighbours import nearest
from trainables.ledger.layers import LAYERS, LayerScore, to_json
from trainables.ledger.record import Record, Score
from trainables.model.word_table import hold_whole_table
from trainables.phases.collapse import findings
from trainables.phases.context import Context
from trainables.phases.embedder import Embed, Embedder
from trainables.phases.mining import Mining
from trainables.phases.predictions import PredictionTable, publish
from trainables.report import Advanced
from trainables.tasks.formats.base import Encoded, Prediction
from trainables.tasks.formats.mining import MiningFormat
from trainables.tasks.formats.trivial import Comparison
from trainables.tasks.task import Split, Task

_Found = TypeVar("_Found")
Search = Callable[[Split, str, Encoded], Generator[None, None, dict[int, Sequence[Prediction]]]]
"""(split, language, sentences) -> by hidden state, one prediction an example; yields now and then while it computes."""


@dataclass(frozen=True, kw_only=True)
class Measured:
    """What was found on one split of one language.

    Attributes:
        scores: of the hidden state that the run is about.
        layers: the same figures of every hidden state; empty where only that one was searched by.
        comparison: of its predictions with what is trivial.
    """

    scores: list[Score]
    layers: list[LayerScore]
    comparison: Comparison


def run_retrieval(context: Context) -> Generator[Advanced, None, Record]:
    """Compute the run for every language pair of its one task."""
    spec = context.spec
    assert spec.retrieval
    [measured] = [context.task(name) for name in spec.tasks]
    yield Advanced(stage="load")
    with context.stage("load"):
        encoder = context.encoder(mapped=True)
        if context.device.type != "cpu":
            hold_whole_table(encoder)
        embed = Embedder(context, measured, encoder)
    mining = Mining(context, measured, embed) if isinstance(measured.format, MiningFormat) else None
    search: Search = mining or _aligned(measured, embed)
    scores: list[Score] = []
    layers: list[LayerScore] = []
    table = PredictionTable()
    compared: dict[str, Comparison] = {}
    with context.stage("evaluate"):
        for split in (Split.DEV, Split.TEST):
            for language in context.languages(measured, split):
                if mining and not mining.can_search(split, language):
                    continue
                yield Advanced(stage=f"{measured.name} {split} {language}")
                context.promise(measured, split, language, measured.metrics)
                measuring = _measure(context, measured, split, language, search, table)
                found = yield from _told(measuring, f"{measured.name} {split} {language}")
                scores += found.scores
                layers += found.layers
                if split is measured.selection_split:
                    compared[language] = found.comparison
    context.findings += findings(measured, measured.selection_split, compared)
    publish(context, measured.name, table)
    if mining:
        mining.publish()
    if layers:
        _publish_layers(context, layers)
    return context.record(scores)


def _told(running: Generator[None, None, _Found], stage: str) -> Generator[Advanced, None, _Found]:
    """What a generator returns; its steps become signs of life."""
    while True:
        try:
            next(running)
        except StopIteration as end:
            found: _Found = end.value
            return found
        yield Advanced(stage=stage)


def _aligned(measured: Task, embed: Embed) -> Search:
    """Tatoeba: the nearest foreign sentence of every English one."""

    def search(split: Split, language: str, encoded: Encoded) -> Generator[None, None, dict[int, Sequence[Prediction]]]:
        embedded = yield from embed(encoded, split)
        predictions: dict[int, Sequence[Prediction]] = {}
        for layer in embedded.layers:
            english_NH, foreign_NH = embedded.at(layer).unflatten(0, (-1, 2)).unbind(1)
            found = nearest(english_NH.contiguous(), foreign_NH.contiguous(), 1).indices[:, 0]
            predictions[layer] = measured.format.decode(encoded, list(found.numpy()))
            yield
        return predictions

    return search


def _measure(
    context: Context, measured: Task, split: Split, language: str, search: Search, table: PredictionTable
) -> Generator[None, None, Measured]:
    """Search one split of one language and score what was found, and what is trivial beside it.

    Rows without prediction and reference are not kept.
    """
    assert context.spec.retrieval
    max_length, limit = context.spec.retrieval.max_length, context.spec.data.eval_rows
    encoded = context.encode(measured, split, language, max_length, limit=limit)
    yield
    examples = encoded.examples
    found = yield from search(split, language, encoded)
    predictions = found[context.spec.retrieval.layer]
    references = measured.format.references(examples)
    kept = [row for row, (given, gold) in enumerate(zip(predictions, references, strict=True)) if given or gold]
    table.add(
        split,
        language,
        [examples[row].id for row in kept],
        [predictions[row] for row in kept],
        [references[row] for row in kept],
    )
    rows = measured.format.num_scored(examples)
    scores = [
        Score(task=measured.name, split=split, language=language, metric=metric, value=value, rows=rows)
        for metric, value in measured.format.score(references, predictions, language).items()
    ]
    layers = [
        LayerScore(
            task=measured.name, split=split, language=language, layer=layer, metric=metric, value=value, rows=rows
        )
        for layer, given in (found.items() if len(found) > 1 else ())
        for metric, value in measured.format.score(references, given, language).items()
    ]
    return Measured(scores=scores, layers=layers, comparison=measured.format.compare(references, predictions))


def _publish_layers(context: Context, scores: Sequence[LayerScore]) -> None:
    """Write `layers.json` into the run's folder of the store."""
    made = context.work / LAYERS
    made.write_text(to_json(scores), encoding="utf-8")
    context.publish(LAYERS, made)
