"""Paraphrase detection: the intermediate task QQP (protocol.md 3.2) and the target PAWS-X (4.2)."""

from __future__ import annotations

from trainables.tasks import languages
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.labels import pair_parser
from trainables.tasks.languages import ENGLISH
from trainables.tasks.task import Role, Source, Sources, Split, Task

QQP_LABELS = ("not_duplicate", "duplicate")
PAWSX_LABELS = ("0", "1")


def qqp() -> Task:
    """Quora question pairs, as in GLUE."""
    return Task(
        name="qqp",
        title="QQP",
        role=Role.INTERMEDIATE,
        format=PairFormat(labels=QQP_LABELS, positive="duplicate"),
        metrics=("accuracy", "f1"),
        selection=("accuracy", "f1"),
        languages={Split.TRAIN: (ENGLISH,), Split.STOPPING: (ENGLISH,)},
        sources={"nyu-mll/glue": {Split.TRAIN: _qqp("train"), Split.STOPPING: _qqp("validation")}},
        fine_tuning="qqp",
        family="paraphrase",
        max_length=256,
        num_train_rows=363_846,
    )


def pawsx() -> Task:
    """PAWS-X in 7 languages; the training rows of all but English were translated by machine."""
    return Task(
        name="pawsx",
        title="PAWS-X",
        role=Role.TARGET,
        format=PairFormat(labels=PAWSX_LABELS),
        metrics=("accuracy",),
        selection=("accuracy",),
        languages={
            Split.TRAIN: (ENGLISH,),
            Split.STOPPING: (ENGLISH,),
            Split.DEV: languages.PAWSX,
            Split.TEST: languages.PAWSX,
        },
        other_languages={Split.TRAIN: languages.PAWSX, Split.STOPPING: languages.PAWSX},
        sources={
            repository: {
                Split.TRAIN: _pawsx(repository, config, "train"),
                Split.STOPPING: _pawsx(repository, config, "validation"),
                Split.DEV: _pawsx(repository, config, "validation"),
                Split.TEST: _pawsx(repository, config, "test"),
            }
            for repository, config in (("google/xtreme", "PAWS-X."), ("google-research-datasets/paws-x", ""))
        },
        reasons={
            "google-research-datasets/paws-x": "google/xtreme lost rows to quote handling: 49,175 of 49,401 in English"
        },
        fine_tuning="pawsx",
        family="paraphrase",
        parallel=True,
        max_length=256,
        num_train_rows=49_401,
    )


def _qqp(split: str) -> Sources:
    parse = pair_parser("question1", "question2", "label", QQP_LABELS)
    columns = ("question1", "question2", "label")
    return lambda language: (
        Source(repository="nyu-mll/glue", config="qqp", split=split, columns=columns, parse=parse),
    )


def _pawsx(repository: str, config: str, split: str) -> Sources:
    parse = pair_parser("sentence1", "sentence2", "label", PAWSX_LABELS)
    columns = ("sentence1", "sentence2", "label")
    return lambda language: (
        Source(repository=repository, config=config + language, split=split, columns=columns, parse=parse),
    )
