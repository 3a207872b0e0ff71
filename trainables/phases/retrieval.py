"""Retrieval phase: embed both sides of a bitext and find each English sentence's translation; no training."""

from __future__ import annotations

from collections.abc import Generator

from trainables.data.hub import load
from trainables.evaluation.embed import cut_to_layer, embed
from trainables.evaluation.neighbours import nearest
from trainables.phases.context import Context
from trainables.phases.options import Progress
from trainables.phases.predictions import PredictionTable, publish
from trainables.record import Record, Score
from trainables.tasks.formats.sentence import encode_side
from trainables.tasks.registry import task as task_named
from trainables.tasks.task import Split, Task


def run_retrieval(context: Context) -> Generator[Progress, None, Record]:
    """Compute the run for every language pair of its one task."""
    spec = context.spec
    assert spec.retrieval
    measured = task_named(spec.tasks[0])
    yield Progress(stage="load")
    with context.stage("load"):
        encoder = context.encoder()
        cut_to_layer(encoder, spec.retrieval.layer)
    scores: list[Score] = []
    table = PredictionTable()
    with context.stage("evaluate"):
        for split in (Split.DEV, Split.TEST):
            for language in context.languages(measured, split):
                yield Progress(stage=f"{measured.name} {split} {language}")
                scores += _search(context, encoder, measured, split, language, table)
    publish(context, measured.name, table)
    return context.record(scores)


def _search(context: Context, encoder, measured: Task, split: Split, language: str, table: PredictionTable):  # type: ignore[no-untyped-def]
    """Nearest foreign sentence of every English one (protocol.md 5.4, Tatoeba)."""
    spec = context.spec
    assert spec.retrieval
    loaded = load(
        measured, split, language, context.data, limit=spec.data.eval_rows, preference=context.preference(measured.name)
    )
    context.uses.extend(loaded.uses)
    sides = {
        side: embed(
            encoder,
            encode_side(loaded.examples, side, context.tokenizer, spec.retrieval.max_length),
            pad_id=context.tokenizer.pad_token_id,
            max_tokens=context.options.eval_tokens,
        )
        for side in ("english", "foreign")
    }
    _, found = nearest(sides["english"], sides["foreign"], 1)
    ids = [example.id for example in loaded.examples]
    predictions = [ids[index] for index in found[:, 0].tolist()]
    table.add(split, language, ids, predictions, ids)
    return [
        Score(task=measured.name, split=split, language=language, metric=metric, value=value, rows=len(ids))
        for metric, value in measured.format.score(ids, predictions, language).items()
    ]
