"""Target phase: fine-tune on target data, English by default, then predict every language without more training.

Where the spec says so, a language is predicted with its own adapters in the place of those of the row's language
(MAD-X). The network has the row's again after that.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Generator, Sequence
from dataclasses import dataclass

import numpy as np

from trainables.evaluation.predict import predict_all
from trainables.ledger.record import Record, Score
from trainables.model.network import Network
from trainables.phases.collapse import findings
from trainables.phases.context import Context
from trainables.phases.fit import fit
from trainables.phases.leaving import leave_encoder
from trainables.phases.predictions import PredictionTable, publish
from trainables.phases.shared import Evaluated, note_shared
from trainables.phases.swapping import said, swapped
from trainables.phases.trained_heads import leave_heads
from trainables.report import Advanced
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.trivial import Comparison
from trainables.tasks.task import Split, Task


def run_target(context: Context) -> Generator[Advanced, None, Record]:
    """Compute the run; targets that share the fine-tuning are measured with one network, in one pass.

    Where models are kept, the fine-tuned encoder and its head are published, too.
    """
    tasks = [context.task(name) for name in context.spec.tasks]
    fitted = yield from fit(context, [tasks[0]])
    if context.options.keep_models:
        with context.stage("save"):
            leave_heads(context, fitted.network, tasks[:1])
            leave_encoder(context, fitted)
    scores = list(fitted.scores)
    tables = {task.name: PredictionTable() for task in tasks}
    with context.stage("load"):
        parts: list[_Part] = []
        for task in tasks:
            for split, code in _measured(context, task):
                parts.append(_part(context, task, split, code))
                yield _evaluating(fitted.outcome.steps)
        fitted.restore([part.encoded for part in parts], context.tokenizer.pad_token_id)
    with context.stage("evaluate"):
        outputs = yield from _by_adapter(context, fitted.network, tasks[0].name, parts, fitted.outcome.steps)
        compared: defaultdict[str, dict[str, Comparison]] = defaultdict(dict)
        for part, found in zip(parts, outputs, strict=True):
            own, comparison = part.score(found, tables[part.task.name])
            scores += own
            if part.split is part.task.selection_split:
                compared[part.task.name][part.language] = comparison
            yield _evaluating(fitted.outcome.steps)
        note_shared(context, (part.rows for part in parts))
        for task in tasks:
            publish(context, task.name, tables[task.name])
            context.findings += findings(task, task.selection_split, compared[task.name])
    return context.record(scores, **fitted.record_fields)


@dataclass(frozen=True, kw_only=True)
class _Part:
    """One split of a task in one language."""

    task: Task
    split: Split
    language: str
    encoded: Encoded

    @property
    def rows(self) -> Evaluated:
        """The rows alone."""
        return Evaluated(task=self.task, split=self.split, language=self.language, examples=self.encoded.examples)

    def score(self, outputs: Sequence[np.ndarray], table: PredictionTable) -> tuple[list[Score], Comparison]:
        """Scores of the outputs, and what is trivial beside them; the predictions go into the table."""
        form, examples = self.task.format, self.encoded.examples
        predictions = form.decode(self.encoded, outputs)
        references = form.references(examples)
        table.add(self.split, self.language, [example.id for example in examples], predictions, references)
        scores = [
            Score(
                task=self.task.name,
                split=self.split,
                language=self.language,
                metric=metric,
                value=value,
                rows=len(predictions),
            )
            for metric, value in form.score(references, predictions, self.language).items()
        ]
        return scores, form.compare(references, predictions)


def _measured(context: Context, task: Task) -> list[tuple[Split, str]]:
    found = [(split, code) for split in (Split.DEV, Split.TEST) for code in context.languages(task, split)]
    for split, code in found:
        context.promise(task, split, code, task.metrics)
    return found


def _part(context: Context, task: Task, split: Split, language: str) -> _Part:
    settings = context.spec.optimisation
    assert settings
    encoded = context.encode(task, split, language, settings.max_length, limit=context.spec.data.eval_rows)
    return _Part(task=task, split=split, language=language, encoded=encoded)


def _by_adapter(
    context: Context, network: Network, head: str, parts: Sequence[_Part], steps: int
) -> Generator[Advanced, None, list[list[np.ndarray]]]:
    """Outputs of every part, each with the adapters of its language where the run has them."""
    swaps = context.spec.swaps
    places: defaultdict[str, list[int]] = defaultdict(list)
    for place, part in enumerate(parts):
        places[swaps.get(part.language, "")].append(place)
    outputs: list[list[np.ndarray]] = [[]] * len(parts)
    for run_id, own in places.items():
        with swapped(context, network, run_id):
            found = yield from _predicted(context, network, head, [parts[place] for place in own], steps)
        for place, each in zip(own, found, strict=True):
            outputs[place] = each
    if swaps:
        context.notes.append(said(swaps, [part.language for part in parts]))
    return outputs


def _predicted(
    context: Context, network: Network, head: str, parts: Sequence[_Part], steps: int
) -> Generator[Advanced, None, list[list[np.ndarray]]]:
    """Outputs of parts, with the head of the task that was trained."""
    running = predict_all(
        network,
        head,
        [part.encoded for part in parts],
        pad_id=context.tokenizer.pad_token_id,
        max_tokens=context.options.eval_tokens,
    )
    while True:
        try:
            next(running)
        except StopIteration as end:
            outputs: list[list[np.ndarray]] = end.value
            return outputs
        yield _evaluating(steps)


def _evaluating(steps: int) -> Advanced:
    return Advanced(stage="evaluate", step=steps, planned_steps=steps)
