"""Rows that stand in training and in evaluation: found by their id, by their text, and not by the number of a row."""

from __future__ import annotations

import pytest

from trainables.data.shared_rows import Shared, shared_rows
from trainables.tasks.examples import PairExample, SpanExample, TaggingExample


def question(id, text, context="A context."):
    return SpanExample(id=id, question=text, context=context, answers=("A",), starts=(0,))


def test_an_id_or_a_text_is_enough_and_each_is_counted():
    seen = [question("56be", "Who?"), question("57aa", "When was  it?")]
    evaluated = [
        question("56be", "Wer?"), question("99", "when was it?"), question("57aa", "When was it?"), question("1", "No")
    ]  # fmt: skip
    assert shared_rows(seen, evaluated) == Shared(rows=4, by_id=2, by_text=2, either=3)


def test_the_same_question_on_another_context_is_another_row():
    assert shared_rows([question("a1", "Who?")], [question("b1", "Who?", "Another.")]).either == 0


def test_numbers_of_rows_are_no_ids():
    def pair(id, text):
        return PairExample(id=id, text_a=text, text_b="b", label=0)

    assert shared_rows([pair("17", "one")], [pair("17", "two")]).either == 0


@pytest.mark.parametrize(("words", "either"), [(("Nairobi", "grew"), 1), (("Nairobi grew",), 0)])
def test_words_and_their_tags(words, either):
    """Other tags are the same row; other words are not."""
    seen = [TaggingExample(id="x.0", words=("nairobi", "grew"), tags=(1, 0))]
    assert shared_rows(seen, [TaggingExample(id="y.0", words=words, tags=(0,) * len(words))]).either == either


def test_nothing_is_shared_with_nothing():
    assert shared_rows([], []) == Shared(rows=0, by_id=0, by_text=0, either=0)
