"""Metrics: values of protocol.md section 10, values worked out by hand, and properties."""

from __future__ import annotations

import itertools
import random

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from trainables.metrics.accuracy import accuracy, f1_of_class
from trainables.metrics.retrieval import (
    Candidates,
    Neighbours,
    best_threshold,
    drop_repeated,
    mine,
    pair_f1,
    representatives,
)
from trainables.metrics.span_qa import mlqa_normalise, mlqa_scores, squad_normalise, squad_scores
from trainables.metrics.tagging_f1 import chunk_counts, chunk_f1, chunks, word_accuracy

LABELS = st.sampled_from(["yes", "no", "maybe"])
UPOS = st.sampled_from(["NOUN", "VERB", "SCONJ", "CCONJ", "SYM", "X", "INTJ"])
IOB2 = st.sampled_from(["O", "B-PER", "I-PER", "B-LOC", "I-LOC"])
WORDS = st.text("abc ,.“ของΩ中", min_size=0, max_size=12)


def shuffled(number, *columns):
    order = list(range(len(columns[0])))
    random.Random(number).shuffle(order)
    return [[column[place] for place in order] for column in columns]


class TestAccuracy:
    def test_counts_equal_labels(self):
        assert accuracy(["a", "b", "a", "b"], ["a", "b", "b", "b"]) == 75.0

    def test_f1_of_a_class_by_hand(self):
        # Two of three named are right, two of two are found: precision 2/3, recall 1.
        assert f1_of_class(["p", "p", "n", "n"], ["p", "p", "p", "n"], "p") == pytest.approx(80.0)

    def test_f1_is_zero_when_the_class_is_neither_there_nor_named(self):
        assert f1_of_class(["n"], ["n"], "p") == 0.0

    @pytest.mark.parametrize(("references", "predictions"), [([], []), (["a"], []), (["a"], ["a", "b"])])
    def test_rejects_no_rows_and_unequal_lengths(self, references, predictions):
        with pytest.raises(ValueError, match=r"row|predictions"):
            accuracy(references, predictions)

    @given(st.lists(st.tuples(LABELS, LABELS), min_size=1), st.integers())
    def test_order_of_rows_does_not_matter(self, rows, number):
        references, predictions = map(list, zip(*rows, strict=True))
        mixed = shuffled(number, references, predictions)
        assert accuracy(references, predictions) == accuracy(*mixed)
        assert f1_of_class(references, predictions, "yes") == f1_of_class(*mixed, "yes")

    @given(st.lists(LABELS, min_size=1))
    def test_perfect_is_100(self, labels):
        assert accuracy(labels, labels) == 100.0
        assert f1_of_class([*labels, "yes"], [*labels, "yes"], "yes") == 100.0


class TestChunks:
    def test_golden_part_of_speech_chunks(self):
        tags = ["NOUN", "NOUN", "SCONJ", "SCONJ", "SYM", "SYM", "X", "X", "INTJ", "INTJ", "CCONJ", "SCONJ", "CCONJ"]
        assert chunks(tags) == [
            ("NOUN", 0, 1), ("SCONJ", 2, 2), ("SCONJ", 3, 3), ("SYM", 4, 4), ("SYM", 5, 5), ("X", 6, 7),
            ("INTJ", 8, 9), ("CCONJ", 10, 10), ("SCONJ", 11, 11), ("CCONJ", 12, 12),
        ]  # fmt: skip

    def test_golden_confusion_of_conjunctions_counts_as_wrong(self):
        assert chunk_f1([["CCONJ", "NOUN"]] * 10, [["SCONJ", "NOUN"]] * 10) == 50.0

    @pytest.mark.parametrize(
        ("tags", "expected"),
        [
            ("B-PER I-PER O B-PER", [("PER", 0, 1), ("PER", 3, 3)]),
            ("B-PER B-PER", [("PER", 0, 0), ("PER", 1, 1)]),
            ("O I-PER I-PER", [("PER", 1, 2)]),
            ("B-PER I-LOC I-LOC", [("PER", 0, 0), ("LOC", 1, 2)]),
            ("O O", []),
        ],
    )
    def test_lenient_iob2(self, tags, expected):
        assert chunks(tags.split()) == expected

    def test_chunks_do_not_cross_sentences(self):
        together, apart = [["NOUN", "NOUN"]], [["NOUN"], ["NOUN"]]
        assert chunk_f1(together, [["NOUN", "VERB"]]) == 0.0
        assert chunk_f1(apart, [["NOUN"], ["VERB"]]) == 50.0

    @given(st.lists(st.lists(UPOS, min_size=1), min_size=1), st.integers())
    def test_perfect_is_100_in_any_order(self, sentences, number):
        [mixed] = shuffled(number, sentences)
        assert chunk_f1(mixed, mixed) == word_accuracy(mixed, mixed) == 100.0

    @given(st.lists(st.one_of(UPOS, IOB2)))
    def test_a_chunk_is_a_range_of_words_and_chunks_do_not_overlap(self, tags):
        ranges = [range(first, last + 1) for _, first, last in chunks(tags)]
        covered = [word for words in ranges for word in words]
        assert covered == sorted(set(covered))
        assert covered == [word for word, tag in enumerate(tags) if tag != "O"]

    @given(st.lists(UPOS))
    def test_part_of_speech_chunks_are_runs_of_equal_tags_but_for_s(self, tags):
        found = chunks(tags)
        for kind, first, last in found:
            assert set(tags[first : last + 1]) == {kind}
            assert first == last or not kind.startswith("S")
        for (kind, _, last), (next_kind, first, _) in itertools.pairwise(found):
            assert last + 1 == first
            assert kind != next_kind or kind.startswith("S")

    def test_rejects_sentences_with_missing_tags(self):
        with pytest.raises(ValueError, match="sentence 1: 1 predicted tags for 2 words"):
            chunk_f1([["X"], ["X", "X"]], [["X"], ["X"]])


class TestChunksOfManySentences:
    @staticmethod
    def counts(references, predictions):
        tags = sorted({tag for sentence in (*references, *predictions) for tag in sentence})
        flat = [
            [tags.index(tag) for tags_of in sentences for tag in tags_of] for sentences in (references, predictions)
        ]
        bounds = np.cumsum([0, *map(len, references)])
        return chunk_counts(tags, np.array(flat[0], dtype=np.int64), np.array(flat[1], dtype=np.int64), bounds).tolist()

    def test_by_hand(self):
        gold = [["B-PER", "I-PER", "O", "B-LOC"], [], ["I-LOC"], ["NOUN", "NOUN", "SCONJ", "SCONJ"]]
        found = [["B-PER", "I-PER", "O", "I-PER"], [], ["O"], ["NOUN", "VERB", "SCONJ", "SCONJ"]]
        assert self.counts(gold, found) == [[1, 2, 2], [0, 0, 0], [0, 1, 0], [2, 3, 4]]

    def test_no_sentence(self):
        assert self.counts([], []) == []

    @given(
        st.lists(
            st.lists(
                st.tuples(*[st.one_of(UPOS, IOB2, st.sampled_from(["S-PER", "E-LOC", "I-A-B", ".", "-", "ORG"]))] * 2)
            )
        )
    )
    def test_is_the_rule_for_one_sentence(self, sentences):
        gold, found = ([[word[side] for word in words] for words in sentences] for side in (0, 1))
        expected = []
        for reference, prediction in zip(gold, found, strict=True):
            right, given = set(chunks(reference)), set(chunks(prediction))
            expected.append([len(right & given), len(right), len(given)])
        assert self.counts(gold, found) == expected


class TestSpanQa:
    @pytest.mark.parametrize(
        ("language", "text", "expected"),
        [
            ("en", "The  Beatles!", "beatles"),
            ("es", "la casa", "casa"),
            ("zh", "中国a b", "中 国 a b"),
            ("zh", "中国,$5 “x”", "中 国 5 x"),
            ("ar", "في الكتاب خالد", "في كتاب خ د"),
            ("de", "der Hund", "hund"),
            ("vi", "cái nhà", "nhà"),
            ("hi", "यह, भारत है।", "यह भारत है"),
        ],
    )
    def test_golden_mlqa_normalisation(self, language, text, expected):
        assert mlqa_normalise(text, language) == expected

    @pytest.mark.parametrize(("text", "expected"), [("la casa", "la casa"), ("中国,$5 “x”", "中国5 “x”")])
    def test_golden_xquad_normalisation(self, text, expected):
        assert squad_normalise(text) == expected

    def test_golden_article_alone_has_f1_0_and_em_1(self):
        expected = {"f1": 0.0, "exact_match": 100.0}
        assert squad_scores([("the",)], ["the"]) == expected
        assert mlqa_scores([("the",)], ["the"], "en") == expected

    def test_mlqa_knows_seven_languages(self):
        with pytest.raises(ValueError, match="unknown MLQA language 'th'"):
            mlqa_scores([("x",)], ["x"], "th")

    def test_best_answer_counts_for_each_metric(self):
        # "red green" against "red": precision 1/2, recall 1.
        scores = squad_scores([("red", "green blue black")], ["red green"])
        assert scores["f1"] == pytest.approx(200 / 3)
        assert scores["exact_match"] == 0.0

    def test_tokens_are_a_multiset(self):
        # Shared tokens: one "a1" only. Precision 1/2, recall 1/1.
        assert squad_scores([("b1",)], ["b1 b1"])["f1"] == pytest.approx(200 / 3)

    def test_missing_prediction_counts_as_wrong(self):
        assert squad_scores([("x",), ("y",)], [None, "y"]) == {"f1": 50.0, "exact_match": 50.0}

    @given(st.lists(st.lists(WORDS, min_size=1, max_size=3), min_size=1), st.sampled_from(["en", "zh", "ar"]))
    def test_a_reference_as_prediction_matches_exactly(self, references, language):
        predictions = [answers[-1] for answers in references]
        assert squad_scores(references, predictions)["exact_match"] == 100.0
        assert mlqa_scores(references, predictions, language)["exact_match"] == 100.0

    @given(st.lists(st.tuples(WORDS, WORDS), min_size=1), st.integers())
    def test_order_does_not_matter_and_f1_is_symmetric(self, rows, number):
        mixed = shuffled(number, rows)[0]
        straight = squad_scores([(gold,) for gold, _ in rows], [given for _, given in rows])
        assert squad_scores([(gold,) for gold, _ in mixed], [given for _, given in mixed]) == pytest.approx(straight)
        swapped = squad_scores([(given,) for _, given in rows], [gold for gold, _ in rows])
        assert swapped == pytest.approx(straight)


def slow_mine(cosine, k):
    """The steps of protocol.md 5.4 from a whole similarity matrix, one pair at a time."""
    num_sources, num_targets = cosine.shape
    near_source = [sorted(range(num_targets), key=lambda y: -cosine[x, y])[:k] for x in range(num_sources)]
    near_target = [sorted(range(num_sources), key=lambda x: -cosine[x, y])[:k] for y in range(num_targets)]

    def score(x, y):
        mean_x = sum(cosine[x, other] for other in near_source[x]) / k
        mean_y = sum(cosine[other, y] for other in near_target[y]) / k
        return cosine[x, y] / ((mean_x + mean_y) / 2)

    pool = [max((score(x, y), x, y) for y in near_source[x]) for x in range(num_sources)]
    pool += [max((score(x, y), x, y) for x in near_target[y]) for y in range(num_targets)]
    found, used_sources, used_targets = [], set(), set()
    for value, x, y in sorted(pool, reverse=True):
        if value > 0 and x not in used_sources and y not in used_targets:
            found.append((x, y))
            used_sources.add(x)
            used_targets.add(y)
    return found


def accepted(pairs, scores, threshold):
    """Pairs with a score of at least the threshold."""
    return [pair for pair, score in zip(pairs, scores, strict=True) if score >= threshold]


class TestRetrieval:
    @given(st.integers(0, 10_000), st.integers(5, 12), st.integers(5, 12))
    def test_mining_equals_the_plain_way(self, seed, num_sources, num_targets):
        cosine = np.random.default_rng(seed).uniform(0.1, 1.0, (num_sources, num_targets))
        forward, backward = np.argsort(-cosine, axis=1)[:, :4], np.argsort(-cosine.T, axis=1)[:, :4]
        mined = mine(
            Neighbours(indices=forward, similarities=np.take_along_axis(cosine, forward, axis=1)),
            Neighbours(indices=backward, similarities=np.take_along_axis(cosine.T, backward, axis=1)),
        )
        assert list(zip(mined.sources.tolist(), mined.targets.tolist(), strict=True)) == slow_mine(cosine, 4)
        assert (np.diff(mined.scores) <= 0).all()

    def test_identical_sentences_share_the_last_embedding(self):
        assert representatives(["a", "b", "a", "c"]).tolist() == [1, 2, 3]

    def test_golden_identical_sentences_are_dropped_from_the_candidates(self):
        candidates = Candidates(
            sources=np.array([0, 1, 2]), targets=np.array([0, 1, 2]), scores=np.array([3.0, 2.0, 1.0])
        )
        kept = drop_repeated(candidates, ["same", "other", "same"], ["x", "y", "z"])
        assert (kept.sources.tolist(), kept.targets.tolist()) == ([1], [1])

    def test_threshold_lies_behind_the_best_prefix(self):
        pairs = [("a", "A"), ("b", "B"), ("c", "X"), ("d", "D"), ("e", "Y")]
        gold = {("a", "A"), ("b", "B"), ("d", "D")}
        # F1 after each: 0.5, 0.8, 0.667, 0.857, 0.75.
        threshold = best_threshold(pairs, [5.0, 4.0, 3.0, 2.0, 1.0], gold)
        assert threshold == 1.5
        assert pair_f1(gold, accepted(pairs, [5.0, 4.0, 3.0, 2.0, 1.0], threshold)) == pytest.approx(600 / 7)

    def test_threshold_of_a_whole_list_is_its_last_score(self):
        assert best_threshold([("a", "A"), ("b", "B")], [2.0, 1.0], {("a", "A"), ("b", "B")}) == 1.0

    def test_no_right_candidate_accepts_nothing(self):
        threshold = best_threshold([("a", "B")], [2.0], {("a", "A")})
        assert accepted([("a", "B")], [2.0], threshold) == []

    @given(st.lists(st.tuples(st.text(max_size=2), st.text(max_size=2)), min_size=1, unique=True))
    def test_perfect_pairs_score_100(self, pairs):
        scores = [float(-number) for number in range(len(pairs))]
        assert pair_f1(pairs, accepted(pairs, scores, best_threshold(pairs, scores, pairs))) == 100.0
