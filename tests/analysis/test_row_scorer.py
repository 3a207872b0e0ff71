"""Scores of many rows at once are those of the plain functions, row by row."""

from __future__ import annotations

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.statistics.row_scores import RowScorer, task_score
from analysis.statistics.scoring import Kind, Scoring, scoring
from tests.made.own_targets import SCORED, UNSCORED
from trainables.metrics.span_qa import answer_scores, mlqa_normalise, mlqa_scores, squad_normalise
from trainables.metrics.tagging_f1 import MOST_TAGS, chunk_f1
from trainables.phases.predictions import PredictionTable
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.formats.sentence import MlmFormat
from trainables.tasks.formats.span import Rule, SpanFormat
from trainables.tasks.formats.tagging import TaggingFormat
from trainables.tasks.registry import task

TEXTS = st.text("abc the.لاลเ中国 ", max_size=9)
LANGUAGES = ("en", "zh", "ar")


def table(rows):
    """A table of (language, prediction, reference)."""
    made = PredictionTable()
    for number, (language, found, gold) in enumerate(rows):
        made.add("dev", language, [str(number)], [found], [gold])
    return made.to_arrow()


def how(target):
    return scoring(task(target).format, task(target).metrics)


def scored(target, rows):
    return scored_by(how(target), rows)


def scored_by(scoring, rows):
    return RowScorer()(scoring, table(rows)).tolist()


@pytest.mark.parametrize("target", ["xquad", "mlqa"])
@given(st.lists(st.tuples(st.sampled_from(LANGUAGES), TEXTS, st.lists(TEXTS, min_size=1, max_size=3)), min_size=1))
def test_answers(target, rows):
    expected = []
    for language, found, gold in rows:
        own = (lambda text, of=language: mlqa_normalise(text, of)) if target == "mlqa" else squad_normalise
        expected.append(sum(answer_scores(gold, found, own)) / 2)
    assert scored(target, rows) == expected
    assert scored(target, rows * 2) == expected * 2


def test_equal_answers_in_two_languages_are_scored_by_the_rule_of_each():
    """`der` is an article in German alone."""
    assert scored("mlqa", [("de", "der Hund", ["Hund"]), ("en", "der Hund", ["Hund"])]) == [1.0, pytest.approx(1 / 3)]


def test_labels_are_right_or_wrong():
    rows = [("en", "neutral", "neutral"), ("en", "neutral", "entailment"), ("de", "entailment", "entailment")]
    assert scored("xnli", rows) == [1.0, 0.0, 1.0]


def test_pairs_are_counted():
    rows = [("de", ["en-1"], ["en-1"]), ("de", [], ["en-2", "en-3"]), ("fr", ["en-4", "en-4"], [])]
    assert scored("bucc", rows) == [[1, 1, 1], [0, 2, 0], [0, 0, 1]]


def test_of_words_the_right_ones_are_counted_and_all_of_them_twice():
    form = TaggingFormat(labels=("DET", "NOUN"), chunk_f1=False)
    rows = [("en", ["DET", "DET", "NOUN"], ["DET", "NOUN", "NOUN"]), ("en", [], []), ("de", ["DET"], ["NOUN"])]
    assert scored_by(scoring(form, ("accuracy",)), rows) == [[2, 3, 3], [0, 0, 0], [0, 1, 1]]


def test_accuracy_over_words_has_no_limit_to_its_tags():
    """What counts chunks takes memory by the square of the tags."""
    tags = [f"t{number}" for number in range(MOST_TAGS + 1)]
    form = TaggingFormat(labels=tuple(tags), chunk_f1=False)
    assert scored_by(scoring(form, ("accuracy",)), [("en", tags, tags)]) == [[1001, 1001, 1001]]


def test_of_one_label_right_gold_and_found_are_counted():
    form = PairFormat(labels=("a", "b", "c"), positive="a")
    rows = [("en", found, gold) for found, gold in ("aa", "ab", "ba", "bb", "bc")]
    assert scored_by(scoring(form, ("f1",)), rows) == [[1, 1, 1], [0, 0, 1], [0, 1, 0], [0, 0, 0], [0, 0, 0]]
    assert scored_by(scoring(form, ("accuracy",)), rows) == [1, 0, 0, 1, 0]
    assert scored_by(scoring(form, ("f1",)), [("en", "c", "b")]) == [[0, 0, 0]]


@pytest.mark.parametrize(
    ("metrics", "expected"),
    [(("f1",), [2 / 3, 1]), (("exact_match",), [0, 1]), (("exact_match", "f1"), [1 / 3, 1])],
)
def test_answers_by_the_metrics_that_are_named(metrics, expected):
    rows = [("en", "b c", ["b"]), ("en", "c", ["c", "d"])]
    assert scored_by(scoring(SpanFormat(), metrics), rows) == pytest.approx(expected)


def test_scorings_are_told_apart_by_their_text():
    found = [scoring(form, metrics) for form, metrics in SCORED.values()]
    found += [scoring(SpanFormat(rule=Rule.MLQA), ("f1",)), Scoring(kind=Kind.LABEL, label="other"), how("bucc")]
    assert len({str(each) for each in found}) == len(set(found))


@pytest.mark.parametrize(
    ("form", "metrics", "what"),
    [
        (*UNSCORED["accuracy with F1"], "accuracy with F1"),
        (SpanFormat(), ("f1", "exact_match", "accuracy"), "F1 with exact match with accuracy"),
        (PairFormat(labels=("a", "b")), ("f1",), "F1"),
        (TaggingFormat(labels=("O", "B-PER"), chunk_f1=False), ("f1",), "F1"),
        (MlmFormat(), ("perplexity",), "perplexity"),
        (SpanFormat(), (), "no metric"),
    ],
)
def test_metrics_without_scores_by_row_are_named(form, metrics, what):
    with pytest.raises(ValueError, match=f"^no scores by row for {what}$"):
        scoring(form, metrics)


@pytest.mark.parametrize(
    ("target", "row", "message"),
    [
        ("panx", ("en", ["O"], ["O", "O"]), "row 1: 1 predicted tags for 2 words"),
        ("xnli", ("en", [], ["neutral"]), "a prediction has not one text"),
        ("mlqa", ("en", ["a", "b"], ["c"]), "a prediction has not one text"),
        ("mlqa", ("sw", "a", ["c"]), "unknown MLQA language 'sw'"),
    ],
)
def test_rows_that_are_not_of_the_format(target, row, message):
    with pytest.raises(ValueError, match=message):
        scored(target, [("en", ["O"], ["O"]), row])


def test_a_null_is_no_text():
    found = table([("en", "a", ["b"])])
    broken = found.set_column(3, "prediction", pa.array([[None]], type=pa.list_(pa.string())))
    with pytest.raises(ValueError, match="a prediction is null"):
        RowScorer()(how("xquad"), broken)


def test_task_score_is_the_mean_over_languages_of_their_own():
    assert task_score(np.array([1.0, 0.0, 1.0]), np.array([0, 0, 1])) == 75.0
    gold = [["B-PER", "O"], ["B-LOC", "I-LOC"], ["B-PER", "O"]]
    found = [["B-PER", "B-PER"], ["B-LOC", "O"], ["B-PER", "O"]]
    counts = RowScorer()(how("panx"), table([("en", f, g) for f, g in zip(found, gold, strict=True)]))
    expected = (chunk_f1(gold[:2], found[:2]) + chunk_f1(gold[2:], found[2:])) / 2
    assert task_score(counts, np.array([0, 0, 1])) == pytest.approx(expected, abs=1e-12)


def test_task_score_of_answers_is_the_mean_of_f1_and_exact_match():
    rows = [("en", "a b", ["a"]), ("en", "c", ["c", "d"])]
    whole = mlqa_scores([gold for _, _, gold in rows], [found for _, found, _ in rows], "en")
    found = RowScorer()(how("mlqa"), table(rows))
    assert task_score(found, np.zeros(2, dtype=np.int64)) == pytest.approx(sum(whole.values()) / 2)
