"""Readings: which vectors tell the labels of rows, by format."""

from __future__ import annotations

import numpy as np
import pytest

from tests.made.engine import choices, pairs, sequences, tags
from trainables.tasks.formats.base import Encoded, Head
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.formats.readings import POOLED, readings, with_answers
from trainables.tasks.formats.windows import Window, Windows


def windows(*spans):
    """Windows of 12 sub-words whose context has the places 5 to 10."""
    inside = np.arange(6, dtype=np.int32)
    own = [Window(position=5, begins=inside, ends=inside + 1, best_context=np.ones(6, bool)) for _ in spans]
    return Encoded(
        examples=[], sequences=Ragged.of([np.arange(4, 16, dtype=np.int32)] * len(spans)),
        owners=np.arange(len(spans), dtype=np.int32), spans=np.array(spans), windows=Windows.of(own),
    )  # fmt: skip


def test_a_pair_is_read_as_a_whole():
    encoded = pairs(rows=10)
    found = readings(encoded, Head.CLASSIFICATION, 100)
    assert found.sequences.tolist() == [*range(10)]
    assert set(found.positions.tolist()) == {POOLED}
    assert found.labels.tolist() == encoded.labels.tolist()


def test_of_the_choices_of_a_question_one_is_right():
    encoded = choices(rows=6)
    found = readings(encoded, Head.CHOICE, 100)
    assert found.group == 4
    assert found.labels.reshape(6, 4).argmax(axis=1).tolist() == encoded.labels.tolist()
    assert found.labels.sum() == 6


def test_fewer_readings_do_not_part_the_choices_of_a_question():
    found = readings(choices(rows=6), Head.CHOICE, 9)
    assert len(found.sequences) == 8
    assert (np.diff(found.sequences.reshape(2, 4), axis=1) == 1).all()
    assert (found.sequences.reshape(2, 4)[:, 0] % 4 == 0).all()


def test_words_are_read_at_their_first_sub_word():
    encoded = tags(rows=5)
    found = readings(encoded, Head.TAGGING, 10_000)
    of_row = [(row, place) for row in range(5) for place in encoded.word_positions[row].tolist()]
    assert list(zip(found.sequences.tolist(), found.positions.tolist(), strict=True)) == of_row
    assert found.labels.tolist() == [tag for row in range(5) for tag in encoded.tags[row].tolist()]


def test_ends_of_an_answer_are_read_beside_as_many_other_places_of_its_context():
    found = readings(windows((6, 8)), Head.SPAN, 100)
    inside = found.positions[found.labels == 1].tolist()
    outside = found.positions[found.labels == 0].tolist()
    assert inside == [6, 8]
    assert len(outside) == 2
    assert set(outside) <= {5, 9, 10}


def test_an_answer_of_one_sub_word_is_read_once():
    found = readings(windows((7, 7)), Head.SPAN, 100)
    assert found.positions[found.labels == 1].tolist() == [7]
    assert len(found.labels) == 2


def test_windows_without_their_answer_are_left_out():
    kept = with_answers(windows((0, 0), (6, 8), (0, 0)))
    assert kept.owners.tolist() == [1]
    assert kept.spans.tolist() == [[6, 8]]
    assert len(kept.windows) == len(kept.sequences) == 1


@pytest.mark.parametrize("head", [Head.EMBEDDING, Head.MLM])
def test_sentences_have_no_labels(head):
    encoded = Encoded(examples=[], sequences=Ragged.of(sequences(4, 0)), owners=np.arange(4, dtype=np.int32))
    assert len(readings(encoded, head, 100).labels) == 0
