"""Span question answering: SQuAD as intermediate task (protocol.md 3.3), XQuAD, MLQA and TyDiQA as targets (4.5)."""

from __future__ import annotations

from collections.abc import Mapping

from trainables.tasks import languages
from trainables.tasks.formats.span import Rule, SpanFormat
from trainables.tasks.labels import parse_span
from trainables.tasks.languages import ENGLISH, TYDIQA_NAMES
from trainables.tasks.task import Keep, Role, Source, Sources, Split, Task

SQUAD_TARGET = "squad-target"
"""The training run that XQuAD and MLQA share."""

_COLUMNS = ("id", "context", "question", "answers")
_METRICS = ("f1", "exact_match")
_SQUAD_ROWS = 87_599


def squad() -> Task:
    """SQuAD 1.1 as intermediate task."""
    return Task(
        name="squad",
        title="SQuAD",
        role=Role.INTERMEDIATE,
        format=SpanFormat(),
        metrics=_METRICS,
        selection=_METRICS,
        languages={Split.TRAIN: (ENGLISH,), Split.STOPPING: (ENGLISH,)},
        sources={"rajpurkar/squad": _training()},
        fine_tuning="squad",
        family="qa",
        max_length=384,
        num_train_rows=_SQUAD_ROWS,
    )


def xquad() -> Task:
    """XQuAD in 11 languages; it has one set, which chooses the intermediate task and is reported."""
    return Task(
        name="xquad",
        title="XQuAD",
        role=Role.TARGET,
        format=SpanFormat(),
        metrics=_METRICS,
        selection=_METRICS,
        languages={Split.TRAIN: (ENGLISH,), Split.STOPPING: (ENGLISH,), Split.TEST: languages.XQUAD},
        sources={
            "google/xtreme": {**_training(), Split.TEST: _files("google/xtreme", "XQuAD.{0}", "validation")},
            "google/xquad": {**_training(), Split.TEST: _files("google/xquad", "xquad.{0}", "validation")},
        },
        reasons={"google/xquad": "the same rows from the data set's own repository"},
        fine_tuning=SQUAD_TARGET,
        family="qa",
        parallel=True,
        max_length=384,
        num_train_rows=_SQUAD_ROWS,
    )


def mlqa() -> Task:
    """MLQA in 7 languages, context and question in the same language."""
    return Task(
        name="mlqa",
        title="MLQA",
        role=Role.TARGET,
        format=SpanFormat(rule=Rule.MLQA),
        metrics=_METRICS,
        selection=_METRICS,
        languages={
            Split.TRAIN: (ENGLISH,),
            Split.STOPPING: (ENGLISH,),
            Split.DEV: languages.MLQA,
            Split.TEST: languages.MLQA,
        },
        sources={
            "google/xtreme": {
                **_training(),
                Split.DEV: _files("google/xtreme", "MLQA.{0}.{0}", "validation"),
                Split.TEST: _files("google/xtreme", "MLQA.{0}.{0}", "test"),
            }
        },
        fine_tuning=SQUAD_TARGET,
        family="qa",
        parallel=True,
        max_length=384,
        num_train_rows=_SQUAD_ROWS,
    )


def tydiqa() -> Task:
    """TyDiQA gold passages in 9 languages, trained on the English rows of a file that mixes all."""
    return Task(
        name="tydiqa",
        title="TyDiQA",
        role=Role.TARGET,
        format=SpanFormat(),
        metrics=_METRICS,
        selection=_METRICS,
        languages={Split.TRAIN: (ENGLISH,), Split.STOPPING: (ENGLISH,), Split.TEST: languages.TYDIQA},
        other_languages={Split.TRAIN: languages.TYDIQA, Split.STOPPING: languages.TYDIQA},
        sources={
            "google/xtreme": _tydiqa("google/xtreme", "tydiqa"),
            "google-research-datasets/tydiqa": _tydiqa("google-research-datasets/tydiqa", "secondary_task"),
        },
        reasons={"google-research-datasets/tydiqa": "the same rows from the data set's own repository"},
        fine_tuning="tydiqa",
        family="qa",
        max_length=384,
        num_train_rows=3_696,
    )


def _training() -> Mapping[Split, Sources]:
    return {
        Split.TRAIN: _files("rajpurkar/squad", "plain_text", "train"),
        Split.STOPPING: _files("rajpurkar/squad", "plain_text", "validation"),
    }


def _files(repository: str, config: str, split: str) -> Sources:
    """One file a language; `{0}` in the configuration stands for the language."""
    return lambda language: (
        Source(repository=repository, config=config.format(language), split=split, columns=_COLUMNS, parse=parse_span),
    )


def _tydiqa(repository: str, config: str) -> Mapping[Split, Sources]:
    def rows(split: str) -> Sources:
        return lambda language: (
            Source(
                repository=repository,
                config=config,
                split=split,
                columns=_COLUMNS,
                parse=parse_span,
                keep=Keep(column="id", prefix=f"{TYDIQA_NAMES[language]}-"),
            ),
        )

    return {Split.TRAIN: rows("train"), Split.STOPPING: rows("validation"), Split.TEST: rows("validation")}
