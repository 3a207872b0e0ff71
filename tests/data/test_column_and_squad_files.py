"""Files in columns and in the JSON of SQuAD become the rows that the parsers of the tasks read."""

from __future__ import annotations

import json

import pytest

from trainables.data.column_files import Columns, read_columns_file
from trainables.data.source import DataError
from trainables.data.squad_files import read_squad_file
from trainables.tasks.labels import parse_span


def written(tmp_path, text):
    path = tmp_path / "rows"
    path.write_text(text, encoding="utf-8")
    return path


def test_words_and_last_columns_are_sentences(tmp_path):
    path = written(tmp_path, "-DOCSTART- -X- O O\n\nAnna NNP B-PER\nsleeps VBZ O\n\n\n# CD O\r\n1 CD O\n")
    rows = read_columns_file(path)
    assert rows == [
        {"words": ["Anna", "sleeps"], "tags": ["B-PER", "O"]},
        {"words": ["#", "1"], "tags": ["O", "O"]},
    ]


def test_conllu_leaves_out_comments_and_what_is_no_word(tmp_path):
    path = written(tmp_path, "# text = zum Arzt\n1-2\tzum\t_\n1\tzu\tADP\n2\tdem\tDET\n2.1\tx\tX\n3\tArzt\tNOUN\n")
    rows = read_columns_file(path, Columns(words=1, tags=2, comment="#"))
    assert rows == [{"words": ["zu", "dem", "Arzt"], "tags": ["ADP", "DET", "NOUN"]}]


@pytest.mark.parametrize(
    ("text", "columns", "says"),
    [
        ("Anna O\nsleeps\n", Columns(), "line 2: 'sleeps' has no tag"),
        ("Anna O\n", Columns(tags=3), "line 1: no column 3 for tags; it has 2"),
        ("Anna\t\n", Columns(), "line 1: an empty word or tag"),
        ("# only a comment\n", Columns(comment="#"), "has no sentences"),
    ],
)
def test_bad_columns_name_their_line(tmp_path, text, columns, says):
    with pytest.raises(DataError, match=says):
        read_columns_file(written(tmp_path, text), columns)


def squad(answers, ids=("a",)):
    questions = [{"id": name, "question": "Who?", "answers": answers} for name in ids]
    return json.dumps({"data": [{"paragraphs": [{"context": "It was Anna.", "qas": questions}]}]})


def test_questions_of_squad_parse_as_spans(tmp_path):
    (row,) = read_squad_file(written(tmp_path, squad([{"text": "Anna", "answer_start": 7}])))
    example = parse_span(row, "unused")
    assert (example.id, example.context, example.answers, example.starts) == ("a", "It was Anna.", ("Anna",), (7,))
    (row,) = read_squad_file(written(tmp_path, squad([{"text": "Anna"}])))
    assert parse_span(row, "unused").starts == (7,)
    (row,) = read_squad_file(written(tmp_path, squad([])))
    assert parse_span(row, "unused") is None


@pytest.mark.parametrize(
    ("text", "says"),
    [
        (squad([{"text": "Anna", "answer_start": 6}]), r"qas\[0\]: the answer is 'Anna', but at 6 the context has"),
        (squad([{"text": "Otto"}]), r"qas\[0\]: the answer 'Otto' is not in the context"),
        (squad([{"text": "Anna", "answer_start": "7"}]), "answer_start is '7', expected a number"),
        (squad([], ids=("a", "a")), r"qas\[1\]: id a stands twice"),
        ('{"rows": []}', "data is null, expected a list"),
        ("[", "is no JSON"),
        ('{"data": []}', "has no questions"),
    ],
)
def test_bad_squad_names_its_place(tmp_path, text, says):
    with pytest.raises(DataError, match=says):
        read_squad_file(written(tmp_path, text))
