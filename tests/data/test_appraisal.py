"""Appraisals: what only all rows of a task tell."""

from __future__ import annotations

import dataclasses

import pytest

from tests.made.pair_tasks import LABELS, pair_rows, pair_task, write_pairs
from tests.made.texts import tokenizer
from trainables.data.appraisal import appraise
from trainables.data.findings import Check
from trainables.data.fit import row_fit
from trainables.data.whole_rows import label_counts, shared_findings
from trainables.tasks.examples import PairExample, SpanExample, TaggingExample
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.registry import task
from trainables.tasks.task import Split


def appraised(folder, changes=(), **rows):
    return appraise(pair_task(**dict(changes)), write_pairs(folder, **rows), tokenizer())


def said(findings):
    return [str(each) for each in findings]


def test_a_sound_task_has_no_finding_and_says_what_there_is(tmp_path):
    found = appraised(tmp_path)
    assert found.findings == ()
    assert {place: len(examples) for place, examples in found.examples.items()} == {
        (Split.TRAIN, "en"): 24, (Split.STOPPING, "en"): 12, (Split.TEST, "en"): 12, (Split.TEST, "de"): 12,
    }  # fmt: skip
    assert found.labels == {"yes": 12, "no": 12}


def test_rows_of_training_in_an_evaluated_split_are_a_problem(tmp_path):
    rows = pair_rows(Split.TEST, "de", 12)
    rows["a"][3], rows["b"][3] = "EN train  number 5 is red", "en train number 5 is it"
    (problem,) = appraised(tmp_path, test_de=rows).findings
    assert problem.check is Check.SHARED_ROWS
    assert str(problem).startswith("test de, shared rows: 1 of 12 rows are training rows, too, by text, as 'EN train")


def test_questions_are_shared_by_their_ids_and_rows_with_made_up_ids_are_not():
    asked, pairs = task("squad"), pair_task()
    question = SpanExample("5733be28", "Who?", "Anna sleeps.", ("Anna",), (0,))
    moved = dataclasses.replace(question, context="It was Anna.", starts=(7,))
    (problem,) = shared_findings(asked, {(Split.TRAIN, "en"): [question], (Split.STOPPING, "en"): [moved]})
    assert "1 of 1 rows are training rows, too, by id, as '5733be28'" in problem.text
    first, other = PairExample("t.0", "a", "b", 0), PairExample("t.0", "c", "d", 0)
    assert not list(shared_findings(pairs, {(Split.TRAIN, "en"): [first], (Split.TEST, "en"): [other]}))


def test_a_label_that_training_never_shows_is_a_problem_where_it_is_asked_for(tmp_path):
    rows = pair_rows(Split.TRAIN, "en", 24) | {"label": ["yes"] * 24}
    found = appraised(tmp_path, train_en=rows)
    assert said(found.remarks) == ["train, labels: no training row has no"]
    assert said(found.problems) == [
        f"{place}, labels: training never shows no (6), which is right here"
        for place in ("stopping en", "test en", "test de")
    ]


def test_a_label_that_nothing_has_is_a_remark(tmp_path):
    found = appraised(tmp_path, {"format": PairFormat(labels=(*LABELS, "maybe"))})
    assert said(found.findings) == ["train, labels: no training row has maybe"]


def test_ids_are_looked_at_in_all_rows_and_not_in_a_sample_alone(tmp_path):
    data = write_pairs(tmp_path)
    twice = pair_task()
    (source,) = twice.files(Split.TEST, "de")
    again = {**twice.sources["own/pairs"], Split.TEST: lambda code: (source, source)}
    found = appraise(dataclasses.replace(twice, sources={"own/pairs": again}), data, tokenizer(), rows=1)
    assert said(found.problems) == [
        f"test {code}, ids: 24 rows have an id that another one has; the first is 'de.test.0'" for code in ("en", "de")
    ]


def test_files_that_are_not_there_are_one_problem_a_split(tmp_path):
    (problem,) = appraised(tmp_path, test_de=None).findings
    assert problem.check is Check.ROWS
    assert problem.place == "test de"
    assert "own/pairs/de/test.parquet does not exist" in problem.text


def test_files_of_languages_that_only_some_runs_ask_for_are_a_remark(tmp_path):
    changes = {"other_languages": {Split.TRAIN: ("de", "fr")}}
    (remark,) = appraised(tmp_path, changes).remarks
    assert remark.place == "train de"
    assert remark.text.endswith("nor are there rows in fr")


def test_another_number_of_training_rows_than_declared_is_said(tmp_path):
    found = appraised(tmp_path, {"num_train_rows": 25})
    assert said(found.findings) == ["train, rows: the task says num_train_rows=25, there are 24 rows"]


def test_odd_rows_are_remarks(tmp_path):
    rows = pair_rows(Split.TEST, "de", 12)
    rows["a"][1], rows["b"][1], rows["label"][1] = rows["a"][0], rows["b"][0], rows["label"][0]
    rows["a"][2] = " "
    rows["label"][3] = ""
    assert said(appraised(tmp_path, test_de=rows).findings) == [
        "test de, rows: 1 rows have no label or no answer and are left out",
        "test de, rows: 1 rows say the same as an earlier one",
        "test de, rows: 1 rows have a blank text or word",
    ]


def test_long_rows_are_counted_and_what_becomes_of_them_is_said():
    pairs = [PairExample("a", "one two", "three", 0), PairExample("b", "one " * 40, "two", 0)]
    (cut,) = row_fit(pair_task(), Split.TEST, "en", pairs, tokenizer())
    assert cut.text == "1 of 2 inputs are longer than 32 sub-words and are cut; the longest has 45"
    sentence = TaggingExample("a", ("one",) * 40, (0,) * 40)
    tagged = dataclasses.replace(task("panx"), max_length=32)
    (pieces,) = row_fit(tagged, Split.TEST, "en", [sentence], tokenizer())
    assert "1 of 1 inputs are longer than 32 sub-words and are read in pieces" in pieces.text


def test_texts_that_the_tokenizer_does_not_know_are_a_remark():
    pairs = [PairExample("a", "\U00012000 \U00012001 \U00012002", "one", 0)]
    (strange,) = row_fit(pair_task(), Split.TEST, "en", pairs, tokenizer())
    ids = tokenizer()(pairs[0].text_a, text_pair="one")["input_ids"]
    part = ids.count(tokenizer().unk_token_id) / len(ids)
    assert strange.text == f"{part:.1%} of the sub-words are unknown to the tokenizer"


def test_of_very_many_rows_some_are_looked_at_and_it_says_so(monkeypatch):
    monkeypatch.setattr("trainables.data.fit.MOST", 10)
    pairs = [PairExample(str(number), "one " * 40, "two", 0) for number in range(25)]
    (cut,) = row_fit(pair_task(), Split.TRAIN, "en", pairs, tokenizer())
    assert cut.text.startswith("10 of 10 inputs are longer")
    assert cut.text.endswith("(10 of 25 rows were looked at)")


def test_answers_that_are_not_in_the_context_are_counted():
    questions = [
        SpanExample("a", "Who?", "Anna sleeps.", ("Ana",), (0,)),
        SpanExample("b", "Who?", "Anna sleeps.", ("Anna",), (3,)),
        SpanExample("c", "who " * 70, "Anna sleeps.", ("Anna",), (0,)),
    ]
    found = [each.text for each in row_fit(task("squad"), Split.TRAIN, "en", questions, tokenizer())]
    assert found == [
        "1 questions are longer than 64 sub-words and are cut",
        "of 1 of 3 questions the first answer is not in the context; training leaves them out",
        "1 answers are not at their offset; the place before it that has the words is taken",
    ]


def test_a_length_that_the_encoder_does_not_take_is_a_problem(tmp_path):
    found = appraised(tmp_path, {"max_length": 600})
    assert said(found.problems) == ["declaration: max_length is 600, but the encoder takes 512 sub-words at most"]


def test_whatever_a_task_raises_is_a_problem(tmp_path):
    def cap(examples, limit):
        raise RuntimeError("no cap")

    found = appraised(tmp_path, {"cap": cap})
    assert {problem.text for problem in found.problems} == {"it raises RuntimeError: no cap"}


@pytest.mark.parametrize(("name", "counts"), [("panx", {"O": 2, "B-PER": 1}), ("squad", {})])
def test_labels_are_counted_over_words(name, counts):
    rows = [TaggingExample("a", ("Anna", "is", "it"), (1, 0, 0))] if name == "panx" else []
    found = label_counts(task(name), rows)
    assert {label: times for label, times in found.items() if times} == counts
