"""Work of a run: what it computes, reads and writes, counted from its settings, whatever the machine.

The sums are linear in the work, so that the mean of several works costs the mean of what they cost.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields

from search_spaces.encoders import EncoderSize
from sweep.planning.distinct_words import distinct_words
from sweep.planning.lengths import length_of, tokens_of
from trainables.data.reading import EVALUATED
from trainables.ledger.recipe import MLM
from trainables.ledger.record import Record
from trainables.ledger.spec import MlmLength, Optimisation, Phase, RunSpec
from trainables.tasks import registry
from trainables.tasks.task import Split
from trainables.training.mixing import probabilities, total_steps
from trainables.training.stopping import evaluation_interval

_FORWARD = 2
"""Floating-point operations a weight and sub-word."""
_TRAINING = 3
"""Passes: one forward, and the two products of the backward one."""
_WITH_A_METHOD = 2
"""The same where the weights of the encoder stay as they are, and have no gradient of their own."""
_BYTES = 4
"""Of a weight."""


@dataclass(frozen=True, kw_only=True)
class Work:
    """What a run does.

    Attributes:
        steps: updates.
        layer_steps: updates x layers, since every layer is a number of calls.
        train_flops: forward and backward through the layers.
        table_flops: forward and backward through the whole vocabulary (MLM).
        updated: weights that all updates together touch.
        evaluations: on dev, while it trains.
        snapshots: weights that these copy, when each is the best so far.
        dev_flops: forward, in these.
        eval_flops: forward, over all that is evaluated at the end.
        eval_rows: that are decoded and scored at the end.
        parts: splits of a language that are read.
        read_bytes: of the encoder.
        left_bytes: of the encoder that it leaves, which target runs do where models are kept.
    """

    steps: float = 0.0
    layer_steps: float = 0.0
    train_flops: float = 0.0
    table_flops: float = 0.0
    updated: float = 0.0
    evaluations: float = 0.0
    snapshots: float = 0.0
    dev_flops: float = 0.0
    eval_flops: float = 0.0
    eval_rows: float = 0.0
    parts: float = 0.0
    read_bytes: float = 0.0
    left_bytes: float = 0.0


def mean_work(works: Sequence[Work]) -> Work:
    """The mean, field by field."""
    names = [field.name for field in fields(Work)]
    return Work(**{name: math.fsum(getattr(work, name) for work in works) / len(works) for name in names})


def work_of(
    spec: RunSpec,
    size: EncoderSize,
    *,
    rows: Mapping[str, int],
    evaluated: Mapping[str, int],
    after_mlm: bool = False,
) -> Work:
    """The work of a run as planned.

    `rows` are its training rows by task, MLM included; `evaluated` those of all languages and splits that it evaluates,
    by task. Caps of the spec are applied to `rows`. `after_mlm` says that it starts from an encoder that was trained
    with MLM, so that what it leaves is as large as that.
    """
    settings = spec.optimisation
    longest = settings.max_length if settings else spec.retrieval.max_length if spec.retrieval else 0
    depth = size.num_layers if settings or not spec.retrieval else min(spec.retrieval.layer, size.num_layers)
    source = spec.data.source
    flops = sum(
        count * _forward(length_of(name, source).tokens(longest, evaluated=True), size, depth)
        for name, count in evaluated.items()
    )
    left = size.parameters if spec.mlm or after_mlm else size.layer_parameters
    return Work(
        **(_training(spec, settings, size, rows) if settings else {}),
        eval_flops=flops,
        eval_rows=sum(evaluated.values()),
        parts=_parts(spec),
        read_bytes=_BYTES * (size.parameters if after_mlm else size.layer_parameters),
        left_bytes=_BYTES * left if settings else 0.0,
    )


def work_done(record: Record, size: EncoderSize, *, after_mlm: bool = False) -> Work:
    """The work of a finished run as its plan would have counted it, from the rows that it has noted."""
    spec = record.spec
    of_phase = spec.tasks if spec.phase is Phase.INTERMEDIATE else spec.tasks[:1] if spec.optimisation else ()
    trained = [name for name in of_phase if name != MLM]
    rows = {name: _noted(record, name, Split.TRAIN) for name in trained}
    every = sum(use.rows for use in record.data_use)
    if spec.mlm:
        rows[MLM] = every - sum(rows.values()) - sum(_noted(record, name, Split.STOPPING) for name in trained)
    rows = {name: max(count, 1) for name, count in rows.items()}
    if spec.phase is Phase.RETRIEVAL:
        return work_of(spec, size, rows=rows, evaluated={spec.tasks[0]: every}, after_mlm=after_mlm)
    scored = {
        (score.task, score.split, score.language): score.rows
        for score in record.scores
        if score.split in EVALUATED and spec.phase is Phase.TARGET
    }
    evaluated = {
        name: sum(count for (task, _, _), count in scored.items() if task == name)
        for name in dict.fromkeys(task for task, _, _ in scored)
    }
    return work_of(spec, size, rows=rows, evaluated=evaluated, after_mlm=after_mlm)


def _noted(record: Record, name: str, split: Split) -> int:
    """Rows of a task that a run has noted to have trained or stopped on, whichever of its sources it took."""
    task = registry.task(name)
    codes = record.spec.data.train_languages or task.usual_training_languages
    files = {f.path for preference in task.sources for code in codes for f in task.files(split, code, preference)}
    return sum(use.rows for use in record.data_use if f"{use.repository}/{use.config}/{use.split}" in files)


def _training(spec: RunSpec, settings: Optimisation, size: EncoderSize, rows: Mapping[str, int]) -> dict[str, float]:
    """The fields that only training runs have."""
    longest, source, cap = settings.max_length, spec.data.source, spec.data.train_rows
    texts = {name: length_of(name, source) for name in rows}
    counts = {name: min(count, cap) if cap else count for name, count in rows.items()}
    windows = {name: math.ceil(count * texts[name].rows(longest)) for name, count in counts.items()}
    length = spec.mlm.length if spec.mlm else MlmLength.TASK_EPOCHS
    steps = spec.steps or total_steps(windows, settings.batch_sizes, settings.epochs, settings.mixing_cap, length)
    passes = _WITH_A_METHOD if spec.method else _TRAINING
    train_flops = table_flops = 0.0
    for name, chance in probabilities(windows, settings.mixing_cap).items():
        tokens = settings.batch_sizes[name] * texts[name].tokens(longest) / texts[name].rows(longest)
        train_flops += steps * chance * passes * _forward(tokens, size, size.num_layers)
        if spec.mlm and name == MLM:
            masked = tokens * spec.mlm.mask_probability
            table = (size.width or size.hidden) * size.vocabulary
            table_flops += steps * chance * passes * _FORWARD * masked * table
    interval = evaluation_interval(steps, settings.max_eval_interval, settings.evaluations)
    evaluations = 0 if spec.tasks == (MLM,) else math.ceil(steps / interval)
    dev = min(settings.dev_rows, spec.data.eval_rows) if spec.data.eval_rows else settings.dev_rows
    forward = sum(
        dev * _forward(texts[name].tokens(longest, evaluated=True), size, size.num_layers)
        for name in rows if name != MLM
    )  # fmt: skip
    weights = _trained_weights(spec, size, counts, dev)
    return {
        "steps": steps,
        "layer_steps": steps * size.num_layers,
        "train_flops": train_flops,
        "table_flops": table_flops,
        "updated": steps * weights,
        "evaluations": evaluations,
        "snapshots": evaluations * weights,
        "dev_flops": evaluations * forward,
    }


def _forward(tokens: float, size: EncoderSize, depth: int) -> float:
    """Operations of so many sub-words through the lowest layers.

    Products of attention are left out: with inputs of 384 sub-words they add 3 % to those of XLM-R Large.
    """
    return _FORWARD * tokens * size.layer_parameters * depth / size.num_layers


def _trained_weights(spec: RunSpec, size: EncoderSize, rows: Mapping[str, int], dev: int) -> float:
    """Weights that an update touches: the layers, and the rows of the embedding that the texts use, or all of it.

    With a method only what it adds.
    """
    if spec.method:
        return size.method_parameters(spec.method)
    if spec.mlm or spec.optimisation is None:
        return size.parameters
    texts = {
        name: tokens_of(name, count + dev, spec.optimisation.max_length, spec.data.source)
        for name, count in rows.items()
    }
    words = min(distinct_words(texts, spec.data.source), size.vocabulary)
    return size.layer_parameters + words * (size.width or size.hidden)


def _parts(spec: RunSpec) -> int:
    """Splits of a language that a run reads."""
    asked = spec.data.languages
    tasks = [registry.task(name) for name in spec.tasks if name != MLM]
    found = 2 * len(tasks) if spec.phase is Phase.INTERMEDIATE else 2 * bool(spec.optimisation)
    found *= max(len(spec.data.train_languages), 1)
    found += len(spec.mlm.languages) if spec.mlm else 0
    if spec.phase is Phase.INTERMEDIATE:
        return found
    return found + sum(
        not asked or code in asked for task in tasks for split in EVALUATED for code in task.languages.get(split, ())
    )
