"""Targets of one's own whose runs are handmade: a format and its metrics, without rows to read."""

from __future__ import annotations

from trainables.tasks.formats.base import Format
from trainables.tasks.formats.choice import ChoiceFormat
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.formats.span import SpanFormat
from trainables.tasks.formats.tagging import TaggingFormat
from trainables.tasks.registry import enlist
from trainables.tasks.task import Role, Split, Task

LABELS = ("same", "other")
POS = TaggingFormat(labels=("NOUN", "VERB", "SYM", "X"), chunk_f1=False)
IOB = TaggingFormat(labels=("O", "B-PER", "I-PER", "B-LOC"))
PAIRS = PairFormat(labels=LABELS, positive="same")
SCORED: dict[str, tuple[Format, tuple[str, ...]]] = {
    "accuracy over words": (POS, ("accuracy",)),
    "accuracy over words of chunks": (IOB, ("accuracy",)),
    "chunks": (IOB, ("f1",)),
    "pairs": (PairFormat(labels=LABELS), ("accuracy",)),
    "accuracy of pairs with a positive label": (PAIRS, ("accuracy",)),
    "F1 of a label": (PAIRS, ("f1",)),
    "choices": (ChoiceFormat(labels=("first", "second", "third")), ("accuracy",)),
    "F1 of answers": (SpanFormat(), ("f1",)),
    "exact match of answers": (SpanFormat(), ("exact_match",)),
    "both of answers": (SpanFormat(), ("exact_match", "f1")),
}
"""Format and metrics by what they measure, where rows have scores."""
UNSCORED: dict[str, tuple[Format, tuple[str, ...]]] = {
    "accuracy with F1": (PAIRS, ("accuracy", "f1")),
    "F1 with accuracy": (IOB, ("f1", "accuracy")),
}
"""The same where rows have none."""


def enlist_target(form: Format, metrics: tuple[str, ...], name: str = "mine") -> Task:
    """Have this process know a target with dev and test rows in English and German."""
    made = Task(
        name=name,
        title="Mine",
        role=Role.TARGET,
        format=form,
        metrics=metrics,
        selection=metrics,
        languages={
            Split.TRAIN: ("en",),
            Split.STOPPING: ("en",),
            Split.DEV: ("en", "de"),
            Split.TEST: ("en", "de"),
        },
        sources={"own": dict.fromkeys(Split, lambda language: ())},
        fine_tuning=name,
        max_length=32,
        num_train_rows=24,
    )
    enlist(made)
    return made
