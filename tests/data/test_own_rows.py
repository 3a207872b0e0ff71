"""Rows to predict come in the kinds of files that one trains from."""

from __future__ import annotations

import json

import pytest

from search_spaces.own_tasks import read_tasks
from tests.made.own_tasks import ROWS, write_rows_as, write_task
from tests.made.texts import write_text
from trainables.data.own_rows import read_rows
from trainables.data.source import DataError
from trainables.tasks.declared import declared
from trainables.tasks.examples import SpanExample, TaggingExample
from trainables.tasks.registry import task

pytestmark = pytest.mark.usefixtures("own_cache")
SENTENCES = [("Anna", "sleeps"), ("It", "rains", ".")]


def own(tmp_path, kind):
    """The task `mine` as an exported model has it."""
    [made] = read_tasks(write_task(tmp_path, kind))
    return declared(made).task("exported")


@pytest.mark.parametrize("suffix", [".jsonl", ".csv", ".parquet"])
def test_words_of_a_task_of_ones_own_may_be_called_tokens(tmp_path, suffix):
    rows = [{"id": row["id"], "tokens": row["words"], "tags": row["tags"]} for row in ROWS["tagging"]]
    found = read_rows(write_rows_as(tmp_path / f"rows{suffix}", rows), own(tmp_path, "tagging"))
    assert found.examples == (
        TaggingExample("a", ("Anna", "sleeps"), (1, 0)), TaggingExample("b", ("It", "rains", "."), (0, 0, 0)),
    )  # fmt: skip
    assert found.is_gold == (True, True)
    bare = [{"tokens": row["words"]} for row in ROWS["tagging"]]
    found = read_rows(write_rows_as(tmp_path / f"bare{suffix}", bare), own(tmp_path, "tagging"))
    assert [example.words for example in found.examples] == SENTENCES
    assert found.is_gold == (False, False)


@pytest.mark.parametrize("suffix", [".conll", ".txt", ".conllu"])
@pytest.mark.parametrize("name", ["mine", "panx", "udpos", "ccg"])
def test_words_and_tags_may_be_in_columns(tmp_path, suffix, name):
    of = own(tmp_path, "tagging") if name == "mine" else task(name)
    of = of.open_labels.task(("N", "S")) if of.open_labels else of
    first, second = of.format.labels[:2]
    lines = [[("Anna", second), ("sleeps", first)], [("It", first), ("rains", first), (".", first)]]
    text = "\n".join(
        "".join(
            f"{number}\t{word}\t_\t{tag}\t_\n" if suffix == ".conllu" else f"{word} x {tag}\n"
            for number, (word, tag) in enumerate(sentence, start=1)
        )
        for sentence in lines
    )
    found = read_rows(write_text(tmp_path / f"rows{suffix}", text), of)
    assert found.examples == (
        TaggingExample("1", ("Anna", "sleeps"), (1, 0)), TaggingExample("2", ("It", "rains", "."), (0, 0, 0)),
    )  # fmt: skip
    assert found.is_gold == (True, True)


def squad(**changes):
    asked = {"id": "q1", "question": "Where?", "answers": [{"text": "Kano", "answer_start": 14}], **changes}
    asked = {name: value for name, value in asked.items() if value is not None}
    return {"data": [{"paragraphs": [{"context": "Amina went to Kano.", "qas": [asked]}]}]}


@pytest.mark.parametrize("name", ["mine", "squad", "mlqa"])
@pytest.mark.parametrize("answers", [squad()["data"][0]["paragraphs"][0]["qas"][0]["answers"], [], None])
def test_questions_may_be_in_the_json_of_squad(tmp_path, name, answers):
    of = own(tmp_path, "span") if name == "mine" else task(name)
    path = write_text(tmp_path / "rows.json", json.dumps(squad(answers=answers), indent=1))
    found = read_rows(path, of)
    assert found.is_gold == (bool(answers),)
    [example] = found.examples
    assert isinstance(example, SpanExample)
    assert (example.id, example.question, example.context) == ("q1", "Where?", "Amina went to Kano.")
    assert example.answers == (("Kano",) if answers else ("?",))


def test_json_lines_of_questions_may_still_be_called_json(tmp_path):
    path = write_text(tmp_path / "rows.json", '{"question": "Where?", "context": "In Kano.", "data": "x"}\n')
    assert read_rows(path, task("squad")).examples[0].context == "In Kano."
    with pytest.raises(DataError, match=r"rows\.json, line 1: it is no JSON"):
        read_rows(write_text(path, '{"question": '), task("squad"))


@pytest.mark.parametrize(("name", "known"), [("xnli", r"\.parquet$"), ("panx", r"\.conll, \.conllu, \.txt$")])
def test_the_kinds_of_files_that_are_allowed_are_those_of_the_task(tmp_path, name, known):
    with pytest.raises(DataError, match=f"unknown kind of file '.xlsx'.*known: .*{known}"):
        read_rows(write_text(tmp_path / "rows.xlsx", ""), task(name))
