"""Sentence retrieval without training: Tatoeba (protocol.md 4.7)."""

from __future__ import annotations

from trainables.tasks import languages
from trainables.tasks.examples import BitextExample
from trainables.tasks.formats.sentence import SentenceFormat
from trainables.tasks.labels import Row
from trainables.tasks.languages import ISO_639_3
from trainables.tasks.task import Role, Source, Split, Task


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
    return BitextExample(id=row_id, foreign=row["source_sentence"].strip(), english=row["target_sentence"].strip())
