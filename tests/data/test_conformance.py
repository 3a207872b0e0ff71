"""The conformance suite of tasks can fail: every broken task gives the problem that it has, and a sound one none."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.made.pair_tasks import LABELS, pair_rows, pair_task, write_pairs
from tests.made.texts import tokenizer
from trainables.data.conformance import check_rows, examine
from trainables.data.declaration import declaration_problems
from trainables.data.findings import Check
from trainables.tasks.examples import PairExample, SpanExample
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.formats.span import SpanFormat
from trainables.tasks.formats.tagging import TaggingFormat
from trainables.tasks.registry import task
from trainables.tasks.task import Role, Split


@pytest.fixture(scope="module")
def rows(tmp_path_factory):
    return write_pairs(tmp_path_factory.mktemp("rows"))


class Uncut(PairFormat):
    def encode(self, examples, tokenizer, max_length, *, training):
        return super().encode(examples, tokenizer, 512, training=training)


class Flipping(PairFormat):
    def decode(self, encoded, outputs):
        return [self.labels[1 - self.labels.index(label)] for label in super().decode(encoded, outputs)]


class Forgetful(PairFormat):
    """Leaves the last example out, in evaluation too."""

    def encode(self, examples, tokenizer, max_length, *, training):
        return super().encode(examples[:-1], tokenizer, max_length, training=training)


class Headless(PairFormat):
    """Inputs without the first special token, as int64."""

    def encode(self, examples, tokenizer, max_length, *, training):
        made = super().encode(examples, tokenizer, max_length, training=training)
        return dataclasses.replace(made, sequences=Ragged.of((each[1:] for each in made.sequences), np.int64))


class Content(PairFormat):
    """Scores everything as right."""

    def score(self, references, predictions, language):
        return {"accuracy": 100.0}


class Strict(PairFormat):
    def score(self, references, predictions, language):
        return {name: value / 2 for name, value in super().score(references, predictions, language).items()}


class Broken(PairFormat):
    def references(self, examples):
        raise ZeroDivisionError("of one's own")


def found(changed, data):
    return {(problem.check, problem.place): problem.text for problem in examine(changed, data, tokenizer())}


def test_a_sound_task_has_no_problem(rows):
    assert examine(pair_task(), rows, tokenizer()) == ()


@pytest.mark.parametrize(
    ("format", "check", "says"),
    [
        (Flipping, Check.DECODING, "outputs of a perfect model score 0.0 in accuracy, expected 100"),
        (Forgetful, Check.INPUTS, "in evaluation 1 of 12 examples have no row; the first is number 11"),
        (Headless, Check.INPUTS, "12 inputs do not begin with the tokenizer's first special token"),
        (Headless, Check.INPUTS, "token ids are int64, expected int32"),
        (Content, Check.SCORES, "shuffled answers score 100 in accuracy, too"),
        (Strict, Check.SCORES, "right answers score 50.0 in accuracy, expected 100"),
        (Broken, Check.SCORES, "it raises ZeroDivisionError: of one's own"),
        (Broken, Check.DECODING, "it raises ZeroDivisionError: of one's own"),
    ],
)
def test_a_format_that_breaks_its_contract_gives_the_problem(rows, format, check, says):
    problems = examine(pair_task(format=format(labels=LABELS)), rows, tokenizer())
    said = [problem.text for problem in problems if problem.check is check and problem.place == "test de"]
    assert any(says in text for text in said), problems


def test_inputs_longer_than_declared_are_a_problem():
    examples = [PairExample(str(number), "one " * 40, "two", number % 2) for number in range(4)]
    (training, evaluation, short) = check_rows(
        pair_task(format=Uncut(labels=LABELS)), Split.TRAIN, "en", examples, tokenizer()
    )
    assert training.text == "in training an input has 45 sub-words, declared are at most 32"
    assert evaluation.text == "in evaluation an input has 45 sub-words, declared are at most 32"
    assert short.text == "with max_length 24 an input has 45 sub-words"
    assert not list(check_rows(pair_task(), Split.TRAIN, "en", examples, tokenizer()))


def test_a_metric_that_the_format_does_not_give_is_a_problem(rows):
    said = found(pair_task(metrics=("acuracy",)), rows)
    assert said[Check.SCORES, "test en"] == "unknown metric 'acuracy'; did you mean 'accuracy'? known: accuracy"


def test_a_label_that_is_no_label_is_a_problem():
    examples = [PairExample(str(number), "a", "b", number) for number in range(3)]
    problems = list(check_rows(pair_task(), Split.TEST, "en", examples, tokenizer()))
    assert any("label number 2 is there, allowed: 0 to 1" in problem.text for problem in problems)


def test_ids_that_stand_twice_are_a_problem():
    examples = [PairExample(name, "a", "b", 0) for name in ("x", "y", "x", "x")]
    (problem,) = check_rows(pair_task(), Split.DEV, "de", examples, tokenizer())
    assert str(problem) == "dev de, ids: 3 rows have an id that another one has; the first is 'x'"


def test_what_load_says_is_the_problem(tmp_path):
    wrong = pair_rows(Split.TEST, "de", 12) | {"label": ["maybe"] * 12}
    said = found(pair_task(), write_pairs(tmp_path, test_de=wrong))
    assert list(said) == [(Check.ROWS, "test de")]
    assert "test.parquet, row 0: label is 'maybe', allowed: yes, no" in said[Check.ROWS, "test de"]


def test_answers_that_are_too_long_to_be_predicted_are_a_problem():
    context = " ".join(f"word{number}" for number in range(60))
    examples = [SpanExample(f"q{number}", "What?", context, (context,), (0,)) for number in range(20)]
    asked = dataclasses.replace(task("squad"), format=SpanFormat(), max_length=384)
    said = list(check_rows(asked, Split.TEST, "en", examples, tokenizer()))
    assert {problem.check for problem in said} == {Check.DECODING}
    assert "expected 85 (answers can have 30 sub-words at most)" in said[0].text


def files_missing(language):
    raise KeyError(language)


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"title": " "}, "no title"),
        ({"metrics": ()}, "no metrics"),
        ({"selection": ()}, "no metric chooses its checkpoints"),
        ({"format": PairFormat(labels=("one",))}, "1 labels; there must be two"),
        ({"format": TaggingFormat(labels=("O", "O"))}, "labels are not distinct"),
        ({"role": Role.INTERMEDIATE, "languages": {Split.TRAIN: ("en",)}}, "no stopping, which a task with the role"),
        ({"languages": {Split.TRAIN: ("en",), Split.STOPPING: ("en",)}}, "no test, which a task with the role target"),
        ({"languages": {Split.TRAIN: ("en",), Split.TEST: ("en",)}}, "train but no stopping"),
        (
            {"languages": {Split.TRAIN: ("de",), Split.STOPPING: ("fr",), Split.TEST: ("de",)}},
            "stopping is in fr, training in de",
        ),
        ({"languages": {Split.DEV: ("de", "fr"), Split.TEST: ("de",)}}, "dev has languages that test has not: fr"),
        ({"languages": {Split.TEST: ("de", "de")}}, "test names languages twice: de"),
        ({"languages": {Split.TEST: ("de",), Split.DEV: ("de",)}}, "source own/pairs has no files for dev"),
        ({"reasons": {"hub": "other quotes"}}, "reasons are given for hub"),
        ({"sources": {"a": pair_task().sources["own/pairs"], "b": pair_task().sources["own/pairs"]}}, "none for b"),
        ({"sources": {"a": dict.fromkeys(Split, files_missing)}}, "train en: naming its files raises KeyError: 'en'"),
        ({"sources": {"a": dict.fromkeys(Split, lambda code: ())}}, "train en: it has no files"),
        ({"sources": {"a": dict.fromkeys(Split, lambda code: ("x",))}}, "expected a tuple of Source"),
    ],
)
def test_a_declaration_that_contradicts_itself_says_how(changes, says):
    problems = [str(problem) for problem in declaration_problems(pair_task(**changes))]
    assert any(says in problem for problem in problems), problems
    assert not list(declaration_problems(pair_task()))
