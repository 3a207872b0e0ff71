"""Sentence retrieval without training: BUCC 2018 (protocol.md 4.6) and Tatoeba (4.7)."""

from __future__ import annotations

from collections.abc import Sequence

from trainables.tasks import languages
from trainables.tasks.examples import BitextExample, CorpusExample, Example
from trainables.tasks.formats.mining import MiningFormat, corpus_examples
from trainables.tasks.formats.sentence import SentenceFormat
from trainables.tasks.languages import ENGLISH, ISO_639_3
from trainables.tasks.rows import Row, text, texts
from trainables.tasks.sampling import spread
from trainables.tasks.task import Role, Source, Sources, Split, Task

BUCC_RELEASE = "bucc2018"
"""The official files; the hub has gold pairs without the sentences among which they are to be found."""

OTHERS_PER_PAIR = 9
"""Sentences without a translation that are kept on each side for every gold pair, where rows are capped."""


def bucc() -> Task:
    """BUCC 2018 in 4 languages against English; the sample release is DEV, the training release TEST."""
    return Task(
        name="bucc",
        title="BUCC",
        role=Role.TARGET,
        format=MiningFormat(),
        metrics=("f1",),
        selection=("f1",),
        languages={Split.DEV: languages.BUCC, Split.TEST: languages.BUCC},
        sources={BUCC_RELEASE: {Split.DEV: _bucc("sample"), Split.TEST: _bucc("training")}},
        fine_tuning="bucc",
        max_length=512,
        cap=pairs_among_others,
    )


def tatoeba() -> Task:
    """Tatoeba in 36 languages against English; one set, which chooses the intermediate task and is reported."""
    return Task(
        name="tatoeba",
        title="Tatoeba",
        role=Role.TARGET,
        format=SentenceFormat(),
        metrics=("accuracy",),
        selection=("accuracy",),
        languages={Split.TEST: languages.TATOEBA},
        sources={"google/xtreme": {Split.TEST: _tatoeba}},
        fine_tuning="tatoeba",
        max_length=512,
    )


def pairs_among_others(examples: Sequence[Example], limit: int) -> list[int]:
    """Positions of `limit` foreign sentences with their translations, and of nine other sentences a pair and side.

    Whole pairs are kept, or there would be nothing to find; the others are bounded, since they cost the time, and hold
    no sentence of the pairs that are left out.
    """
    sentences = corpus_examples(examples)
    translated = [place for place, sentence in enumerate(sentences) if sentence.translations]
    in_pairs = {english for place in translated for english in sentences[place].translations}
    kept = {translated[number] for number in spread(len(translated), limit)}
    wanted = {english for place in kept for english in sentences[place].translations}
    others: dict[bool, list[int]] = {True: [], False: []}
    for place, sentence in enumerate(sentences):
        if sentence.id in wanted:
            kept.add(place)
        elif not sentence.translations and sentence.id not in in_pairs:
            others[sentence.language == ENGLISH].append(place)
    for places in others.values():
        kept.update(places[number] for number in spread(len(places), limit * OTHERS_PER_PAIR))
    return sorted(kept)


def _bucc(split: str) -> Sources:
    columns = ("id", "language", "sentence", "translations")
    return lambda language: (
        Source(repository=BUCC_RELEASE, config=f"{language}-en", split=split, columns=columns, parse=_parse_bucc),
    )


def _parse_bucc(row: Row, row_id: str) -> CorpusExample:
    return CorpusExample(
        id=text(row, "id"),
        text=text(row, "sentence"),
        language=text(row, "language"),
        translations=texts(row, "translations"),
    )


def _tatoeba(language: str) -> tuple[Source, ...]:
    return (
        Source(
            repository="google/xtreme",
            config=f"tatoeba.{ISO_639_3[language]}",
            split="validation",
            columns=("source_sentence", "target_sentence"),
            parse=_parse_tatoeba,
        ),
    )


def _parse_tatoeba(row: Row, row_id: str) -> BitextExample:
    """Both sentences end in a line break on the hub."""
    foreign, english = text(row, "source_sentence"), text(row, "target_sentence")
    return BitextExample(id=row_id, foreign=foreign.strip(), english=english.strip())
