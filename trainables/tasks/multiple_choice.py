"""Multiple choice in English: CommonsenseQA, HellaSwag and Cosmos QA (protocol.md 3.4, 3.6, 3.7)."""

from __future__ import annotations

from collections.abc import Callable

from trainables.tasks.examples import ChoiceExample
from trainables.tasks.formats.choice import ChoiceFormat
from trainables.tasks.labels import label_index
from trainables.tasks.languages import ENGLISH
from trainables.tasks.rows import Row, part, shown, text, texts
from trainables.tasks.task import Role, Source, Split, Task

CSQA_LABELS = ("A", "B", "C", "D", "E")
FOUR_LABELS = ("0", "1", "2", "3")


def csqa() -> Task:
    """CommonsenseQA: a question and five answers."""
    return _task(
        name="csqa",
        title="CSQA",
        labels=CSQA_LABELS,
        repository="tau/commonsense_qa",
        columns=("id", "question", "choices", "answerKey"),
        parse=_parse_csqa,
        num_train_rows=9_741,
    )


def hellaswag() -> Task:
    """HellaSwag: the beginning of a scene and four endings; the sentence that is cut short belongs to the endings."""
    return _task(
        name="hellaswag",
        title="HellaSwag",
        labels=FOUR_LABELS,
        repository="Rowan/hellaswag",
        columns=("ctx_a", "ctx_b", "endings", "label"),
        parse=_parse_hellaswag,
        num_train_rows=39_905,
    )


def cosmosqa() -> Task:
    """Cosmos QA: a context with a question and four answers."""
    return _task(
        name="cosmosqa",
        title="CosmosQA",
        labels=FOUR_LABELS,
        repository="allenai/cosmos_qa",
        columns=("id", "context", "question", "answer0", "answer1", "answer2", "answer3", "label"),
        parse=_parse_cosmosqa,
        num_train_rows=25_588,
    )


def _task(
    *,
    name: str,
    title: str,
    labels: tuple[str, ...],
    repository: str,
    columns: tuple[str, ...],
    parse: Callable[[Row, str], ChoiceExample | None],
    num_train_rows: int,
) -> Task:
    def source(split: str) -> tuple[Source, ...]:
        return (Source(repository=repository, config="default", split=split, columns=columns, parse=parse),)

    return Task(
        name=name,
        title=title,
        role=Role.INTERMEDIATE,
        format=ChoiceFormat(labels=labels),
        metrics=("accuracy",),
        selection=("accuracy",),
        languages={Split.TRAIN: (ENGLISH,), Split.STOPPING: (ENGLISH,)},
        sources={
            repository: {
                Split.TRAIN: lambda language: source("train"),
                Split.STOPPING: lambda language: source("validation"),
            }
        },
        fine_tuning=name,
        max_length=256,
        num_train_rows=num_train_rows,
    )


def _parse_csqa(row: Row, row_id: str) -> ChoiceExample | None:
    if row["answerKey"] is None or row["answerKey"] == "":
        return None
    choices = part(row, "choices", "label", "text")
    labels, answers = texts(choices, "choices.label"), texts(choices, "choices.text")
    if labels != CSQA_LABELS or len(answers) != len(labels):
        raise ValueError(
            f"{len(answers)} choices are labelled {shown(list(labels))}, allowed: {', '.join(CSQA_LABELS)}"
        )
    return ChoiceExample(
        id=text(row, "id"),
        prompt=text(row, "question"),
        choices=answers,
        label=label_index(row["answerKey"], CSQA_LABELS, "answerKey"),
    )


def _parse_hellaswag(row: Row, row_id: str) -> ChoiceExample | None:
    if row["label"] is None or row["label"] == "":
        return None
    endings, begun = texts(row, "endings"), text(row, "ctx_b")
    if len(endings) != len(FOUR_LABELS):
        raise ValueError(f"{len(endings)} endings, allowed: {len(FOUR_LABELS)}")
    return ChoiceExample(
        id=row_id,
        prompt=text(row, "ctx_a"),
        choices=tuple(f"{begun} {ending}".strip() for ending in endings),
        label=label_index(row["label"], FOUR_LABELS, "label"),
    )


def _parse_cosmosqa(row: Row, row_id: str) -> ChoiceExample | None:
    if row["label"] is None or row["label"] == -1:
        return None
    return ChoiceExample(
        id=text(row, "id"),
        prompt=f"{text(row, 'context')} {text(row, 'question')}",
        choices=tuple(text(row, f"answer{number}") for number in range(len(FOUR_LABELS))),
        # The number is the answer's own: it names a column, not a place in some order of labels.
        label=label_index(str(row["label"]), FOUR_LABELS, "label"),
    )
