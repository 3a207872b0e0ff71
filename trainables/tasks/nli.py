"""Natural language inference: XNLI, trained on MNLI (protocol.md 4.1), and the intermediate task ANLI+ (3.1)."""

from __future__ import annotations

from trainables.tasks import languages
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.labels import pair_parser
from trainables.tasks.languages import ENGLISH
from trainables.tasks.task import Keep, Role, Source, Sources, Split, Task

LABELS = ("contradiction", "entailment", "neutral")

_parse = pair_parser("premise", "hypothesis", "label", LABELS)
_parse_xtreme = pair_parser("sentence1", "sentence2", "gold_label", LABELS, {"contradictory": "contradiction"})

_ANLI_ROUNDS = (1, 2, 3)


def xnli() -> Task:
    """XNLI in 15 languages, trained on MNLI, of which `facebook/xnli` has translations by machine.

    The English development set chooses the checkpoint.
    """
    return Task(
        name="xnli",
        title="XNLI",
        role=Role.TARGET,
        format=PairFormat(labels=LABELS),
        metrics=("accuracy",),
        selection=("accuracy",),
        languages={
            Split.TRAIN: (ENGLISH,),
            Split.STOPPING: (ENGLISH,),
            Split.DEV: languages.XNLI,
            Split.TEST: languages.XNLI,
        },
        other_languages={Split.TRAIN: languages.XNLI, Split.STOPPING: languages.XNLI},
        sources={
            "google/xtreme": {
                Split.TRAIN: _mnli_train,
                Split.STOPPING: _xtreme_xnli("validation"),
                Split.DEV: _xtreme_xnli("validation"),
                Split.TEST: _xtreme_xnli("test"),
            },
            "facebook/xnli": {
                Split.TRAIN: _mnli_train,
                Split.STOPPING: _facebook_xnli("validation"),
                Split.DEV: _facebook_xnli("validation"),
                Split.TEST: _facebook_xnli("test"),
            },
        },
        reasons={"facebook/xnli": "google/xtreme read the files with quote handling, so quotation marks may differ"},
        fine_tuning="xnli",
        family="nli",
        parallel=True,
        max_length=256,
        num_train_rows=392_702,
    )


def anli() -> Task:
    """ANLI+: the union of MNLI, SNLI and the three rounds of ANLI; MNLI matched is its part of the development set."""
    return Task(
        name="anli",
        title="ANLI+",
        role=Role.INTERMEDIATE,
        format=PairFormat(labels=LABELS),
        metrics=("accuracy",),
        selection=("accuracy",),
        languages={Split.TRAIN: (ENGLISH,), Split.STOPPING: (ENGLISH,)},
        sources={
            "published": {
                Split.TRAIN: lambda language: (
                    *_mnli_train(language),
                    _nli("stanfordnlp/snli", "plain_text", "train"),
                    *(_nli("facebook/anli", "plain_text", f"train_r{number}") for number in _ANLI_ROUNDS),
                ),
                Split.STOPPING: lambda language: (
                    _nli("nyu-mll/multi_nli", "default", "validation_matched"),
                    _nli("stanfordnlp/snli", "plain_text", "validation"),
                    *(_nli("facebook/anli", "plain_text", f"dev_r{number}") for number in _ANLI_ROUNDS),
                ),
            }
        },
        fine_tuning="anli",
        family="nli",
        max_length=256,
        num_train_rows=1_104_934,
        seed_stopping=True,
    )


def _mnli_train(language: str) -> tuple[Source, ...]:
    if language == ENGLISH:
        return (_nli("nyu-mll/multi_nli", "default", "train"),)
    return (_nli("facebook/xnli", language, "train"),)


def _nli(repository: str, config: str, split: str) -> Source:
    columns = ("premise", "hypothesis", "label")
    return Source(repository=repository, config=config, split=split, columns=columns, parse=_parse)


def _facebook_xnli(split: str) -> Sources:
    return lambda language: (_nli("facebook/xnli", language, split),)


def _xtreme_xnli(split: str) -> Sources:
    return lambda language: (
        Source(
            repository="google/xtreme",
            config="XNLI",
            split=split,
            columns=("language", "sentence1", "sentence2", "gold_label"),
            parse=_parse_xtreme,
            keep=Keep(column="language", prefix=language, whole=True),
        ),
    )
