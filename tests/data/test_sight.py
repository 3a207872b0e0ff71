"""Examples as the model sees them."""

from __future__ import annotations

import dataclasses

from tests.made.texts import tokenizer
from trainables.data.sight import GAP, LONGEST, Kind, sights
from trainables.tasks.examples import (
    BitextExample,
    ChoiceExample,
    CorpusExample,
    PairExample,
    SpanExample,
    TaggingExample,
)
from trainables.tasks.registry import task


def seen(name, *examples, training=True, **changes):
    known = dataclasses.replace(task(name), **changes)
    return sights(known, examples, tokenizer(), training=training)


def words(given):
    return " ".join(token.text for token in given.tokens)


def of_kind(given, kind):
    return [token.text for token in given.tokens if token.kind is kind]


def test_a_pair_has_its_special_tokens_and_its_label():
    (sight,) = seen("qqp", PairExample("7", "Is it red?", "Red?", 1))
    assert words(sight.inputs[0]) == "<s> ▁Is ▁it ▁red ? </s> </s> ▁Red ? </s>"
    assert (sight.id, sight.what, sight.wanted, sight.part) == ("7", "label", (task("qqp").format.labels[1],), "")
    assert of_kind(sight.inputs[0], Kind.SPECIAL) == ["<s>", "</s>", "</s>", "</s>"]


def test_choices_are_a_sequence_each():
    (sight,) = seen("csqa", ChoiceExample("c", "What?", ("one", "two", "three", "four", "five"), 3))
    assert [each.name for each in sight.inputs] == ["A", "B", "C", "D", "E"]
    assert words(sight.inputs[1]) == "<s> ▁What ? </s> </s> ▁two </s>"
    assert (sight.what, sight.wanted) == ("choice", ("D",))


def test_tags_stand_at_first_sub_words():
    (sight,) = seen("panx", TaggingExample("s", ("Anna", "travelled"), (1, 0)))
    assert words(sight.inputs[0]) == "<s> ▁Anna ▁travel led </s>"
    assert (sight.wanted, of_kind(sight.inputs[0], Kind.ANSWER)) == (("▁Anna/B-PER", "▁travel/O"), ["▁Anna", "▁travel"])


def test_an_answer_is_the_sub_words_that_it_touches():
    (sight,) = seen("squad", SpanExample("q", "Who?", "It was Anna Lee.", ("Anna Lee",), (7,)))
    assert (sight.what, sight.wanted) == ("answer", ("▁Anna ▁Lee",))
    assert of_kind(sight.inputs[0], Kind.ANSWER) == ["▁Anna", "▁Lee"]


def test_of_several_windows_the_one_with_the_answer_is_shown_and_what_is_far_from_it_left_out():
    context = "one " * 200 + "Anna sleeps. " + "two " * 200
    (sight,) = seen("squad", SpanExample("q", "Who?", context, ("Anna",), (800,)), max_length=128)
    number, _, of = sight.part.split()
    assert 1 < int(number) < int(of)
    shown = sight.inputs[0].tokens
    assert len(shown) <= LONGEST + 2
    assert GAP in [token.text for token in shown]
    assert [token.text for token in shown if token.kind is Kind.ANSWER] == ["▁Anna"]
    assert shown[-1].text == "</s>"


def test_of_a_long_sentence_only_the_tags_of_shown_words_are_shown():
    (sight,) = seen("panx", TaggingExample("s", ("one",) * 100, (0,) * 100))
    assert len(sight.wanted) == len(of_kind(sight.inputs[0], Kind.ANSWER)) < LONGEST


def test_a_question_whose_answer_is_not_there_gives_way_to_the_next():
    lost = SpanExample("lost", "Who?", "It was Anna.", ("Ana",), (0,))
    good = [SpanExample(str(number), "Who?", "It was Anna.", ("Anna",), (7,)) for number in range(6)]
    assert [sight.id for sight in seen("squad", lost, *good)] == ["0", "1", "2", "3", "4"]


def test_both_sides_of_a_bitext_are_shown():
    (sight,) = seen("tatoeba", BitextExample("t", "Es regnet.", "It rains."), training=False)
    assert {each.name: words(each) for each in sight.inputs} == {
        "English": "<s> ▁It ▁rain s . </s>", "foreign": "<s> ▁Es ▁regnet . </s>"
    }  # fmt: skip


def test_of_comparable_corpora_sentences_are_shown_with_their_translation():
    sentences = [
        CorpusExample("de-1", "Ja.", "de", ()),
        CorpusExample("de-2", "Es regnet.", "de", ("en-9",)),
        CorpusExample("en-9", "It rains.", "en", ()),
    ]
    (sight,) = seen("bucc", *sentences, training=False)
    assert (sight.id, words(sight.inputs[0])) == ("de-2", "<s> ▁It ▁rain s . </s>")


def test_what_a_terminal_would_obey_is_made_plain():
    (sight,) = seen("qqp", PairExample("\x1b[31mid", "\u202ered [bold]", "\x1b[31m", 0))
    everything = sight.id + words(sight.inputs[0])
    assert "\x1b" not in everything
    assert "\u202e" not in everything
    assert sight.id == "\\x1b[31mid"
