"""The suite that every task must pass: what a task declares must be what its rows give."""

from __future__ import annotations

import random

import numpy as np
import pytest

from tests.made.texts import tokenizer
from trainables.data.hub import load
from trainables.data.labels import with_labels
from trainables.tasks import languages
from trainables.tasks.formats.base import Head
from trainables.tasks.formats.mining import MiningFormat
from trainables.tasks.registry import task
from trainables.tasks.task import Role, Split

ROWS = 40
PUBLISHED_LANGUAGES = {
    "xnli": 15, "pawsx": 7, "udpos": 33, "panx": 40, "xquad": 11, "mlqa": 7, "tydiqa": 9, "bucc": 4, "tatoeba": 36,
}  # fmt: skip


def of_corpus(name, data):
    """The task, with the labels of the corpus where it has none of its own and the corpus has the task."""
    known = task(name)
    return with_labels(known, data) if any(True for _ in readable(known, data)) else known


def readable(known, data):
    """Split and language pairs whose files are at hand; one language of TRAIN and STOPPING, some of the others."""
    for split, codes in known.languages.items():
        held = [code for code in codes if all(data.has(source) for source in known.files(split, code))]
        yield from ((split, code) for code in held)


def rows_of(known, data):
    """A few rows of each split in at most four languages."""
    found = list(readable(known, data))
    for split in known.languages:
        for code in [code for of_split, code in found if of_split is split][:4]:
            yield split, code, load(known, split, code, data, limit=ROWS)


def gold_outputs(known, encoded):
    """Model outputs that agree with the gold labels."""
    head = known.format.head
    if head in (Head.CLASSIFICATION, Head.CHOICE):
        return [np.eye(len(known.format.labels), dtype=np.float32)[label] for label in encoded.labels]
    if head is Head.TAGGING:
        return encoded.tags
    if isinstance(known.format, MiningFormat):
        places = {example.id: place for place, example in enumerate(encoded.examples)}
        return [np.array([places[name] for name in example.translations]) for example in encoded.examples]
    if head is Head.EMBEDDING:
        return [np.array(number) for number in range(len(encoded.examples))]
    outputs = []
    for sequence, (start, end) in zip(encoded.sequences, encoded.spans, strict=True):
        logits = np.zeros((2, len(sequence)), dtype=np.float32)
        logits[:, 0] = 1.0
        if start:
            logits[0, start] = logits[1, end] = 9.0
        outputs.append(logits)
    return outputs


class Conformance:
    """What every task must hold on every corpus; a test module derives from it and names tasks and corpora."""

    def test_splits_load_and_encode_within_the_declared_length(self, name, corpus):
        known = of_corpus(name, corpus)
        seen = set()
        for split, code, loaded in rows_of(known, corpus):
            seen.add(split)
            assert loaded.examples, (split, code)
            assert sum(use.rows for use in loaded.uses) == len(loaded.examples)
            assert len({example.id for example in loaded.examples}) == len(loaded.examples)
            for training in (True, False):
                encoded = known.format.encode(loaded.examples, tokenizer(), known.max_length, training=training)
                assert len(encoded.sequences) == encoded.num_rows * encoded.group
                assert max(map(len, encoded.sequences)) <= known.max_length
                assert all(sequence.dtype == np.int32 and sequence[0] == 0 for sequence in encoded.sequences)
                if not training:
                    assert set(encoded.owners.tolist()) == set(range(len(loaded.examples)))
        # No open data has CCG categories.
        assert Split.TRAIN in seen or not known.trains or (name == "ccg" and corpus.kind == "mirror")

    def test_short_inputs_are_possible_too(self, name, corpus):
        known = of_corpus(name, corpus)
        for _, _, loaded in rows_of(known, corpus):
            encoded = known.format.encode(loaded.examples, tokenizer(), 24, training=False)
            assert max(map(len, encoded.sequences)) <= 24

    def test_perfect_predictions_score_100_and_shuffled_ones_do_not(self, name, corpus):
        known = of_corpus(name, corpus)
        for split, code, loaded in rows_of(known, corpus):
            references = known.format.references(loaded.examples)
            perfect = [answers[0] if isinstance(answers, tuple) else answers for answers in references]
            scores = known.format.score(references, perfect, code)
            assert set(scores) >= {*known.metrics, *known.selection}
            # A sample without a single positive or a single chunk has no F1.
            assert all(value == pytest.approx(100.0) for value in scores.values() if value), (split, code)
            if len(loaded.examples) < 10:
                continue
            wrong = self._shuffled(perfect)
            assert min(known.format.score(references, wrong, code).values()) < 100.0

    def test_gold_outputs_decode_to_the_references(self, name, corpus):
        known = of_corpus(name, corpus)
        for split, code, loaded in rows_of(known, corpus):
            encoded = known.format.encode(loaded.examples, tokenizer(), known.max_length, training=True)
            predictions = known.format.decode(encoded, gold_outputs(known, encoded))
            kept = sorted(set(encoded.owners.tolist()))
            references = [known.format.references(loaded.examples)[number] for number in kept]
            scores = known.format.score(references, [predictions[number] for number in kept], code)
            # Gold spans can end inside a sub-word and can be longer than the longest answer that is looked for.
            lowest = 85.0 if known.format.head is Head.SPAN else 100.0
            assert all(value >= lowest for value in scores.values() if value), (split, code, scores)

    def test_declaration_is_consistent(self, name, corpus):
        known = task(name)
        assert known.title
        assert known.metrics
        for preference, splits in known.sources.items():
            assert set(splits) >= set(known.languages), preference
        assert set(known.reasons) == set(list(known.sources)[1:])
        if known.trains:
            assert known.languages[Split.TRAIN] == known.languages[Split.STOPPING] == ("en",)
            assert known.num_train_rows > 0
        if known.role is Role.TARGET:
            assert len(known.languages[Split.TEST]) == PUBLISHED_LANGUAGES[name]
            assert set(known.languages.get(Split.DEV, ())) <= set(known.languages[Split.TEST])
        assert set(known.languages.get(Split.TEST, ())) <= set(languages.XTREME)

    def _shuffled(self, predictions):
        wrong = list(predictions)
        for seed in range(20):
            random.Random(seed).shuffle(wrong)
            if wrong != predictions:
                break
        if predictions and all(isinstance(tags, list) and tags for tags in predictions):
            # Sentences differ in length, so tags are shuffled inside each of them.
            return [random.Random(number).sample(tags, len(tags)) for number, tags in enumerate(predictions)]
        return wrong
