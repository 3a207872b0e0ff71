"""The suite that every task must pass: what a task declares must be what its rows give."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from typing import Any

import numpy as np

from trainables.data.declaration import declaration_problems
from trainables.data.findings import Check, Problem
from trainables.data.labels import with_labels
from trainables.data.loading import load
from trainables.data.source import DataSource
from trainables.ledger.nearest import unknown
from trainables.ledger.plain import plain
from trainables.tasks.examples import Example
from trainables.tasks.formats.base import Encoded, Head, Tokenizer
from trainables.tasks.formats.gold import gold_outputs
from trainables.tasks.formats.tokens import Layout
from trainables.tasks.formats.windows import LONGEST_ANSWER
from trainables.tasks.task import Split, Task

SHORT = 24
"""Sub-words of short inputs: much less than any task declares."""
ENOUGH = 10
"""Rows from which on shuffled answers cannot all be right."""
_SPANS_MISSED = 15.0
"""Percent of gold spans that may decode to something else: they can end inside a sub-word, and be too long."""
_NEAR = 1e-6


def examine(
    task: Task, data: DataSource, tokenizer: Tokenizer, *, rows: int = 40, languages: int = 4
) -> tuple[Problem, ...]:
    """What is wrong with a task, by some rows of each split in the first languages whose files are at hand.

    Nothing that a task does raises here: what its functions raise is a problem.
    """
    found = list(declaration_problems(task))
    pairs = [pair for split in Split for pair in held(task, split, data)[:languages]]
    try:
        known = with_labels(task, data) if pairs else task
    except Exception as error:
        return (*found, Problem(check=Check.LABELS, text=raised(error)))
    for split, language in pairs:
        try:
            examples = load(known, split, language, data, limit=rows).examples
        except Exception as error:
            found.append(Problem(check=Check.ROWS, text=raised(error), split=split, language=language))
            continue
        found += check_rows(known, split, language, examples, tokenizer)
    return tuple(found)


def held(task: Task, split: Split, data: DataSource) -> list[tuple[Split, str]]:
    """The split with each of its languages whose files are at hand, without those that only some runs ask for."""
    return [(split, code) for code in task.languages.get(split, ()) if _is_held(task, split, code, data)]


def _is_held(task: Task, split: Split, language: str, data: DataSource) -> bool:
    try:
        return all(map(data.has, task.files(split, language)))
    except Exception:  # the declaration says so
        return False


def check_rows(
    task: Task, split: Split, language: str, examples: Sequence[Example], tokenizer: Tokenizer, *, rows: int = 0
) -> Iterator[Problem]:
    """What is wrong with examples of one split in one language: all ids, and the rest of `rows` of them, or of all."""
    checks: dict[Check, list[Callable[[], Iterator[str]]]] = {Check.IDS: [lambda: _ids(examples)]}
    sample = [examples[place] for place in task.cap(examples, rows)] if rows else examples
    checks[Check.INPUTS] = [
        lambda: _inputs(task, sample, tokenizer, training=True),
        lambda: _inputs(task, sample, tokenizer, training=False),
        lambda: _short_inputs(task, sample, tokenizer),
    ]
    checks[Check.SCORES] = [lambda: _scores(task, sample, language)]
    checks[Check.DECODING] = [lambda: _decoding(task, sample, tokenizer, language)]
    for check, functions in checks.items():
        for function in functions:
            for said in _said(function):
                yield Problem(check=check, text=said, split=split, language=language)


def raised(error: Exception) -> str:
    """What is said of an error that a task, or its data, raised."""
    message = plain(str(error))
    return message if isinstance(error, ValueError) and message else f"it raises {type(error).__name__}: {message}"


def _said(function: Callable[[], Iterator[str]]) -> list[str]:
    try:
        return list(function())
    except Exception as error:  # formats and caps may be the task's own
        return [raised(error)]


def _ids(examples: Sequence[Example]) -> Iterator[str]:
    if not examples:
        yield "there are no rows"
    seen: dict[str, int] = {}
    for example in examples:
        seen[example.id] = seen.get(example.id, 0) + 1
    twice = [name for name, times in seen.items() if times > 1]
    if twice:
        rows = sum(seen[name] for name in twice)
        yield f"{rows:,} rows have an id that another one has; the first is {plain(str(twice[0]), 60)!r}"


def _inputs(task: Task, examples: Sequence[Example], tokenizer: Tokenizer, *, training: bool) -> Iterator[str]:
    encoded = task.format.encode(examples, tokenizer, task.max_length, training=training)
    where = "in training" if training else "in evaluation"
    for said in (*_sequences(encoded, task.max_length, tokenizer), *_owners(encoded, len(examples), training=training)):
        yield f"{where} {said}"
    for said in _targets(task, encoded, training=training):
        yield f"{where} {said}"


def _short_inputs(task: Task, examples: Sequence[Example], tokenizer: Tokenizer) -> Iterator[str]:
    encoded = task.format.encode(examples, tokenizer, SHORT, training=False)
    longest = int(encoded.sequences.lengths.max(initial=0))
    if longest > SHORT:
        yield f"with max_length {SHORT} an input has {longest} sub-words"


def _sequences(encoded: Encoded, max_length: int, tokenizer: Tokenizer) -> Iterator[str]:
    sequences = encoded.sequences
    if len(sequences) != encoded.num_rows * encoded.group:
        yield f"{encoded.num_rows:,} rows of {encoded.group} sequences have {len(sequences):,} sequences"
    longest = int(sequences.lengths.max(initial=0))
    if longest > max_length:
        yield f"an input has {longest} sub-words, declared are at most {max_length}"
    if sequences.values.dtype != np.int32:
        yield f"token ids are {sequences.values.dtype}, expected int32"
    before = Layout.of(tokenizer).before
    strange = sum(tuple(sequence[: len(before)].tolist()) != before for sequence in sequences)
    if strange:
        yield f"{strange:,} inputs do not begin with the tokenizer's first special token"


def _owners(encoded: Encoded, examples: int, *, training: bool) -> Iterator[str]:
    owners = set(encoded.owners.tolist())
    if strange := owners - set(range(examples)):
        yield f"rows belong to examples that are not there, as number {min(strange)} of {examples:,}"
    if not training and (missing := set(range(examples)) - owners):
        yield f"{len(missing):,} of {examples:,} examples have no row; the first is number {min(missing)}"
    if training and examples and not owners:
        yield "no example has a row"


def _targets(task: Task, encoded: Encoded, *, training: bool) -> Iterator[str]:
    """Whether what is to be predicted has the shape that the head needs."""
    head, labels, rows = task.format.head, len(task.format.labels), encoded.num_rows
    if head in (Head.CLASSIFICATION, Head.CHOICE):
        yield from _label_numbers(encoded.labels.tolist(), labels, len(encoded.labels), rows)
    if head is Head.CHOICE and encoded.group != labels:
        yield f"a row has {encoded.group} sequences, the task {labels} choices"
    if head is Head.TAGGING:
        yield from _label_numbers(encoded.tags.used.tolist(), labels, len(encoded.tags), rows)
        if encoded.tags.lengths.tolist() != encoded.word_positions.lengths.tolist():
            yield "rows have another number of tags than of words"
    if head is Head.SPAN and training:
        ends = encoded.sequences.lengths
        if encoded.spans.shape != (rows, 2) or len(encoded.windows) != rows:
            yield f"{rows:,} rows have {len(encoded.spans):,} spans and {len(encoded.windows):,} windows"
        elif (encoded.spans < 0).any() or (encoded.spans >= ends[:, None]).any():
            yield "spans point outside of their inputs"


def _label_numbers(numbers: Sequence[int], labels: int, targets: int, rows: int) -> Iterator[str]:
    if targets != rows:
        yield f"{rows:,} rows have what is to be predicted of {targets:,}"
    if strange := [number for number in numbers if not 0 <= number < labels]:
        yield f"label number {strange[0]} is there, allowed: 0 to {labels - 1}"


def _scores(task: Task, examples: Sequence[Example], language: str) -> Iterator[str]:
    references = task.format.references(examples)
    perfect = _perfect(references)
    scores = task.format.score(references, perfect, language)
    for metric in dict.fromkeys((*task.metrics, *task.selection)):
        if metric not in scores:
            yield unknown("metric", metric, scores)
    for metric, value in scores.items():
        # A sample without a single positive or a single chunk has no F1.
        if abs(value - 100.0) > _NEAR and (value or not any(scores.values())):
            yield f"right answers score {value:.1f} in {metric}, expected 100"
    wrong = _shuffled(perfect)
    if len(examples) >= ENOUGH and wrong != perfect:
        found = task.format.score(references, wrong, language)
        if min(found.values()) >= 100.0 - _NEAR:
            yield f"shuffled answers score 100 in {', '.join(found)}, too"


def _perfect(references: Sequence[Any]) -> list[Any]:
    return [answers[0] if isinstance(answers, tuple) else answers for answers in references]


def _shuffled(answers: Sequence[Any]) -> list[Any]:
    """The answers in another order, or as they are where all are alike; tags are shuffled inside their sentences."""
    if answers and all(isinstance(tags, list) and tags for tags in answers):
        return [random.Random(number).sample(tags, len(tags)) for number, tags in enumerate(answers)]
    wrong = list(answers)
    for seed in range(20):
        random.Random(seed).shuffle(wrong)
        if wrong != answers:
            break
    return wrong


def _decoding(task: Task, examples: Sequence[Example], tokenizer: Tokenizer, language: str) -> Iterator[str]:
    encoded = task.format.encode(examples, tokenizer, task.max_length, training=True)
    predictions = task.format.decode(encoded, gold_outputs(task.format, encoded))
    if len(predictions) != len(examples):
        yield f"{len(examples):,} examples decode to {len(predictions):,} predictions"
        return
    kept = sorted(set(encoded.owners.tolist()))
    if not kept:
        return
    every = task.format.references(examples)
    references = [every[place] for place in kept]
    scores = task.format.score(references, [predictions[place] for place in kept], language)
    best = task.format.score(references, _perfect(references), language)
    spans = task.format.head is Head.SPAN
    # Of a few rows one may be missed.
    lowest = 100.0 - max(_SPANS_MISSED, 100.0 / len(kept)) if spans else 100.0
    why = f" (answers can have {LONGEST_ANSWER} sub-words at most)" if spans else ""
    for metric, value in scores.items():
        if best[metric] and value < lowest - _NEAR:
            yield f"outputs of a perfect model score {value:.1f} in {metric}, expected {lowest:.0f}{why}"
