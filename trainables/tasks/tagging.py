"""Tagging: part-of-speech tags of Universal Dependencies (protocol.md 4.3) and named entities of PAN-X (4.4)."""

from __future__ import annotations

from trainables.tasks import languages
from trainables.tasks.formats.tagging import TaggingFormat
from trainables.tasks.labels import tagging_parser
from trainables.tasks.languages import ENGLISH, UD_NAMES
from trainables.tasks.task import Role, Source, Sources, Split, Task

UPOS = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ",
    "SYM", "VERB", "X",
)  # fmt: skip
ENTITY_TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")


def udpos() -> Task:
    """Universal part-of-speech tags in 33 languages, 29 of them with development data."""
    return Task(
        name="udpos",
        title="POS",
        role=Role.TARGET,
        format=TaggingFormat(labels=UPOS),
        metrics=("f1",),
        selection=("f1",),
        languages={
            Split.TRAIN: (ENGLISH,),
            Split.STOPPING: (ENGLISH,),
            Split.DEV: languages.UDPOS_WITH_DEV,
            Split.TEST: languages.UDPOS,
        },
        sources={
            "google/xtreme": {
                Split.TRAIN: _udpos("train"),
                Split.STOPPING: _udpos("validation"),
                Split.DEV: _udpos("validation"),
                Split.TEST: _udpos("test"),
            }
        },
        fine_tuning="udpos",
        max_length=256,
        num_train_rows=21_253,
    )


def panx() -> Task:
    """Named entities of WikiAnn in 40 languages."""
    return Task(
        name="panx",
        title="NER",
        role=Role.TARGET,
        format=TaggingFormat(labels=ENTITY_TAGS),
        metrics=("f1",),
        selection=("f1",),
        languages={
            Split.TRAIN: (ENGLISH,),
            Split.STOPPING: (ENGLISH,),
            Split.DEV: languages.XTREME,
            Split.TEST: languages.XTREME,
        },
        sources={
            "google/xtreme": _panx("google/xtreme", "PAN-X."),
            "unimelb-nlp/wikiann": _panx("unimelb-nlp/wikiann", ""),
        },
        reasons={"unimelb-nlp/wikiann": "the same rows from the data set's own repository"},
        fine_tuning="panx",
        max_length=256,
        num_train_rows=20_000,
    )


def _without_breaks(word: str) -> str:
    """A word of Universal Dependencies without inner spaces and zero-width non-joiners."""
    return word.replace(" ", "").replace("\u200c", "")


def _udpos(split: str) -> Sources:
    parse = tagging_parser("pos_tags", UPOS, _without_breaks)
    return lambda language: (
        Source(
            repository="google/xtreme",
            config=f"udpos.{UD_NAMES[language]}",
            split=split,
            columns=("tokens", "pos_tags"),
            parse=parse,
        ),
    )


def _panx(repository: str, prefix: str) -> dict[Split, Sources]:
    parse = tagging_parser("ner_tags", ENTITY_TAGS, str)
    columns = ("tokens", "ner_tags")

    def sources(split: str) -> Sources:
        return lambda language: (
            Source(repository=repository, config=prefix + language, split=split, columns=columns, parse=parse),
        )

    return {
        Split.TRAIN: sources("train"),
        Split.STOPPING: sources("validation"),
        Split.DEV: sources("validation"),
        Split.TEST: sources("test"),
    }
