"""A question on a context whose answer is a stretch of it (protocol.md 4.5, 8.4, 8.6, 8.7).

Shapes: B windows decoded at once, L sub-words, K best starts and ends of a window.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from typing import Any

import numpy as np

from trainables.metrics.span_qa import mlqa_scores, squad_scores
from trainables.tasks.examples import Example, SpanExample
from trainables.tasks.formats.base import Encoded, Format, Head, IntArray, Prediction, Tokenizer
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.formats.tokens import Layout, token_ids, token_offsets
from trainables.tasks.formats.windows import LONGEST_ANSWER, Window, Windows, best_contexts, window_ranges

LONGEST_QUESTION = 64
"""Sub-words of a question; the rest is cut off."""

N_BEST = 20
"""Start and end positions of a window that are combined."""

WINDOWS_AT_ONCE = 256
WORD_BOUNDARY = "▁"


class Rule(StrEnum):
    """How answers are compared."""

    SQUAD = "squad"
    """SQuAD 1.1 in every language: SQuAD, XQuAD, TyDiQA."""
    MLQA = "mlqa"
    """By the language of the context."""


@dataclass(frozen=True, kw_only=True)
class SpanFormat(Format):
    """`<s> question </s></s> context </s>`; rows are windows. Scores `f1` and `exact_match`."""

    head: Head = field(default=Head.SPAN, init=False)
    rule: Rule = Rule.SQUAD

    def encode(self, examples: Sequence[Example], tokenizer: Tokenizer, max_length: int, *, training: bool) -> Encoded:
        """Windows of every question.

        In training the first answer is the gold span. An answer that is not at its offset is looked for before it, and
        the example is skipped when it is not there or consists of no sub-word; both are counted.
        """
        questions = span_examples(examples)
        answers = [_answer_range(question) if training else (0, 0, False) for question in questions]
        builder = _Builder(tokenizer, max_length)
        rows = builder.rows(questions, answers if training else None)
        kept = list(rows)
        owners = [row.owner for row in kept]
        found = set(owners)
        return Encoded(
            examples=questions,
            sequences=Ragged.of(row.sequence for row in kept),
            owners=np.array(owners, dtype=np.int32),
            spans=np.array([row.span for row in kept], dtype=np.int64).reshape(-1, 2),
            windows=Windows.of([row.window for row in kept]),
            skipped=len(questions) - len(found),
            repaired=sum(moved for number, (_, _, moved) in enumerate(answers) if number in found),
        )

    def decode(self, encoded: Encoded, outputs: Sequence[np.ndarray]) -> list[Prediction]:
        """Answer texts, sliced from the contexts; an empty text where no window has a valid span."""
        best = [(-np.inf, 0, 0)] * len(encoded.examples)
        for rows in _blocks(len(outputs)):
            spans = _best_spans([outputs[row] for row in rows], [encoded.windows[row] for row in rows])
            for row, (score, begin, end) in zip(rows, spans, strict=True):
                owner = int(encoded.owners[row])
                if score > best[owner][0]:
                    best[owner] = (score, begin, end)
        questions = span_examples(encoded.examples)
        return [question.context[begin:end] for question, (_, begin, end) in zip(questions, best, strict=True)]

    def references(self, examples: Sequence[Example]) -> list[tuple[str, ...]]:
        """Reference answers of every question."""
        return [question.answers for question in span_examples(examples)]

    def score(self, references: Sequence[Any], predictions: Sequence[Any], language: str) -> Mapping[str, float]:
        """`f1` and `exact_match`; `language` is that of the contexts."""
        if self.rule == Rule.MLQA:
            return mlqa_scores(references, predictions, language)
        return squad_scores(references, predictions)


def locate_answer(context: str, answer: str, offset: int) -> int:
    """Offset of the answer: the closest occurrence at or before the given one; -1 when there is none.

    Hub copies have contexts that lost white space at their front while offsets stayed (protocol.md 8.4).
    """
    return context.rfind(answer, 0, max(offset, 0) + len(answer)) if answer else -1


def span_examples(examples: Sequence[Example]) -> list[SpanExample]:
    """The same examples, known to be questions on contexts."""
    assert all(isinstance(example, SpanExample) for example in examples)
    return [example for example in examples if isinstance(example, SpanExample)]


AnswerRange = tuple[int, int, bool]
"""First character, last character (exclusive), whether the offset had to be repaired; (-1, -1, False) if not found."""


def _answer_range(question: SpanExample) -> AnswerRange:
    if not question.answers:
        return -1, -1, False
    answer, offset = question.answers[0], question.starts[0]
    begin = locate_answer(question.context, answer, offset)
    return (begin, begin + len(answer), begin != offset) if begin >= 0 else (-1, -1, False)


@dataclass(frozen=True, slots=True)
class _Row:
    owner: int
    sequence: IntArray
    span: tuple[int, int]
    window: Window


@dataclass(frozen=True, slots=True)
class _Context:
    """Sub-words of a context; `trimmed` are ends without the space before a word."""

    ids: IntArray
    begins: IntArray
    ends: IntArray
    trimmed: IntArray

    def tokens(self, begin: int, end: int) -> tuple[int, int]:
        """First and last sub-word that touch the characters [begin, end); (0, -1) when none does."""
        touching = np.flatnonzero((self.begins < end) & (self.ends > begin))
        return (int(touching[0]), int(touching[-1])) if len(touching) else (0, -1)


class _Builder:
    """Builds the windows of questions with one tokenizer."""

    def __init__(self, tokenizer: Tokenizer, max_length: int) -> None:
        self.tokenizer = tokenizer
        self.layout = Layout.of(tokenizer)
        self.room = max_length - self.layout.num_pair
        self.boundary = _boundary_id(tokenizer)
        if self.room < 2:
            raise ValueError(f"max_length {max_length} leaves no room for a question and a context")

    def rows(self, questions: Sequence[SpanExample], answers: Sequence[AnswerRange] | None) -> Iterator[_Row]:
        """All windows in order; with answers, without the questions whose answer has no sub-word."""
        contexts = self._contexts(questions)
        longest_question = min(LONGEST_QUESTION, self.room // 2)
        texts = token_ids(self.tokenizer, [question.question for question in questions])
        for owner, question in enumerate(questions):
            context = contexts[question.context]
            answer = (0, -1)
            if answers is not None:
                begin, end, _ = answers[owner]
                answer = context.tokens(begin, end) if begin >= 0 else answer
                if answer[1] < answer[0]:
                    continue
            yield from self._windows(owner, texts[owner][:longest_question], context, answer)

    def _windows(self, owner: int, question: IntArray, context: _Context, answer: tuple[int, int]) -> Iterator[_Row]:
        ranges = window_ranges(len(context.ids), self.room - len(question))
        position = len(self.layout.before) + len(question) + len(self.layout.between)
        for (first, last), best_context in zip(ranges, best_contexts(ranges), strict=True):
            inside = first <= answer[0] <= answer[1] < last
            shift = position - first
            yield _Row(
                owner=owner,
                sequence=self.layout.pair(question, context.ids[first:last]),
                span=(answer[0] + shift, answer[1] + shift) if inside else (0, 0),
                window=Window(
                    position=position,
                    begins=context.begins[first:last],
                    ends=context.trimmed[first:last],
                    best_context=best_context,
                ),
            )

    def _contexts(self, questions: Sequence[SpanExample]) -> dict[str, _Context]:
        texts = list(dict.fromkeys(question.context for question in questions))
        encoded = token_offsets(self.tokenizer, texts)
        return {text: self._trimmed(ids, offsets) for text, (ids, offsets) in zip(texts, encoded, strict=True)}

    def _trimmed(self, ids: IntArray, offsets: IntArray) -> _Context:
        """A bare word boundary borrows the first character of the word after it; an answer must not end with that."""
        begins, ends = offsets[:, 0], offsets[:, 1]
        trimmed = ends.copy()
        for token in np.flatnonzero((ids[:-1] == self.boundary) & (begins[:-1] == begins[1:])):
            trimmed[token] = ends[token - 1] if token else begins[token]
        return _Context(ids=ids, begins=begins, ends=ends, trimmed=trimmed)


def _boundary_id(tokenizer: Tokenizer) -> int:
    number = tokenizer.convert_tokens_to_ids(WORD_BOUNDARY)
    return -1 if number is None or number == tokenizer.unk_token_id else int(number)


def _blocks(num_rows: int) -> Iterator[range]:
    for start in range(0, num_rows, WINDOWS_AT_ONCE):
        yield range(start, min(start + WINDOWS_AT_ONCE, num_rows))


def _best_spans(outputs: Sequence[np.ndarray], windows: Sequence[Window]) -> list[tuple[float, int, int]]:
    """Score, first and last (exclusive) character of the best valid span of every window; score -inf for none."""
    lengths = [logits.shape[1] for logits in outputs]
    logits_BPL = np.full((len(outputs), 2, max(lengths)), -np.inf, dtype=np.float32)
    context_BL = np.zeros((len(outputs), max(lengths)), dtype=bool)
    best_context_BL = np.zeros_like(context_BL)
    for row, (logits, window) in enumerate(zip(outputs, windows, strict=True)):
        end = window.position + len(window.begins)
        logits_BPL[row, :, : lengths[row]] = logits
        context_BL[row, window.position : end] = True
        best_context_BL[row, window.position : end] = window.best_context
    order_BPK = np.argsort(-logits_BPL, axis=2, kind="stable")[:, :, :N_BEST]
    starts_BK, ends_BK = order_BPK[:, 0], order_BPK[:, 1]
    top_BPK = np.take_along_axis(logits_BPL, order_BPK, axis=2)
    scores_BKK = top_BPK[:, 0, :, None] + top_BPK[:, 1, None, :]
    length_BKK = ends_BK[:, None, :] - starts_BK[:, :, None] + 1
    valid_BKK = (length_BKK >= 1) & (length_BKK <= LONGEST_ANSWER)
    valid_BKK &= np.take_along_axis(best_context_BL, starts_BK, axis=1)[:, :, None]
    valid_BKK &= np.take_along_axis(context_BL, ends_BK, axis=1)[:, None, :]
    scores_BKK[~valid_BKK] = -np.inf
    best_B = scores_BKK.reshape(len(outputs), -1).argmax(axis=1)
    start_B, end_B = np.divmod(best_B, scores_BKK.shape[2])
    found = []
    for row, window in enumerate(windows):
        score = float(scores_BKK[row, start_B[row], end_B[row]])
        if score == -np.inf:
            found.append((score, 0, 0))
            continue
        begin = int(window.begins[starts_BK[row, start_B[row]] - window.position])
        end = int(window.ends[ends_BK[row, end_B[row]] - window.position])
        found.append((score, begin, max(begin, end)))
    return found
