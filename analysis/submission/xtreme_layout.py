"""Layout of XTREME: the files that its `evaluate.py` reads, one of predictions and one of labels for each language.

```
predictions/<folder>/test-<language>.<tsv or json>
labels/<folder>/test-<language>.<tsv or json>
```

| tasks | a file holds |
| --- | --- |
| xnli, pawsx | one label name a line |
| udpos, panx | one tag name a line, a blank line between sentences |
| xquad, mlqa, tydiqa | predictions: JSON object, question id -> answer; labels: JSON in the shape of SQuAD |
| bucc | one pair a line, id of the foreign sentence, tab, id of the English one |
| tatoeba | for each English sentence, the line of the foreign file that was found, from 0 |

`evaluate.py` opens files in the encoding of the machine, so all of them are ASCII.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from trainables.ledger.nearest import unknown
from trainables.metrics.retrieval import pair_f1
from trainables.tasks.registry import task
from trainables.tasks.task import Task

_FOLDERS = {"bucc": "bucc2018"}
_QA = ("xquad", "mlqa", "tydiqa")

TASKS = ("xnli", "pawsx", "udpos", "panx", *_QA, "bucc", "tatoeba")
"""Our names of XTREME's tasks, in the order of Table 2."""

ORDERED = "tatoeba"
"""The task whose lines XTREME sorts: by the English sentences, to hide the alignment."""


class LayoutError(ValueError):
    """Predictions that do not fit the layout of their task."""


@dataclass(frozen=True, slots=True)
class Item:
    """One row of a run's predictions; the meaning of the lists is that of `trainables.phases.predictions`.

    For BUCC a row is a foreign sentence: `prediction` holds the ids of the English sentences it was paired with and
    `reference` those of its translations; either may be empty.
    """

    id: str
    prediction: Sequence[str]
    reference: Sequence[str]


@dataclass(frozen=True, kw_only=True)
class Files:
    """Content of the two files of one language, and the percent they score by metric."""

    predictions: str
    labels: str
    scores: Mapping[str, float]


def folder(target: str) -> str:
    """XTREME's name of a task, for example `bucc2018` for `bucc`."""
    return _FOLDERS.get(target, target)


def path(target: str, language: str) -> Path:
    """Of a file below `predictions/` or `labels/`."""
    return Path(folder(target)) / f"test-{language}.{'json' if target in _QA else 'tsv'}"


def files(target: str, language: str, rows: Sequence[Item], english: Mapping[str, str] | None = None) -> Files:
    """Both files of one language.

    Args:
        target: task name.
        language: code.
        rows: all test rows of the language, in the order of the data.
        english: for Tatoeba, id -> English sentence; puts the lines in XTREME's order.

    Raises:
        LayoutError: a task that XTREME does not have; rows that are missing, repeated or not of the task's kind.
    """
    if target not in TASKS:
        raise LayoutError(unknown("XTREME task", target, TASKS))
    if not rows:
        raise LayoutError("no predictions")
    _check_distinct(row.id for row in rows)
    if target == ORDERED:
        return _line_numbers(rows, task(target), language, english)
    return _KINDS[target](rows, task(target), language)


def _labels(rows: Sequence[Item], of: Task, language: str) -> Files:
    predictions = [_allowed(row, _only(row, row.prediction), of.format.labels) for row in rows]
    references = [_allowed(row, _only(row, row.reference), of.format.labels) for row in rows]
    return Files(
        predictions=_lines(predictions),
        labels=_lines(references),
        scores=of.format.score(references, predictions, language),
    )


def _tags(rows: Sequence[Item], of: Task, language: str) -> Files:
    for row in rows:
        if not row.reference or len(row.prediction) != len(row.reference):
            raise LayoutError(f"{row.id}: {len(row.prediction)} predicted tags for {len(row.reference)} words")
        for tag in (*row.prediction, *row.reference):
            _allowed(row, tag, of.format.labels)
    references = [list(row.reference) for row in rows]
    predictions = [list(row.prediction) for row in rows]
    return Files(
        predictions="\n".join(map(_lines, predictions)),
        labels="\n".join(map(_lines, references)),
        scores=of.format.score(references, predictions, language),
    )


def _answers(rows: Sequence[Item], of: Task, language: str) -> Files:
    predictions = {row.id: _only(row, row.prediction) for row in rows}
    for row in rows:
        if not row.reference:
            raise LayoutError(f"{row.id}: no reference answer")
    questions = [{"id": row.id, "answers": [{"text": text} for text in row.reference]} for row in rows]
    # Contexts, questions and offsets are not among the predictions, and the scorer does not look at them.
    squad = {"version": "1.1", "data": [{"paragraphs": [{"qas": questions}]}]}
    return Files(
        predictions=json.dumps(predictions, indent=1) + "\n",
        labels=json.dumps(squad, indent=1) + "\n",
        scores=of.format.score([tuple(row.reference) for row in rows], list(predictions.values()), language),
    )


def _pairs(rows: Sequence[Item], of: Task, language: str) -> Files:
    found = [(row.id, english) for row in rows for english in row.prediction]
    gold = [(row.id, english) for row in rows for english in row.reference]
    for pair in (*found, *gold):
        if any(not name or len(name.split()) != 1 for name in pair):
            raise LayoutError(f"a pair is two ids without blanks, got {pair}")
    if not gold:
        raise LayoutError("no gold pair")
    return Files(
        predictions=_lines(map("\t".join, found)),
        labels=_lines(map("\t".join, gold)),
        scores={"f1": pair_f1(gold, found)},
    )


def _line_numbers(rows: Sequence[Item], of: Task, language: str, english: Mapping[str, str] | None) -> Files:
    numbers = {row.id: number for number, row in enumerate(rows)}
    for row in rows:
        for found in (_only(row, row.prediction), _only(row, row.reference)):
            if found not in numbers:
                raise LayoutError(f"{row.id}: {found} is no sentence of this language")
    if english is not None:
        strange = [row.id for row in rows if row.id not in english]
        if strange:
            raise LayoutError(f"{len(strange)} sentences are not in the data given, for example {strange[0]}")
        rows = sorted(rows, key=lambda row: english[row.id])
    predictions = [row.prediction[0] for row in rows]
    references = [row.reference[0] for row in rows]
    return Files(
        predictions=_lines(str(numbers[found]) for found in predictions),
        labels=_lines(str(numbers[gold]) for gold in references),
        scores=of.format.score(references, predictions, language),
    )


_KINDS: Mapping[str, Callable[[Sequence[Item], Task, str], Files]] = {
    "xnli": _labels, "pawsx": _labels, "udpos": _tags, "panx": _tags, "xquad": _answers, "mlqa": _answers,
    "tydiqa": _answers, "bucc": _pairs,
}  # fmt: skip


def _lines(items: Iterable[str]) -> str:
    return "".join(f"{item}\n" for item in items)


def _only(row: Item, items: Sequence[str]) -> str:
    if len(items) != 1:
        raise LayoutError(f"{row.id}: {len(items)} values where there is one: {', '.join(items) or 'none'}")
    return items[0]


def _allowed(row: Item, label: str, labels: Sequence[str]) -> str:
    if label not in labels:
        raise LayoutError(f"{row.id}: {unknown('label', label, labels)}")
    return label


def _check_distinct(ids: Iterable[str]) -> None:
    seen: set[str] = set()
    for name in ids:
        if name in seen:
            raise LayoutError(f"two rows have the id {name}")
        seen.add(name)
