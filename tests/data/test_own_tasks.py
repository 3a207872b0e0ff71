"""A task of one's own: its rows load like those of any task, and what is wrong with it is said."""

from __future__ import annotations

from dataclasses import replace

import pytest

from tests.data.test_column_and_squad_files import squad
from trainables.data.hub import load, open_data
from trainables.data.own_tasks import SPAN, TAGGING, Definition, write_rows
from trainables.data.source import DataError
from trainables.tasks.task import Role, Split

pytestmark = pytest.mark.usefixtures("own_cache")


@pytest.fixture
def mine(tmp_path):
    texts = {"train": "Anna B-PER\nsleeps O\n", "stopping": "It O\nrains O\n", "test": "Ana B-PER\nduerme O\n"}
    for name, text in texts.items():
        (tmp_path / name).write_text(text, encoding="utf-8")
    files = {
        Split.TRAIN: {"en": tmp_path / "train"},
        Split.STOPPING: {"en": tmp_path / "stopping"},
        Split.TEST: {"es": tmp_path / "test"},
    }
    return Definition(name="mine", role=Role.TARGET, format=TAGGING, files=files, labels=("O", "B-PER"))


def test_tagged_rows_load_from_the_mirror(mine, tmp_path):
    assert write_rows(mine, tmp_path / "rows") == {Split.TRAIN: 1, Split.STOPPING: 1, Split.TEST: 1}
    (example,) = load(mine.task(), Split.TEST, "es", open_data(str(tmp_path / "rows"))).examples
    assert (example.words, example.tags) == (("Ana", "duerme"), (1, 0))


def test_questions_load_from_the_mirror(tmp_path):
    (tmp_path / "train").write_text(squad([{"text": "Anna", "answer_start": 7}]), encoding="utf-8")
    (tmp_path / "dev").write_text(squad([{"text": "It", "answer_start": 0}]).replace("Who?", "What?"), encoding="utf-8")
    files = {Split.TRAIN: {"en": tmp_path / "train"}, Split.STOPPING: {"en": tmp_path / "dev"}}
    asked = Definition(name="asked", role=Role.INTERMEDIATE, format=SPAN, files=files)
    write_rows(asked, tmp_path / "rows")
    (example,) = load(asked.task(), Split.STOPPING, "en", open_data(str(tmp_path / "rows"))).examples
    assert (example.question, example.answers) == ("What?", ("It",))


def test_rows_of_training_in_another_split_are_an_error(mine, tmp_path):
    (tmp_path / "test").write_text("It O\n\nAnna O\nsleeps O\n", encoding="utf-8")
    with pytest.raises(DataError, match=r"test, row 2: it is a training row, too, of .*train"):
        write_rows(mine, tmp_path / "rows")


def test_a_tag_that_is_no_label_names_its_sentence(mine, tmp_path):
    (tmp_path / "test").write_text("Ana B-PR\n", encoding="utf-8")
    with pytest.raises(DataError, match="test, sentence 1: unknown label 'B-PR'; did you mean 'B-PER'"):
        write_rows(mine, tmp_path / "rows")


@pytest.mark.parametrize(
    ("change", "says"),
    [
        ({"name": "panx"}, "a task 'panx' is there already"),
        ({"name": "sw"}, "the name 'sw' means something else"),
        ({"name": "none"}, "the name 'none' means something else"),
        ({"format": "taging"}, "did you mean 'tagging'"),
        ({"labels": ("O", "O")}, "labels must be distinct"),
        ({"labels": ()}, "labels must be distinct"),
        ({"role": Role.MLM}, "unknown role 'mlm'"),
        ({"files": {}}, "no files for train, stopping, test"),
    ],
)
def test_bad_definitions_say_what_is_wrong(mine, change, says):
    with pytest.raises(DataError, match=says):
        replace(mine, **change)


def test_digest_follows_what_it_says_and_not_where_files_are(mine, tmp_path):
    moved = {split: dict.fromkeys(files, tmp_path / "other") for split, files in mine.files.items()}
    assert replace(mine, files=moved).digest == mine.digest
    assert replace(mine, labels=("B-PER", "O")).digest != mine.digest
