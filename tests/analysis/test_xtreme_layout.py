"""Files of a submission by hand: what XTREME reads, and what is no such file."""

import json
import re

import pytest

from analysis.submission.xtreme_layout import Item, LayoutError, files
from tests.made.xtreme import entities, mlqa_tokens, pos_units, squad_tokens


def test_the_scorer_agrees_with_what_is_known():
    tags = ["NOUN", "NOUN", "SCONJ", "SCONJ", "SYM", "SYM", "X", "X", "INTJ", "INTJ", "CCONJ", "SCONJ", "CCONJ"]
    assert sorted(first for _, first, _ in pos_units(tags)) == [0, 2, 3, 4, 5, 6, 8, 10, 11, 12]
    assert entities(["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-ORG"]) == {
        ("PER", 0, 2), ("PER", 2, 1), ("LOC", 4, 1), ("ORG", 5, 1),
    }  # fmt: skip
    assert mlqa_tokens("中国,$5 “x”", "zh") == ["中", "国", "5", "x"]
    assert mlqa_tokens("في الكتاب خالد", "ar") == ["في", "كتاب", "خ", "د"]
    assert squad_tokens("中国,$5 “x”", "zh") == ["中国5", "“x”"]


def test_labels_are_names_one_a_line():
    rows = [Item("a", ["neutral"], ["entailment"]), Item("b", ["contradiction"], ["contradiction"])]
    found = files("xnli", "sw", rows)
    assert found.predictions == "neutral\ncontradiction\n"
    assert found.labels == "entailment\ncontradiction\n"
    assert found.scores["accuracy"] == 50.0
    assert files("pawsx", "ja", [Item("a", ["1"], ["0"])]).predictions == "1\n"


def test_sentences_of_tags_are_parted_by_a_blank_line():
    rows = [Item("a", ["B-LOC", "I-LOC"], ["B-LOC", "O"]), Item("b", ["O"], ["B-PER"])]
    found = files("panx", "yo", rows)
    assert found.predictions == "B-LOC\nI-LOC\n\nO\n"
    assert found.labels == "B-LOC\nO\n\nB-PER\n"


def test_answers_are_json_by_question_and_labels_have_the_shape_of_squad():
    rows = [Item("q1", ["中国"], ["中国", "国"]), Item("q2", [""], ["x"])]
    found = files("mlqa", "zh", rows)
    assert json.loads(found.predictions) == {"q1": "中国", "q2": ""}
    assert json.loads(found.labels) == {
        "version": "1.1",
        "data": [{"paragraphs": [{"qas": [
            {"id": "q1", "answers": [{"text": "中国"}, {"text": "国"}]}, {"id": "q2", "answers": [{"text": "x"}]},
        ]}]}],
    }  # fmt: skip


def test_mined_pairs_are_two_ids_foreign_first():
    rows = [Item("zh-000000033", ["en-000005983"], ["en-000005983"]), Item("zh-000000231", [], ["en-000047360"])]
    found = files("bucc", "zh", rows)
    assert found.predictions == "zh-000000033\ten-000005983\n"
    assert found.labels == "zh-000000033\ten-000005983\nzh-000000231\ten-000047360\n"
    assert found.scores["f1"] == pytest.approx(200 / 3)


def test_a_folder_of_pairs_without_predictions_scores_zero():
    found = files("bucc", "zh", [Item("zh-1", [], ["en-1"])])
    assert (found.predictions, found.scores["f1"]) == ("", 0.0)


def test_sentences_found_are_line_numbers_of_the_foreign_file_from_zero():
    rows = [Item("t.0", ["t.1"], ["t.0"]), Item("t.1", ["t.1"], ["t.1"]), Item("t.2", ["t.0"], ["t.2"])]
    found = files("tatoeba", "jv", rows)
    assert (found.predictions, found.labels) == ("1\n1\n0\n", "0\n1\n2\n")
    # XTREME's order is that of the English sentences by code point: capitals before small letters, ties in order
    english = {"t.0": "a dog", "t.1": "Zoo", "t.2": '"Go"'}
    found = files("tatoeba", "jv", rows, english)
    assert (found.predictions, found.labels) == ("0\n1\n1\n", "2\n1\n0\n")
    assert files("tatoeba", "jv", rows, dict.fromkeys(english, "the same")).labels == "0\n1\n2\n"


@pytest.mark.parametrize(
    ("target", "rows", "reason"),
    [
        ("xnli", [Item("a", ["entails"], ["neutral"])], "a: unknown label 'entails'; did you mean 'entailment'?"),
        ("xnli", [Item("a", [], ["neutral"])], "a: 0 values where there is one: none"),
        ("pawsx", [Item("a", ["0"], ["0"]), Item("a", ["1"], ["0"])], "two rows have the id a"),
        ("udpos", [Item("a", ["NOUN"], ["NOUN", "X"])], "a: 1 predicted tags for 2 words"),
        ("udpos", [Item("a", [], [])], "a: 0 predicted tags for 0 words"),
        ("panx", [Item("a", ["PER"], ["O"])], "unknown label 'PER'"),
        ("xquad", [Item("a", ["x"], [])], "a: no reference answer"),
        ("bucc", [Item("de 1", ["en-1"], ["en-1"])], "a pair is two ids without blanks"),
        ("bucc", [Item("de-1", ["en-1"], [])], "no gold pair"),
        ("tatoeba", [Item("a", ["b"], ["a"])], "a: b is no sentence of this language"),
        ("xnli", [], "no predictions"),
        ("squad", [Item("a", ["x"], ["x"])], "unknown XTREME task 'squad'; did you mean 'xquad'?"),
    ],
)
def test_rows_that_do_not_fit_are_errors(target, rows, reason):
    with pytest.raises(LayoutError, match=re.escape(reason)):
        files(target, "de", rows)
