"""How rows of a task are scored: so that over the rows of a language they make the mean of the task's metrics.

    accuracy of pairs, choices and sentences    0 or 1
    F1 and exact match of answers               a share: the mean of those that the task has
    accuracy over words                         counts of right words and, twice, of all words
    F1 of chunks, of a label, of mined pairs    counts of right, gold and found

An accuracy over words is an F1 whose gold and found are all words. A mean of metrics of two kinds has no scores by row.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from types import MappingProxyType

from trainables.ledger.plain import plain
from trainables.tasks.formats.base import Format
from trainables.tasks.formats.choice import ChoiceFormat
from trainables.tasks.formats.mining import MiningFormat
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.formats.sentence import SentenceFormat
from trainables.tasks.formats.span import Rule, SpanFormat
from trainables.tasks.formats.tagging import TaggingFormat

ANSWER_METRICS = ("f1", "exact_match")
"""Of one answer, in the order of `metrics.span_qa.answer_scores`."""

_WORDS: Mapping[str, str] = MappingProxyType({"f1": "F1", "exact_match": "exact match"})


class Kind(StrEnum):
    """What is measured of a row."""

    EQUAL = "equal"
    """Whether prediction and reference are the same text."""
    LABEL = "label"
    """Whether one label was given and is right."""
    ANSWER = "answer"
    """F1, exact match or both of an answer."""
    WORDS = "words"
    """Words with the right tag."""
    CHUNKS = "chunks"
    """Chunks of a tagged sentence."""
    PAIRS = "pairs"
    """Sentences that one is paired with."""


@dataclass(frozen=True, kw_only=True)
class Scoring:
    """How rows are scored.

    Attributes:
        kind: what is measured.
        label: of LABEL, the one.
        rule: of ANSWER, how answers are compared.
        metrics: of ANSWER, those whose mean it is, in the order of ANSWER_METRICS.
    """

    kind: Kind
    label: str = ""
    rule: Rule = Rule.SQUAD
    metrics: tuple[str, ...] = ()

    def __str__(self) -> str:
        """Equal for equal scorings alone: kept scores are known by it."""
        return " ".join(filter(None, (self.kind, self.label, *((self.rule, *self.metrics) if self.metrics else ()))))


def scoring(form: Format, metrics: Sequence[str]) -> Scoring:
    """How rows of a format are scored where the mean of these metrics is the score.

    Raises ValueError, which names the metrics, where scores by row cannot make it.
    """
    named = tuple(dict.fromkeys(metrics))
    if isinstance(form, SpanFormat) and named and set(named) <= set(ANSWER_METRICS):
        ordered = tuple(metric for metric in ANSWER_METRICS if metric in named)
        return Scoring(kind=Kind.ANSWER, rule=form.rule, metrics=ordered)
    found = _of_one(form, named[0]) if len(named) == 1 else None
    if found is None:
        what = " with ".join(_WORDS.get(metric, plain(metric)) for metric in named)
        raise ValueError(f"no scores by row for {what or 'no metric'}")
    return found


def _of_one(form: Format, metric: str) -> Scoring | None:
    match form, metric:
        case (PairFormat() | ChoiceFormat() | SentenceFormat(), "accuracy"):
            return Scoring(kind=Kind.EQUAL)
        case (PairFormat(positive=label), "f1") if label:
            return Scoring(kind=Kind.LABEL, label=label)
        case (TaggingFormat(), "accuracy"):
            return Scoring(kind=Kind.WORDS)
        case (TaggingFormat(chunk_f1=True), "f1"):
            return Scoring(kind=Kind.CHUNKS)
        case (MiningFormat(), "f1"):
            return Scoring(kind=Kind.PAIRS)
    return None
