"""How many sub-words the rows of each task have, as means over rows that were looked at.

Real rows are those of a mirror of the hub (200 of each training set, 60 of each evaluated split and language), cut into
the sub-words of XLM-R; what it lacks (CCG, evaluated rows of TyDiQA, sentences of Wikipedia) has the length of its
like. Rows of the built-in corpus are shorter.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from trainables.data.hub import DEMO
from trainables.tasks import registry
from trainables.tasks.formats.base import Head
from trainables.tasks.formats.windows import DOCUMENT_STEP, LONGEST_ANSWER

_SPECIAL = 4
"""Sub-words that stand around a question and its context."""


@dataclass(frozen=True, kw_only=True)
class TextLength:
    """Typical text of one example.

    Attributes:
        trained: sub-words of one sequence of a training row, uncut.
        evaluated: of an evaluated row, over all languages.
        sequences: of a row: the choices of a question, both sides of a pair.
        question: of the sub-words, those that stand in every window of a context; 0 where a text is cut, not windowed.
    """

    trained: float
    evaluated: float
    sequences: int = 1
    question: float = 0.0

    def rows(self, max_length: int, *, evaluated: bool = False) -> float:
        """Rows that an example becomes: windows of its context, one elsewhere."""
        return self._rows(self.evaluated if evaluated else self.trained, max_length)

    def tokens(self, max_length: int, *, evaluated: bool = False) -> float:
        """Sub-words of an example, all its sequences or windows together."""
        whole = self.evaluated if evaluated else self.trained
        if not self.question:
            return self.sequences * min(whole, max_length)
        further = self._rows(whole, max_length) - 1
        overlap = self._room(max_length) - _step(self._room(max_length))
        return whole + further * (self.question + _SPECIAL + overlap)

    def _rows(self, whole: float, max_length: int) -> float:
        context, room = whole - self.question - _SPECIAL, self._room(max_length)
        if not self.question or context <= room:
            return 1.0
        return 1.5 + (context - room) / _step(room)  # the last window is half full on average

    def _room(self, max_length: int) -> float:
        """Sub-words of the context in one window."""
        return max(max_length - self.question - _SPECIAL, 1.0)


def _step(room: float) -> float:
    """Sub-words between the starts of two windows, as in `windows.window_ranges`."""
    return min(DOCUMENT_STEP, max(room - LONGEST_ANSWER, (room + 1) / 2))


_REAL: Mapping[str, TextLength] = {
    "anli": TextLength(trained=49, evaluated=49),
    "qqp": TextLength(trained=33, evaluated=33),
    "squad": TextLength(trained=184, evaluated=200, question=15),
    "hellaswag": TextLength(trained=94, evaluated=94, sequences=4),
    "ccg": TextLength(trained=32, evaluated=32),
    "cosmosqa": TextLength(trained=119, evaluated=119, sequences=4),
    "csqa": TextLength(trained=23, evaluated=23, sequences=5),
    "xnli": TextLength(trained=42, evaluated=42),
    "pawsx": TextLength(trained=63, evaluated=65),
    "udpos": TextLength(trained=22, evaluated=33),
    "panx": TextLength(trained=14, evaluated=18),
    "xquad": TextLength(trained=184, evaluated=240, question=15),
    "mlqa": TextLength(trained=184, evaluated=290, question=15),
    "tydiqa": TextLength(trained=175, evaluated=240, question=12),
    "bucc": TextLength(trained=26, evaluated=26),
    "tatoeba": TextLength(trained=11, evaluated=11, sequences=2),
    "mlm": TextLength(trained=32, evaluated=32),
}
_DEMO: Mapping[str, TextLength] = {
    "anli": TextLength(trained=24, evaluated=24),
    "qqp": TextLength(trained=21, evaluated=21),
    "squad": TextLength(trained=43, evaluated=43, question=12),
    "hellaswag": TextLength(trained=31, evaluated=31, sequences=4),
    "ccg": TextLength(trained=11, evaluated=11),
    "cosmosqa": TextLength(trained=43, evaluated=43, sequences=4),
    "csqa": TextLength(trained=15, evaluated=15, sequences=5),
    "xnli": TextLength(trained=24, evaluated=24),
    "pawsx": TextLength(trained=29, evaluated=34),
    "udpos": TextLength(trained=13, evaluated=16),
    "panx": TextLength(trained=14, evaluated=18),
    "xquad": TextLength(trained=43, evaluated=47, question=12),
    "mlqa": TextLength(trained=43, evaluated=48, question=12),
    "tydiqa": TextLength(trained=45, evaluated=47, question=12),
    "bucc": TextLength(trained=13, evaluated=13),
    "tatoeba": TextLength(trained=13, evaluated=13, sequences=2),
    "mlm": TextLength(trained=15, evaluated=15),
}


_LIKE: Mapping[Head, str] = {
    Head.CLASSIFICATION: "xnli", Head.CHOICE: "cosmosqa", Head.TAGGING: "udpos", Head.SPAN: "squad", Head.MLM: "mlm",
    Head.EMBEDDING: "tatoeba",
}  # fmt: skip
"""What a task that a user has added is taken to be like."""


def length_of(task: str, source: str) -> TextLength:
    """Typical text of a task, MLM among them; `source` is the kind of the data, as in `DataRef`."""
    known = _DEMO if source == DEMO else _REAL
    return known[task] if task in known else known[_LIKE[registry.task(task).format.head]]


def tokens_of(task: str, examples: float, max_length: int, source: str) -> float:
    """About how many sub-words so many training examples of a task have, in inputs of at most `max_length`."""
    return examples * length_of(task, source).tokens(max_length)
