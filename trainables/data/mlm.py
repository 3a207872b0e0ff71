"""Sentences for multilingual masked language modelling (protocol.md 3.9)."""

from __future__ import annotations

import random
from collections.abc import Iterator, Mapping, Sequence

import pyarrow as pa

from trainables.data.loading import Loaded, parsed
from trainables.data.sentence_splitter import sentences
from trainables.data.source import DataError, DataSource, MissingDataError
from trainables.ledger.record import DataUse
from trainables.ledger.spec import MlmSettings
from trainables.tasks.examples import TextExample
from trainables.tasks.language_modeling import STAND_IN, WIKIPEDIA
from trainables.tasks.registry import task
from trainables.tasks.task import Source, Split

SEED = 20201001
ARTICLES_AT_ONCE = 20_000
"""Articles read before a language's sentences are counted; a larger Wikipedia is counted by extrapolation."""


def load_mlm(settings: MlmSettings, data: DataSource, *, limit: int = 0) -> Loaded:
    """Sentences of all languages of the settings, shared out by `alpha`; the same ones every time.

    There are `settings.sentences` of them, `limit` if that is less and not 0, and no more than there are. Raises
    MissingDataError when a language has neither Wikipedia nor the stand-in.
    """
    corpora = {language: _Corpus(language, data) for language in settings.languages}
    total = min(settings.sentences, limit) if limit else settings.sentences
    counts = {language: corpus.estimated_count for language, corpus in corpora.items()}
    shares = language_shares(counts, total, settings.alpha)
    chosen = {language: corpus.take(shares[language]) for language, corpus in corpora.items()}
    stand_ins = [language for language, corpus in corpora.items() if corpus.source.repository == STAND_IN]
    notes = []
    if stand_ins:
        notes.append(
            "MLM text is a stand-in: no Wikipedia is at hand, words of PAN-X training sentences were used for "
            + ", ".join(stand_ins)
        )
    return Loaded(
        examples=[example for examples in chosen.values() for example in examples],
        uses=tuple(
            DataUse(
                repository=corpus.source.repository,
                config=corpus.source.config,
                split=corpus.source.split,
                rows=len(chosen[language]),
            )
            for language, corpus in corpora.items()
        ),
        notes=tuple(notes),
    )


def mlm_sources(language: str, data: DataSource) -> tuple[Source, ...]:
    """The files that hold a language's text: Wikipedia, or else the stand-in; raises MissingDataError for neither."""
    for repository in (WIKIPEDIA, STAND_IN):
        found = task("mlm").files(Split.TRAIN, language, repository)
        if all(data.has(source) for source in found):
            return found
    wanted = task("mlm").files(Split.TRAIN, language, WIKIPEDIA)[0]
    raise MissingDataError(f"no text for MLM in {language}: {data.location(wanted)} does not exist, and no stand-in")


def missing_mlm(languages: Sequence[str], data: DataSource) -> list[str]:
    """The languages with neither Wikipedia nor the stand-in; looks only at which files exist."""
    return [language for language in languages if not _has_text(language, data)]


def language_shares(counts: Mapping[str, int], total: int, alpha: float) -> dict[str, int]:
    """Sentences to take of each language: `total` shared in proportion to count ** alpha, at most its count each.

    What a small language cannot give is shared out over the others in the same proportion. The shares are whole
    numbers (largest remainders) and sum to `total`, or to all sentences if those are fewer.
    """
    weights = {language: float(count) ** alpha for language, count in counts.items() if count}
    exact: dict[str, float] = dict.fromkeys(counts, 0.0)
    left, open_languages = float(min(total, sum(counts.values()))), set(weights)
    while open_languages:
        whole = sum(weights[language] for language in open_languages)
        offered = {language: left * weights[language] / whole for language in sorted(open_languages)}
        full = {language for language, share in offered.items() if share >= counts[language]}
        if not full:
            exact.update(offered)
            break
        exact.update({language: float(counts[language]) for language in full})
        left = max(0.0, left - sum(counts[language] for language in full))
        open_languages -= full
    return _whole_numbers(exact, counts, min(total, sum(counts.values())))


def _whole_numbers(exact: Mapping[str, float], counts: Mapping[str, int], total: int) -> dict[str, int]:
    shares = {language: min(int(share), counts[language]) for language, share in exact.items()}
    by_remainder = sorted(exact, key=lambda language: (shares[language] - exact[language], language))
    while (rest := total - sum(shares.values())) > 0:
        able = [language for language in by_remainder if shares[language] < counts[language]]
        for language in able[:rest]:
            shares[language] += 1
    return shares


def _has_text(language: str, data: DataSource) -> bool:
    try:
        return bool(mlm_sources(language, data))
    except MissingDataError:
        return False


class _Corpus:
    """Text of one language; articles are read in a fixed random order, no more of them than are needed."""

    def __init__(self, language: str, data: DataSource) -> None:
        self.language = language
        [self.source] = mlm_sources(language, data)
        self._location = data.location(self.source)
        self._table: pa.Table = data.table(self.source)
        self._order = list(range(self._table.num_rows))
        random.Random(f"{SEED} {language}").shuffle(self._order)
        self._read = 0
        self._sentences: list[TextExample] = []
        self._read_more()
        if not self._sentences:
            raise DataError(f"{self._location} holds no sentence")

    @property
    def estimated_count(self) -> int:
        """Sentences of the language: counted when all articles were read, else extrapolated from those that were."""
        return len(self._sentences) * len(self._order) // self._read

    def take(self, number: int) -> list[TextExample]:
        """That many sentences, drawn at random but always the same."""
        while len(self._sentences) < number and self._read < len(self._order):
            self._read_more()
        drawn = random.Random(f"{SEED} {self.language} {number}")
        places = sorted(drawn.sample(range(len(self._sentences)), min(number, len(self._sentences))))
        return [self._sentences[place] for place in places]

    def _read_more(self) -> None:
        numbers = self._order[self._read : self._read + ARTICLES_AT_ONCE]
        self._read += len(numbers)
        for found in parsed(self.source, self._table.take(numbers), self._location, numbers):
            if isinstance(found, TextExample):
                self._sentences.extend(self._cut(found))

    def _cut(self, article: TextExample) -> Iterator[TextExample]:
        if self.source.repository == STAND_IN:
            yield article
            return
        for number, text in enumerate(sentences(article.text, self.language)):
            yield TextExample(id=f"{article.id}.{number}", text=text, language=self.language)
