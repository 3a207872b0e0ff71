"""Target phase: fine-tune on English target data, then predict every language without further training."""

from __future__ import annotations

from collections.abc import Generator

from trainables.evaluation.predict import predict
from trainables.model.network import Network
from trainables.phases.context import Context
from trainables.phases.fit import fit
from trainables.phases.options import Progress
from trainables.phases.predictions import PredictionTable, publish
from trainables.record import Record, Score
from trainables.tasks.task import Split, Task


def run_target(context: Context) -> Generator[Progress, None, Record]:
    """Compute the run; targets that share the fine-tuning are measured with one network."""
    tasks = [context.task(name) for name in context.spec.tasks]
    trained = tasks[0]
    fitted = yield from fit(context, [trained])
    scores = list(fitted.scores)
    steps = fitted.outcome.steps
    with context.stage("evaluate"):
        for measured in tasks:
            table = PredictionTable()
            for split in (Split.DEV, Split.TEST):
                for language in context.languages(measured, split):
                    yield Progress(stage=f"{measured.name} {split} {language}", step=steps, planned_steps=steps)
                    scores += _measure(context, fitted.network, trained, measured, split, language, table)
            publish(context, measured.name, table)
    return context.record(scores, **fitted.record_fields)


def _measure(
    context: Context,
    network: Network,
    trained: Task,
    measured: Task,
    split: Split,
    language: str,
    table: PredictionTable,
) -> list[Score]:
    """Predict one split of one language with the head of `trained` and score it as `measured` is scored."""
    assert context.spec.optimisation
    encoded = context.encode(
        measured, split, language, context.spec.optimisation.max_length, limit=context.spec.data.eval_rows
    )
    outputs = predict(
        network, trained.name, encoded, pad_id=context.tokenizer.pad_token_id, max_tokens=context.options.eval_tokens
    )
    predictions = measured.format.decode(encoded, outputs)
    references = measured.format.references(encoded.examples)
    table.add(split, language, [example.id for example in encoded.examples], predictions, references)
    return [
        Score(task=measured.name, split=split, language=language, metric=metric, value=value, rows=len(predictions))
        for metric, value in measured.format.score(references, predictions, language).items()
    ]
