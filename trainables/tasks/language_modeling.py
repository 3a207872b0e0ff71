"""Multilingual masked language modelling on Wikipedia (protocol.md 3.9)."""

from __future__ import annotations

from collections.abc import Callable

from trainables.tasks import languages
from trainables.tasks.examples import TextExample
from trainables.tasks.formats.sentence import MlmFormat
from trainables.tasks.rows import Row, text, texts
from trainables.tasks.task import Role, Source, Split, Task

WIKIPEDIA = "wikimedia/wikipedia"
WIKIPEDIA_DUMP = "20231101"
STAND_IN = "google/xtreme"


def mlm() -> Task:
    """Masked language modelling in the 40 languages of XTREME.

    The rows of `wikimedia/wikipedia` are articles; the data layer cuts them into sentences. `google/xtreme` is a
    stand-in for folders without Wikipedia: the words of PAN-X are Wikipedia text, and no task evaluates its training
    split.
    """
    return Task(
        name="mlm",
        title="MLM",
        role=Role.MLM,
        format=MlmFormat(),
        metrics=(),
        selection=(),
        languages={Split.TRAIN: languages.XTREME},
        sources={WIKIPEDIA: {Split.TRAIN: _wikipedia}, STAND_IN: {Split.TRAIN: _panx_words}},
        reasons={STAND_IN: "stand-in where Wikipedia is not at hand: the words of PAN-X training sentences"},
        fine_tuning="mlm",
        max_length=256,
        num_train_rows=2_000_000,
    )


def _wikipedia(language: str) -> tuple[Source, ...]:
    def parse(row: Row, row_id: str) -> TextExample:
        return TextExample(id=row_id, text=text(row, "text"), language=language)

    return (
        Source(
            repository=WIKIPEDIA, config=f"{WIKIPEDIA_DUMP}.{language}", split="train", columns=("text",), parse=parse
        ),
    )


def _panx_words(language: str) -> tuple[Source, ...]:
    parse = _joined(language, "" if language in languages.WITHOUT_SPACES else " ")
    config = f"PAN-X.{language}"
    return (Source(repository=STAND_IN, config=config, split="train", columns=("tokens",), parse=parse),)


def _joined(language: str, gap: str) -> Callable[[Row, str], TextExample | None]:
    def parse(row: Row, row_id: str) -> TextExample | None:
        sentence = gap.join(texts(row, "tokens")).strip()
        return TextExample(id=row_id, text=sentence, language=language) if sentence else None

    return parse
