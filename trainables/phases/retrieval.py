"""Retrieval phase: embed sentences and find their translations; no training (protocol.md 5.4)."""

from __future__ import annotations

from collections.abc import Callable, Generator, Sequence
from typing import TypeVar

from torch import Tensor
from transformers import PreTrainedModel

from trainables.evaluation.embed import cut_to_layer, embedding
from trainables.evaluation.neighbours import nearest
from trainables.ledger.record import Record, Score
from trainables.model.finite import NotFiniteError, is_finite
from trainables.phases.collapse import findings
from trainables.phases.context import Context
from trainables.phases.mining import Embed, Mining
from trainables.phases.predictions import PredictionTable, publish
from trainables.report import Advanced
from trainables.tasks.formats.base import Encoded, Prediction
from trainables.tasks.formats.mining import MiningFormat
from trainables.tasks.formats.trivial import Comparison
from trainables.tasks.task import Split, Task

_Found = TypeVar("_Found")
Search = Callable[[Split, str, Encoded], Generator[None, None, Sequence[Prediction]]]
"""(split, language, sentences) -> one prediction an example; yields now and then while it computes."""


def run_retrieval(context: Context) -> Generator[Advanced, None, Record]:
    """Compute the run for every language pair of its one task."""
    spec = context.spec
    assert spec.retrieval
    [measured] = [context.task(name) for name in spec.tasks]
    yield Advanced(stage="load")
    with context.stage("load"):
        encoder = context.encoder(mapped=True)
        cut_to_layer(encoder, spec.retrieval.layer)
        encoder.to(context.device)
    embedded = _embedder(context, encoder)
    mining = Mining(context, measured, embedded) if isinstance(measured.format, MiningFormat) else None
    search: Search = mining or _aligned(context, measured, embedded)
    scores: list[Score] = []
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
                own, comparison = yield from _told(measuring, f"{measured.name} {split} {language}")
                scores += own
                if split is measured.selection_split:
                    compared[language] = comparison
    context.findings += findings(measured, measured.selection_split, compared)
    publish(context, measured.name, table)
    if mining:
        mining.publish()
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


def _embedder(context: Context, encoder: PreTrainedModel) -> Embed:
    def embedded(encoded: Encoded) -> Generator[None, None, Tensor]:
        pad_id, max_tokens = context.tokenizer.pad_token_id, context.options.eval_tokens
        found_NH = yield from embedding(encoder, encoded, pad_id=pad_id, max_tokens=max_tokens)
        if not is_finite(found_NH):
            raise NotFiniteError(f"{context.encoder_name} gives embeddings that are not finite (NaN or infinity)")
        return found_NH.to(context.device)

    return embedded


def _aligned(context: Context, measured: Task, embedded: Embed) -> Search:
    """Tatoeba: the nearest foreign sentence of every English one."""

    def search(split: Split, language: str, encoded: Encoded) -> Generator[None, None, Sequence[Prediction]]:
        found_NH = yield from embedded(encoded)
        english_NH, foreign_NH = found_NH.unflatten(0, (-1, 2)).unbind(1)
        found = nearest(english_NH.contiguous(), foreign_NH.contiguous(), 1).indices[:, 0]
        return measured.format.decode(encoded, list(found.numpy()))

    return search


def _measure(
    context: Context, measured: Task, split: Split, language: str, search: Search, table: PredictionTable
) -> Generator[None, None, tuple[list[Score], Comparison]]:
    """Search one split of one language and score what was found, and what is trivial beside it.

    Rows without prediction and reference are not kept.
    """
    assert context.spec.retrieval
    max_length, limit = context.spec.retrieval.max_length, context.spec.data.eval_rows
    encoded = context.encode(measured, split, language, max_length, limit=limit)
    yield
    examples = encoded.examples
    predictions = yield from search(split, language, encoded)
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
    return scores, measured.format.compare(references, predictions)
