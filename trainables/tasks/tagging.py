"""Tagging: CCG categories (protocol.md 3.5), universal parts of speech (4.3) and named entities of PAN-X (4.4)."""

from __future__ import annotations

from collections.abc import Callable

from trainables.tasks import languages
from trainables.tasks.formats.tagging import TaggingFormat
from trainables.tasks.labels import tagging_parser
from trainables.tasks.languages import ENGLISH, UD_NAMES
from trainables.tasks.task import OpenLabels, Role, Source, Sources, Split, Task

CCGBANK = "ccgbank"
"""LDC2005T13, as the Linguistic Data Consortium ships it; licensed, so there is no copy on the hub."""

UD_RELEASE = "ud-treebanks-v2.5"
"""The release of Universal Dependencies that XTREME took (LINDAT handle 11234/1-3105)."""

UPOS = (
    "ADJ", "ADP", "ADV", "AUX", "CCONJ", "DET", "INTJ", "NOUN", "NUM", "PART", "PRON", "PROPN", "PUNCT", "SCONJ",
    "SYM", "VERB", "X",
)  # fmt: skip
ENTITY_TAGS = ("O", "B-PER", "I-PER", "B-ORG", "I-ORG", "B-LOC", "I-LOC")


def ccg(categories: tuple[str, ...] = ()) -> Task:
    """CCG supertags; the inventory of categories comes with the licensed sentences."""
    return Task(
        name="ccg",
        title="CCG",
        role=Role.INTERMEDIATE,
        format=TaggingFormat(labels=categories, chunk_f1=False),
        metrics=("accuracy",),
        selection=("accuracy",),
        languages={Split.TRAIN: (ENGLISH,), Split.STOPPING: (ENGLISH,)},
        sources={CCGBANK: {Split.TRAIN: _ccg("train", categories), Split.STOPPING: _ccg("dev", categories)}},
        fine_tuning="ccg",
        max_length=256,
        num_train_rows=38_015,
        open_labels=OpenLabels(column="categories", task=ccg),
    )


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
        other_languages={Split.TRAIN: languages.UDPOS_WITH_TRAIN, Split.STOPPING: languages.UDPOS_WITH_DEV},
        sources={"google/xtreme": _udpos(_xtreme_treebanks, "validation"), "ud-2.5": _udpos(_ud_treebanks, "dev")},
        reasons={
            "ud-2.5": "the treebanks XTREME evaluates on; google/xtreme has foreign ones in de, el, fr, ru and zh, and "
            "splits multi-word tokens"
        },
        fine_tuning="udpos",
        family="pos",
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
        other_languages={Split.TRAIN: languages.XTREME, Split.STOPPING: languages.XTREME},
        sources={
            "google/xtreme": _panx("google/xtreme", "PAN-X."),
            "unimelb-nlp/wikiann": _panx("unimelb-nlp/wikiann", ""),
        },
        reasons={"unimelb-nlp/wikiann": "the same rows from the data set's own repository"},
        fine_tuning="panx",
        family="ner",
        max_length=256,
        num_train_rows=20_000,
    )


def _without_breaks(word: str) -> str:
    """A word of Universal Dependencies without inner spaces and zero-width non-joiners."""
    return word.replace(" ", "").replace("\u200c", "")


def _ccg(split: str, categories: tuple[str, ...]) -> Sources:
    parse = tagging_parser("categories", categories, str)
    columns = ("tokens", "categories")
    return lambda language: (Source(repository=CCGBANK, config=language, split=split, columns=columns, parse=parse),)


def _udpos(treebanks: Callable[[str], tuple[str, str]], dev: str) -> dict[Split, Sources]:
    """Files of all splits; `treebanks` names repository and configuration of a language, `dev` the dev split."""
    parse = tagging_parser("pos_tags", UPOS, _without_breaks)

    def sources(split: str) -> Sources:
        def files(language: str) -> tuple[Source, ...]:
            repository, config = treebanks(language)
            columns = ("tokens", "pos_tags")
            return (Source(repository=repository, config=config, split=split, columns=columns, parse=parse),)

        return files

    return {
        Split.TRAIN: sources("train"),
        Split.STOPPING: sources(dev),
        Split.DEV: sources(dev),
        Split.TEST: sources("test"),
    }


def _xtreme_treebanks(language: str) -> tuple[str, str]:
    return "google/xtreme", f"udpos.{UD_NAMES[language]}"


def _ud_treebanks(language: str) -> tuple[str, str]:
    return UD_RELEASE, language


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
