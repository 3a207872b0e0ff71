"""Stopping rows: what a network is measured on while it is trained, and the figures of its best checkpoint."""

from __future__ import annotations

import statistics
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from trainables.data.reading import stopping_languages
from trainables.evaluation.predict import predict
from trainables.ledger.record import Score
from trainables.ledger.spec import Optimisation
from trainables.model.network import Network
from trainables.phases.context import Context
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.trivial import Comparison
from trainables.tasks.sampling import shares
from trainables.tasks.task import Split, Task
from trainables.training.loop import Outcome


@dataclass(frozen=True, kw_only=True)
class StoppingRows:
    """The rows that stop the training on one task; `language` as scores name it: `en`, or `de+sw` for rows of both."""

    encoded: Encoded
    language: str


def stopping_rows(context: Context, task: Task, settings: Optimisation) -> StoppingRows:
    """Rows of a task in the languages that it is trained in, `dev_rows` in all."""
    cap = context.spec.data.eval_rows
    limit = min(settings.dev_rows, cap) if cap else settings.dev_rows
    languages = stopping_languages(task, context.spec, context.data, context.preference(task.name))
    limits = shares(limit, languages)
    encoded = context.encode_languages(task, Split.STOPPING, limits, settings.max_length)
    return StoppingRows(encoded=encoded, language="+".join(limits))


class Measure:
    """Measures a network on the rows that stop its training, and keeps what is trivial beside its predictions."""

    def __init__(
        self, context: Context, network: Network, tasks: Sequence[Task], stopping: Mapping[str, StoppingRows]
    ) -> None:
        self._context = context
        self._network = network
        self._tasks = tasks
        self._stopping = stopping
        self._compared: list[dict[str, Comparison]] = []

    def __call__(self) -> tuple[float, dict[str, float]]:
        """Selection figure (unweighted mean over the tasks of the mean of their selection metrics) and all metrics."""
        metrics: dict[str, float] = {}
        selections = []
        compared = {}
        for task in self._tasks:
            rows = self._stopping[task.name]
            encoded = rows.encoded
            outputs = predict(
                self._network,
                task.name,
                encoded,
                pad_id=self._context.tokenizer.pad_token_id,
                max_tokens=self._context.options.eval_tokens,
            )
            predictions = task.format.decode(encoded, outputs)
            references = task.format.references(encoded.examples)
            scores = task.format.score(references, predictions, rows.language)
            compared[task.name] = task.format.compare(references, predictions)
            metrics |= {f"{task.name}.{metric}": value for metric, value in scores.items()}
            selections.append(statistics.fmean(scores[metric] for metric in task.selection))
        self._compared.append(compared)
        return statistics.fmean(selections), metrics

    def at_best(self, outcome: Outcome) -> Mapping[str, Comparison]:
        """What was kept at the best checkpoint; measured again where an earlier attempt made it."""
        before = len(outcome.curve) - len(self._compared)
        best = next(place for place, point in enumerate(outcome.curve) if point.step == outcome.best_step)
        if best < before:
            self()
            return self._compared[-1]
        return self._compared[best - before]


def stopping_scores(outcome: Outcome, stopping: Mapping[str, StoppingRows]) -> list[Score]:
    """Figures of the best checkpoint; none where nothing stopped the training."""
    best = next((point for point in outcome.curve if point.step == outcome.best_step), None)
    if best is None:
        return []
    scores = []
    for key, value in sorted(best.metrics.items()):
        task, _, metric = key.partition(".")
        rows = stopping[task]
        scores.append(
            Score(
                task=task,
                split=Split.STOPPING,
                language=rows.language,
                metric=metric,
                value=value,
                rows=len(rows.encoded.examples),
            )
        )
    return scores
