"""Metrics and neighbours against other libraries on random input; skipped where a library is not installed."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
import torch

from trainables.evaluation.neighbours import mutual_nearest, nearest
from trainables.metrics.accuracy import accuracy, f1_of_class
from trainables.metrics.retrieval import pair_f1
from trainables.metrics.span_qa import mlqa_scores, squad_scores
from trainables.metrics.tagging_f1 import chunk_f1, chunks, word_accuracy

CASES = 1000
ENTITY_TAGS = ("O", "B-PER", "I-PER", "B-LOC", "I-LOC")


def draws():
    for seed in range(CASES):
        yield random.Random(seed)


def test_accuracy_and_f1_equal_scikit_learns():
    metrics = pytest.importorskip("sklearn.metrics")
    for draw in draws():
        labels = ["a", "b", "c"][: draw.randint(2, 3)]
        size = draw.randint(1, 30)
        gold, found = ([draw.choice(labels) for _ in range(size)] for _ in range(2))
        assert accuracy(gold, found) == pytest.approx(100 * metrics.accuracy_score(gold, found))
        f1 = metrics.f1_score(gold, found, labels=["a"], average="micro", zero_division=0.0)
        assert f1_of_class(gold, found, "a") == pytest.approx(100 * f1)


def test_f1_of_pairs_equals_scikit_learns_over_all_possible_pairs():
    metrics = pytest.importorskip("sklearn.metrics")
    for draw in draws():
        possible = [(f"x{a}", f"y{b}") for a in range(4) for b in range(4)]
        gold = draw.sample(possible, draw.randint(1, 10))
        found = draw.sample(possible, draw.randint(0, 10))
        named = [[pair in part for pair in possible] for part in (gold, found)]
        assert pair_f1(gold, found) == pytest.approx(100 * metrics.f1_score(*named, zero_division=0.0))


def test_chunk_f1_of_iob2_tags_equals_seqevals():
    metrics = pytest.importorskip("seqeval.metrics")
    for draw in draws():
        lengths = [draw.randint(1, 12) for _ in range(draw.randint(1, 5))]
        gold, found = ([[draw.choice(ENTITY_TAGS) for _ in range(size)] for size in lengths] for _ in range(2))
        assert chunk_f1(gold, found) == pytest.approx(100 * metrics.f1_score(gold, found, zero_division=0))
        assert word_accuracy(gold, found) == pytest.approx(100 * metrics.accuracy_score(gold, found))


def test_chunks_of_iob2_tags_equal_seqevals():
    labeling = pytest.importorskip("seqeval.metrics.sequence_labeling")
    for draw in draws():
        tags = [draw.choice(ENTITY_TAGS) for _ in range(draw.randint(1, 15))]
        assert chunks(tags) == labeling.get_entities(tags)


def plain_chunks(tags):
    """Chunks of tags without prefix as seqeval 0.0.12 sees them: runs of a tag, but every word of a tag in S alone."""
    found, place = [], 0
    for tag, run in itertools.groupby(tags):
        size = len(list(run))
        alone = tag.startswith("S")
        found += [(tag, place + n, place + n) for n in range(size)] if alone else [(tag, place, place + size - 1)]
        place += size
    return found


def test_chunk_f1_of_part_of_speech_tags_equals_counting_runs():
    tags = ("NOUN", "VERB", "SCONJ", "SYM", "CCONJ", "X", "INTJ")
    for draw in draws():
        lengths = [draw.randint(1, 12) for _ in range(draw.randint(1, 5))]
        gold, found = ([draw.choices(tags, k=size) for size in lengths] for _ in range(2))
        pairs = [(set(plain_chunks(a)), set(plain_chunks(b))) for a, b in zip(gold, found, strict=True)]
        right = sum(len(a & b) for a, b in pairs)
        whole = sum(len(a) + len(b) for a, b in pairs)
        assert chunk_f1(gold, found) == pytest.approx(200 * right / whole)


def plain_tokens(text):
    """SQuAD's rules for ASCII text, word by word: after punctuation is gone, articles are whole words."""
    kept = "".join(character for character in text.lower() if character.isalnum() or character == " ")
    return [word for word in kept.split() if word not in ("a", "an", "the")]


def plain_f1(gold, found):
    left, common = list(gold), 0
    for token in found:
        if token in left:
            left.remove(token)
            common += 1
    if not common:
        return 0.0
    precision, recall = common / len(found), common / len(gold)
    return 2 * precision * recall / (precision + recall)


def test_answers_score_as_by_the_rules_word_by_word():
    pieces = ["a", "The", "an", "red", "Red", "car", "1998", "can't", "co-op", ".", ",", " ", "  ", "(x)", "theatre"]
    for draw in draws():
        answers = [tuple(" ".join(draw.choices(pieces, k=draw.randint(0, 5))) for _ in range(draw.randint(1, 3)))
                   for _ in range(draw.randint(1, 4))]  # fmt: skip
        found = [" ".join(draw.choices(pieces, k=draw.randint(0, 5))) for _ in answers]
        tokens = [
            ([plain_tokens(text) for text in of], plain_tokens(given)) for of, given in zip(answers, found, strict=True)
        ]
        best = [max(plain_f1(gold, given) for gold in of) for of, given in tokens]
        exact = [given in of for of, given in tokens]
        expected = {"f1": 100 * np.mean(best), "exact_match": 100 * np.mean(exact)}
        assert squad_scores(answers, found) == pytest.approx(expected)
        assert mlqa_scores(answers, found, "en") == pytest.approx(expected)


def unit_rows(generator, count, size):
    rows = generator.normal(size=(count, size)).astype(np.float32)
    return rows / np.linalg.norm(rows, axis=1, keepdims=True)


def search(faiss, queries, database, k):
    index = faiss.IndexFlatIP(queries.shape[1])
    index.add(database)
    return index.search(queries, k)


@pytest.mark.parametrize(
    ("num_left", "num_right", "block"), [(1, 1, 4096), (7, 300, 64), (500, 333, 100), (64, 64, 64)]
)
def test_neighbours_equal_those_of_faiss(num_left, num_right, block):
    faiss = pytest.importorskip("faiss")
    faiss.omp_set_num_threads(1)
    generator = np.random.default_rng(num_left)
    left, right = unit_rows(generator, num_left, 16), unit_rows(generator, num_right, 16)
    tensors = torch.from_numpy(left), torch.from_numpy(right)
    forward, backward = mutual_nearest(*tensors, 4, block)
    for found, queries, database in ((forward, left, right), (backward, right, left)):
        similarities, indices = search(faiss, queries, database, min(4, len(database)))
        assert found.indices.numpy().tolist() == indices.tolist()
        assert found.similarities.numpy() == pytest.approx(similarities, abs=1e-6)
    single = nearest(*tensors, 1, block)
    assert single.indices[:, 0].tolist() == forward.indices[:, 0].tolist()


def test_neighbours_of_random_sizes_equal_those_of_faiss():
    faiss = pytest.importorskip("faiss")
    faiss.omp_set_num_threads(1)
    for draw in draws():
        generator = np.random.default_rng(draw.randint(0, 2**32))
        left, right = (unit_rows(generator, draw.randint(1, 40), 8) for _ in range(2))
        k = draw.randint(1, 6)
        tensors = torch.from_numpy(left), torch.from_numpy(right)
        forward, backward = mutual_nearest(*tensors, k, draw.randint(1, 16))
        for found, queries, database in ((forward, left, right), (backward, right, left)):
            _, indices = search(faiss, queries, database, min(k, len(database)))
            assert found.indices.numpy().tolist() == indices.tolist()
