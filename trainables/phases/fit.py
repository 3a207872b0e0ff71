"""fit: what intermediate and target runs share: rows, network, training, the best checkpoint."""

from __future__ import annotations

import contextlib
import dataclasses
from collections.abc import Generator, Mapping, Sequence

from trainables.data.reading import training_languages
from trainables.ledger.recipe import MLM
from trainables.ledger.record import DevPoint, Score
from trainables.ledger.spec import MlmLength, Optimisation, Precision
from trainables.model.adapters import Adapters
from trainables.model.heads import TaskHead, new_head
from trainables.model.mlm_head import new_mlm_head, pretrained_mlm_head
from trainables.model.network import Network
from trainables.model.vocabulary import Trimmed, restore, trim, used_ids
from trainables.model.word_table import WordTable
from trainables.phases.context import Context
from trainables.phases.methods import use_method
from trainables.phases.options import Compile
from trainables.phases.stopping import Measure, StoppingRows, stopping_rows, stopping_scores
from trainables.report import Advanced
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.trivial import Comparison
from trainables.tasks.sampling import shares
from trainables.tasks.task import Split, Task
from trainables.training.keeper import Keeping
from trainables.training.loop import Outcome, Training, TrainingSet
from trainables.training.masking import Masking
from trainables.training.optimiser import decay_factor


@dataclasses.dataclass(frozen=True, kw_only=True)
class Fitted:
    """A trained network at its best checkpoint, how it got there, and its figures on the rows that stopped it.

    By task, `compared` is what is trivial beside the predictions that stopped the training, and `languages` those of
    the rows (`Score.language`).
    """

    network: Network
    outcome: Outcome
    scores: list[Score]
    compared: Mapping[str, Comparison]
    languages: Mapping[str, str]
    trimmed: Trimmed | None
    decay: float
    adapters: Adapters | None = None

    @property
    def table(self) -> WordTable | None:
        """The whole word embedding where the network holds some rows of it only."""
        return self.trimmed.after(self.network, self.decay) if self.trimmed else None

    def restore(self, texts: Sequence[Encoded], pad_id: int) -> None:
        """Have the embedding rows again that the texts use and that were not trained."""
        if self.trimmed:
            rows = used_ids([encoded.sequences for encoded in texts], len(self.trimmed.table), pad_id)
            restore(self.network, self.trimmed, self.decay, rows)

    @property
    def record_fields(self) -> dict[str, object]:
        """The record fields that only training runs have."""
        outcome = self.outcome
        return {
            "dev_curve": outcome.curve,
            "best_step": outcome.best_step,
            "steps": outcome.steps,
            "planned_steps": outcome.planned_steps,
            "tokens": outcome.tokens,
            "micro_batch": outcome.micro_batch,
            "is_halved": outcome.is_halved,
        }


def fit(context: Context, tasks: Sequence[Task]) -> Generator[Advanced, None, Fitted]:
    """Train one network on `tasks`, and MLM when the spec says so; yields every dev evaluation.

    Without tasks, by MLM alone, there are none: all updates are made, and the last parameters are kept.
    """
    settings = context.spec.optimisation
    assert settings
    yield Advanced(stage="load")
    with context.stage("load"):
        sets: list[TrainingSet] = []
        stopping: dict[str, StoppingRows] = {}
        for task in tasks:
            sets.append(_training_set(context, task, settings))
            yield Advanced(stage="load")
            stopping[task.name] = stopping_rows(context, task, settings)
            yield Advanced(stage="load")
        if context.spec.mlm:
            sets.append(_mlm_set(context, settings))
            yield Advanced(stage="load")
        trims = context.options.trim_vocabulary and not context.spec.mlm
        network = _network(context, tasks, mapped=trims)
        used = [item.encoded for item in sets] + [rows.encoded for rows in stopping.values()]
        trimmed = _trim(context, network, used) if trims else None
        adapters = use_method(context, network)
        network.to(context.device)
        on_cpu = context.device.type == "cpu"
        kept = bool(context.spec.mlm) and not adapters and context.options.keep_table_gradient and on_cpu
        if kept:
            network.keep_table_gradient()
    measure = Measure(context, network, tasks, stopping)
    training = Training(
        network=network,
        sets=sets,
        settings=settings,
        mlm_length=context.spec.mlm.length if context.spec.mlm else MlmLength.TASK_EPOCHS,
        seed=context.spec.seed,
        evaluate=measure if tasks else None,
        steps=context.spec.steps,
        path=context.store.take_up(context.spec.run_id),
        pad_id=context.tokenizer.pad_token_id,
        origin=context.encoder_name,
        micro_batch=context.options.micro_batch,
        micro_tokens=context.options.micro_tokens if on_cpu and (trimmed or kept or adapters) else 0,
        keeping=Keeping(
            seconds=context.options.checkpoint_seconds,
            share=context.options.checkpoint_share,
            slots=context.store.checkpoint_slots(context.options.checkpoint_writers),
            kept=lambda: context.store.keep_checkpoint(context.spec.run_id),
        ),
        is_wanted=lambda: not context.store.pruned(context.spec.run_id),
    )
    outcome = yield from _reported(training, context)
    context.seconds["train"] = outcome.seconds - outcome.checkpoint_seconds
    context.notes.extend(training.notes)
    if outcome.checkpoints:
        context.seconds["checkpoint"] = outcome.checkpoint_seconds
        context.notes.append(f"checkpoints while it trained: {outcome.checkpoints}")
    if kept:
        network.release_table_gradient()
    for task in tasks:
        context.promise(task, Split.STOPPING, stopping[task.name].language, task.selection)
    return Fitted(
        network=network,
        outcome=outcome,
        scores=stopping_scores(outcome, stopping),
        compared=measure.at_best(outcome) if tasks else {},
        languages={name: rows.language for name, rows in stopping.items()},
        trimmed=trimmed,
        decay=1.0 if adapters else decay_factor(outcome.best_step, outcome.planned_steps, settings),
        adapters=adapters,
    )


def _reported(training: Training, context: Context) -> Generator[Advanced, None, Outcome]:
    """Run the training; its dev evaluations and signs of life become progress. Closed, it closes the training too."""
    steps = training.planned_steps
    with contextlib.closing(training.run()) as running:
        while True:
            try:
                found = next(running)
            except StopIteration as end:
                outcome: Outcome = end.value
                return outcome
            pace = training.pace and dataclasses.replace(training.pace, peak_bytes=context.peak_bytes)
            reached = Advanced(stage="train", step=found.step, planned_steps=steps, pace=pace)
            if isinstance(found, DevPoint):
                reached = dataclasses.replace(reached, selection=found.selection, metrics=found.metrics)
            yield reached


def _training_set(context: Context, task: Task, settings: Optimisation) -> TrainingSet:
    limits = shares(context.spec.data.train_rows, training_languages(task, context.spec))
    encoded = context.encode_languages(task, Split.TRAIN, limits, settings.max_length)
    return TrainingSet(name=task.name, encoded=encoded)


def _mlm_set(context: Context, settings: Optimisation) -> TrainingSet:
    mlm = context.spec.mlm
    assert mlm
    if context.tokenizer.mask_token_id is None:
        raise ValueError(f"{context.encoder_name}: its tokenizer has no mask_token, which MLM needs")
    masking = Masking(
        probability=mlm.mask_probability,
        mask_id=context.tokenizer.mask_token_id,
        vocabulary=len(context.tokenizer),
        special_ids=frozenset(context.tokenizer.all_special_ids),
    )
    encoded = context.encode_mlm(mlm, settings.max_length, limit=context.spec.data.train_rows)
    return TrainingSet(name=MLM, encoded=encoded, masking=masking)


def _network(context: Context, tasks: Sequence[Task], *, mapped: bool) -> Network:
    """The network on the CPU; `mapped` leaves its word embedding in its files."""
    encoder = context.encoder(mapped=mapped)
    config = encoder.config
    on_gpu = context.device.type == "cuda"
    heads: dict[str, TaskHead] = {}
    for task in tasks:
        heads[task.name] = new_head(task.format, config)
    if context.spec.mlm:
        head = pretrained_mlm_head(context.options.encoder, config, context.spec.encoder.revision)
        if head is None:
            head = new_mlm_head(config)
            context.notes.append(f"{context.spec.encoder.name} has no language-model head; a new one was trained")
        heads[MLM] = head
    network = Network(encoder, heads, context.precision)
    if context.options.unpadded and (not on_gpu or context.precision is Precision.BF16):
        network.use_unpadded()
    if context.options.fast_dropout and not on_gpu:
        network.use_fast_dropout()
    if context.options.compile != Compile.OFF and on_gpu:
        network.use_compiled(graphs=context.options.compile == Compile.GRAPHS)
    return network


def _trim(context: Context, network: Network, used: Sequence[Encoded]) -> Trimmed:
    """Keep the embedding rows that training and dev text use; MLM scores the whole vocabulary, so it keeps all."""
    vocabulary = network.word_embedding.num_embeddings
    ids = used_ids([encoded.sequences for encoded in used], vocabulary, context.tokenizer.pad_token_id)
    trimmed = trim(network, ids)
    context.notes.append(f"trained {len(ids):,} of {vocabulary:,} embedding rows")
    return trimmed
