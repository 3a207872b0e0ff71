"""Mining of translations among the sentences of two corpora (protocol.md 5.4, BUCC)."""

from __future__ import annotations

from collections.abc import Generator, Sequence

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
from torch import Tensor

from trainables.evaluation.neighbours import Nearest, mutual_search
from trainables.ledger.spec import HiddenStates
from trainables.metrics.retrieval import (
    Candidates,
    Ints,
    Neighbours,
    best_threshold,
    drop_repeated,
    mine,
    representatives,
)
from trainables.phases.context import Context
from trainables.phases.embedder import Embed
from trainables.tasks.examples import CorpusExample
from trainables.tasks.formats.base import Encoded, Prediction
from trainables.tasks.formats.mining import corpus_examples
from trainables.tasks.languages import ENGLISH
from trainables.tasks.retrieval import OTHERS_PER_PAIR
from trainables.tasks.task import Split, Task

NUM_NEIGHBOURS = 4
CANDIDATES = "candidates"

SCHEMA = pa.schema(
    {
        "split": pa.string(),
        "language": pa.string(),
        "foreign": pa.string(),
        "english": pa.string(),
        "score": pa.float64(),
    }
)
"""Candidate pairs of every split and language, best first; `score` is the margin. With the gold pairs, which are the
references of the predictions, they give thresholds and scores again."""


class Mining:
    """Pairs mined from both corpora of a language; the threshold is tuned on DEV and used on DEV and TEST.

    Where other hidden states are searched by too, each has a threshold of its own, tuned on the same DEV rows; nothing
    else is kept of them.
    """

    def __init__(self, context: Context, measured: Task, embed: Embed) -> None:
        assert context.spec.retrieval
        self._context = context
        self._task = measured
        self._embed = embed
        self._layer = context.spec.retrieval.layer
        self._thresholds: dict[str, float] = {}
        self._mined: list[pa.Table] = []
        if limit := context.spec.data.eval_rows:
            context.notes.append(
                f"{measured.name}: capped at {limit} gold pairs and {OTHERS_PER_PAIR} other sentences a pair and side; "
                "among fewer sentences more is found"
            )
        if context.spec.retrieval.layers is HiddenStates.ALL:
            context.notes.append(
                f"{measured.name}: every hidden state is scored on dev alone, each with a threshold tuned on these rows"
            )

    def __call__(
        self, split: Split, language: str, encoded: Encoded, /
    ) -> Generator[None, None, dict[int, Sequence[Prediction]]]:
        """By hidden state, ids of the English sentences that each sentence is paired with; DEV before TEST.

        Yields now and then while it computes.
        """
        sentences = corpus_examples(encoded.examples)
        foreign = [place for place, sentence in enumerate(sentences) if sentence.language != ENGLISH]
        english = [place for place, sentence in enumerate(sentences) if sentence.language == ENGLISH]
        sides = [[sentences[place].text for place in places] for places in (foreign, english)]
        alone = [representatives(texts) for texts in sides]
        embedded = []
        for places, numbers in zip((foreign, english), alone, strict=True):
            embedded.append((yield from self._embed(_rows(encoded, np.array(places)[numbers]), split)))
        predictions: dict[int, Sequence[Prediction]] = {}
        for layer in embedded[0].layers:
            mined = yield from _candidates(embedded[0].at(layer), embedded[1].at(layer), alone, sides)
            pairs = [
                (foreign[left], english[right])
                for left, right in zip(mined.sources.tolist(), mined.targets.tolist(), strict=True)
            ]
            ids = [(sentences[left].id, sentences[right].id) for left, right in pairs]
            threshold = _tuned(sentences, ids, mined) if split is Split.DEV else self._thresholds[language]
            if layer == self._layer:
                self._thresholds[language] = threshold
                self._keep(split, language, ids, mined)
            kept = [pair for pair, score in zip(pairs, mined.scores.tolist(), strict=True) if score >= threshold]
            predictions[layer] = self._decoded(encoded, kept)
        return predictions

    def can_search(self, split: Split, language: str) -> bool:
        """Whether there is a threshold or one can be tuned; says in the notes if not."""
        if split is Split.DEV or language in self._thresholds:
            return True
        self._context.notes.append(
            f"{self._task.name} {split} {language}: left out, there are no dev rows to tune the threshold on"
        )
        return False

    def publish(self) -> None:
        """Write `candidates/<task>.parquet` into the run's folder of the store, and the thresholds into the notes."""
        tuned = ", ".join(f"{language} {threshold!r}" for language, threshold in self._thresholds.items())
        self._context.notes.append(f"{self._task.name}: thresholds tuned on dev: {tuned or 'none'}")
        made = self._context.work / f"{CANDIDATES}-{self._task.name}.parquet"
        pq.write_table(pa.concat_tables([SCHEMA.empty_table(), *self._mined]), made, compression="zstd")
        self._context.publish(f"{CANDIDATES}/{self._task.name}.parquet", made)

    def _decoded(self, encoded: Encoded, pairs: Sequence[tuple[int, int]]) -> list[Prediction]:
        """The pairs as predictions of all sentences."""
        outputs = [np.zeros(0, np.int64)] * encoded.num_rows
        for left, right in pairs:
            outputs[left] = np.array([right])
        return self._task.format.decode(encoded, outputs)

    def _keep(self, split: Split, language: str, pairs: Sequence[tuple[str, str]], mined: Candidates) -> None:
        columns = {
            "split": [str(split)] * len(pairs),
            "language": [language] * len(pairs),
            "foreign": [left for left, _ in pairs],
            "english": [right for _, right in pairs],
            "score": mined.scores,
        }
        self._mined.append(pa.table(columns, schema=SCHEMA))


def _candidates(
    foreign_NH: Tensor, english_MH: Tensor, alone: Sequence[Ints], sides: Sequence[Sequence[str]]
) -> Generator[None, None, Candidates]:
    """Pairs of positions in the two `sides`, best first, of sentences that occur once in their file.

    The embeddings are those of the sentences `alone` of each side.
    """
    forward, backward = yield from mutual_search(foreign_NH, english_MH, NUM_NEIGHBOURS)
    mined = mine(_as_arrays(forward), _as_arrays(backward))
    return drop_repeated(
        Candidates(sources=alone[0][mined.sources], targets=alone[1][mined.targets], scores=mined.scores), *sides
    )


def _tuned(sentences: Sequence[CorpusExample], pairs: Sequence[tuple[str, str]], mined: Candidates) -> float:
    gold = {(sentence.id, name) for sentence in sentences for name in sentence.translations}
    return best_threshold(pairs, mined.scores.tolist(), gold)


def _rows(encoded: Encoded, places: np.ndarray) -> Encoded:
    """Some of the sentences."""
    sequences = encoded.sequences.take(places)
    return Encoded(examples=[], sequences=sequences, owners=np.arange(len(places), dtype=np.int32))


def _as_arrays(found: Nearest) -> Neighbours:
    return Neighbours(indices=found.indices.numpy(), similarities=found.similarities.numpy())
