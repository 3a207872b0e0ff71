"""A mirror may hold anything: each fault is a DataError that names the file, the row and the column."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from tests.made.texts import write_rows
from trainables.data.hub import DataError, load, open_data
from trainables.data.mirror import MirrorData
from trainables.data.mlm import load_mlm
from trainables.ledger.spec import MlmSettings
from trainables.tasks.registry import task
from trainables.tasks.rows import LONGEST_TEXT
from trainables.tasks.task import Split

pytestmark = pytest.mark.usefixtures("own_cache")

QQP = "nyu-mll/glue/qqp/train"
NAMES = {"label": ["not_duplicate", "duplicate"]}
BAD_UTF8 = pa.array([b"good", b"\xff\xfe"], pa.binary()).view(pa.string())


def questions(**changes):
    return {"question1": ["a", "b"], "question2": ["c", "d"], "label": [0, 1]} | changes


def answers(**changes):
    row = {"id": "1", "context": "In Bern.", "question": "Where?", "answers": {"text": ["Bern"], "answer_start": [3]}}
    return {name: [row[name], value] for name, value in (row | changes).items()}


def answered(**changes):
    return answers(answers={"text": ["Bern"], "answer_start": [3]} | changes)


def choices(**changes):
    held = {"label": list("ABCDE"), "text": list("vwxyz")}
    row = {"id": "1", "question": "q", "choices": held, "answerKey": "B"}
    return {name: [row[name], value] for name, value in (row | changes).items()}


def endings(**changes):
    row = {"ctx_a": "a", "ctx_b": "b", "endings": list("wxyz"), "label": "1"} | changes
    return {name: [value] for name, value in row.items()}


BAD_ROWS = {
    "null text": ("qqp", QQP, questions(question2=["c", None]), "row 1: question2 is null, expected text"),
    "number for text": ("qqp", QQP, questions(question1=[3, 4]), "row 0: question1 is 3, expected text"),
    "bytes for text": ("qqp", QQP, questions(question1=[b"a", b"b"]), "row 0: question1 is b'a', expected text"),
    "list for text": ("qqp", QQP, questions(question1=[["a"], ["b"]]), "row 0: question1 is ['a'], expected text"),
    "bad utf-8": ("qqp", QQP, questions(question1=BAD_UTF8), "row 1: question1 cannot be read: 'utf-8' codec"),
    "huge text": ("qqp", QQP, questions(question1=["a", "x" * (LONGEST_TEXT + 1)]),
                  "row 1: question1 has 10,000,001 characters, allowed: 10,000,000"),
    "label too large": ("qqp", QQP, questions(label=[0, 2**40]), f"row 1: label is {2**40}, allowed: 0 to 1"),
    "label below": ("qqp", QQP, questions(label=[0, -2]), "row 1: label is -2, allowed: 0 to 1"),
    "label of parts": ("qqp", QQP, questions(label=[0.0, 0.5]), "row 1: label is 0.5, allowed: 0 to 1"),
    "label a record": ("qqp", QQP, questions(label=[{"a": 1}] * 2), "row 0: label is {'a': 1}, allowed: 0 to 1"),
    "words no list": ("panx", "google/xtreme/PAN-X.en/train", {"tokens": ["a b"], "ner_tags": [["O"]]},
                      "row 0: tokens is 'a b', expected a list of texts"),
    "no words": ("panx", "google/xtreme/PAN-X.en/train",
                 {"tokens": pa.array([None], pa.list_(pa.string())), "ner_tags": [["O"]]},
                 "row 0: tokens is null, expected a list of texts"),
    "null word": ("panx", "google/xtreme/PAN-X.en/train", {"tokens": [["a", None]], "ner_tags": [["O", "O"]]},
                  "row 0: tokens[1] is null, expected text"),
    "no tags": ("panx", "google/xtreme/PAN-X.en/train",
                {"tokens": [["a"]], "ner_tags": pa.array([None], pa.list_(pa.string()))},
                "row 0: ner_tags is null, expected a list of tags"),
    "answers no record": ("squad", "rajpurkar/squad/plain_text/train", answers(answers=None),
                          "row 1: answers is null, expected a record of text and answer_start"),
    "null answer": ("squad", "rajpurkar/squad/plain_text/train", answered(text=[None]),
                    "row 1: answers.text[0] is null, expected text"),
    "null start": ("squad", "rajpurkar/squad/plain_text/train", answered(answer_start=[None]),
                   "row 1: answers.answer_start[0] is null, expected a whole number"),
    "huge start": ("squad", "rajpurkar/squad/plain_text/train", answered(answer_start=[2**40]),
                   f"row 1: answers.answer_start[0] is {2**40}, expected a whole number of at most 2,147,483,647"),
    "null context": ("squad", "rajpurkar/squad/plain_text/train", answers(context=None),
                     "row 1: context is null, expected text"),
    "null choice": ("csqa", "tau/commonsense_qa/default/train",
                    choices(choices={"label": list("ABCDE"), "text": ["v", "w", None, "y", "z"]}),
                    "row 1: choices.text[2] is null, expected text"),
    "choices of another kind": ("csqa", "tau/commonsense_qa/default/train",
                                {"id": ["1"], "question": ["q"], "choices": [["v", "w"]], "answerKey": ["B"]},
                                "row 0: choices is ['v', 'w'], expected a record of label and text"),
    "answer key a number": ("csqa", "tau/commonsense_qa/default/train",
                            {name: values[:1] for name, values in choices().items()} | {"answerKey": [0]},
                            "row 0: answerKey is 0, allowed: A, B, C, D, E"),
    "label a number": ("hellaswag", "Rowan/hellaswag/default/train", endings(label=0),
                       "row 0: label is 0, allowed: 0, 1, 2, 3"),
    "null beginning": ("hellaswag", "Rowan/hellaswag/default/train", endings(ctx_b=None),
                       "row 0: ctx_b is null, expected text"),
}  # fmt: skip


@pytest.mark.parametrize("case", BAD_ROWS)
def test_a_row_that_is_not_what_it_should_be_is_named_with_its_column(case, tmp_path):
    name, path, rows, said = BAD_ROWS[case]
    file = write_rows(tmp_path, path, rows, NAMES if name == "qqp" else None)
    with pytest.raises(DataError, match=re.escape(f"{file}, {said}")):
        load(task(name), Split.TRAIN, "en", MirrorData(tmp_path))


def test_a_sentence_of_a_bitext_that_is_null_is_named(tmp_path):
    rows = {"source_sentence": ["Ja.\n", "Nein.\n"], "target_sentence": ["Yes.\n", None]}
    file = write_rows(tmp_path, "google/xtreme/tatoeba.deu/validation", rows)
    with pytest.raises(DataError, match=f"{file}, row 1: target_sentence is null, expected text"):
        load(task("tatoeba"), Split.TEST, "de", MirrorData(tmp_path))


@pytest.mark.parametrize(
    ("path", "rows", "said"),
    [
        ("wikimedia/wikipedia/20231101.en/train", {"text": ["One two three.", None]}, "row 1: text is null, expected"),
        ("wikimedia/wikipedia/20231101.en/train", {"text": BAD_UTF8}, "row 1: text cannot be read: 'utf-8' codec"),
        ("google/xtreme/PAN-X.en/train", {"tokens": [["a", None]]}, r"row 0: tokens\[1\] is null, expected text"),
    ],
)
def test_text_for_mlm_that_is_none_is_named(path, rows, said, tmp_path):
    file = write_rows(tmp_path, path, rows)
    with pytest.raises(DataError, match=f"{file}, {said}"):
        load_mlm(MlmSettings(languages=("en",), sentences=10), MirrorData(tmp_path))


BAD_FEATURES = {
    "no JSON": "{",
    "not UTF-8": b"\xff",
    "nested too deep": "[" * 100_000,
    "a list": "[1]",
    "info is null": '{"info": null}',
    "features are a text": '{"info": {"features": "label"}}',
    "no names": '{"info": {"features": {"label": {"_type": "ClassLabel"}}}}',
    "names are a text": '{"info": {"features": {"label": {"_type": "ClassLabel", "names": "ab"}}}}',
    "names are numbers": '{"info": {"features": {"label": {"_type": "ClassLabel", "names": [0, 1]}}}}',
    "names are equal": '{"info": {"features": {"label": {"_type": "ClassLabel", "names": ["a", "a"]}}}}',
}


@pytest.mark.parametrize("case", BAD_FEATURES)
def test_features_that_datasets_does_not_write_are_refused(case, tmp_path):
    file = write_rows(tmp_path, QQP, questions(label=["duplicate", "not_duplicate"]))
    table = pq.read_table(file).replace_schema_metadata({"huggingface": BAD_FEATURES[case]})
    pq.write_table(table, file)
    with pytest.raises(DataError, match=f"{file}: its metadata `huggingface` is not what `datasets` writes"):
        load(task("qqp"), Split.TRAIN, "en", MirrorData(tmp_path))


def test_labels_with_strange_names_are_told_without_control_characters(tmp_path):
    write_rows(tmp_path, QQP, questions(label=[0, 5]), {"label": ["\x1b[31m", "\ud800"]})
    with pytest.raises(DataError, match=r"label is 5") as caught:
        load(task("qqp"), Split.TRAIN, "en", MirrorData(tmp_path))
    assert str(caught.value).isprintable()


class TestFiles:
    """What is no parquet file, or not the one it should be; both when planned with and when read."""

    def refused(self, root: Path, file: Path) -> None:
        """Counting and reading name the file."""
        [source] = task("qqp").files(Split.TRAIN, "en")
        for ask in (MirrorData(root).num_rows, MirrorData(root).table):
            with pytest.raises(DataError, match=re.escape(str(file))):
                ask(source)

    @pytest.mark.parametrize("kept", [0, 3, 40, -1, -12])
    def test_truncated(self, kept, tmp_path):
        file = write_rows(tmp_path, QQP, questions())
        file.write_bytes(file.read_bytes()[:kept])
        self.refused(tmp_path, file)

    def test_text(self, tmp_path):
        file = write_rows(tmp_path, QQP, questions())
        file.write_text("question1,question2,label\n")
        self.refused(tmp_path, file)

    def test_a_folder_in_place_of_a_file(self, tmp_path):
        file = tmp_path / f"{QQP}.parquet"
        file.mkdir(parents=True)
        self.refused(tmp_path, file)
        [source] = task("qqp").files(Split.TRAIN, "en")
        assert MirrorData(tmp_path).problem(source) == f"{file} is no file"

    def test_a_link_in_a_circle(self, tmp_path):
        file = tmp_path / f"{QQP}.parquet"
        file.parent.mkdir(parents=True)
        file.symlink_to(file)
        self.refused(tmp_path, file)
        [source] = task("qqp").files(Split.TRAIN, "en")
        assert "Too many levels of symbolic links" in MirrorData(tmp_path).problem(source)

    def test_folders_in_a_circle(self, tmp_path):
        (tmp_path / "nyu-mll").symlink_to(tmp_path / "nyu-mll")
        (tmp_path / "google").symlink_to(tmp_path)
        self.refused(tmp_path, tmp_path / f"{QQP}.parquet")
        [source] = task("tatoeba").files(Split.TEST, "de")
        assert not MirrorData(tmp_path).has(source)

    def test_no_columns(self, tmp_path):
        file = tmp_path / f"{QQP}.parquet"
        file.parent.mkdir(parents=True)
        pq.write_table(pa.table({}), file)
        with pytest.raises(DataError, match=f"{file}: missing columns question1, question2, label; present: none"):
            load(task("qqp"), Split.TRAIN, "en", MirrorData(tmp_path))

    def test_two_columns_of_one_name(self, tmp_path):
        file = tmp_path / f"{QQP}.parquet"
        file.parent.mkdir(parents=True)
        columns = [pa.array(values) for values in (["a"], ["other"], ["b"], ["duplicate"])]
        pq.write_table(pa.table(columns, names=["question1", "question1", "question2", "label"]), file)
        with pytest.raises(DataError, match=f"{file}: has several columns question1"):
            load(task("qqp"), Split.TRAIN, "en", MirrorData(tmp_path))

    def test_any_single_flipped_bit_is_refused_or_leaves_examples_of_the_right_kind(self, tmp_path):
        """Where pages have checksums, a flip in the data is refused, too."""
        file = write_rows(tmp_path, QQP, questions(question1=["a" * 50, "b" * 50]), NAMES)
        table = pq.read_table(file)
        pq.write_table(table, file, write_page_checksum=True, compression="none")
        whole, loaded, refused = file.read_bytes(), [], []
        for place in np.random.default_rng(0).integers(0, 8 * len(whole), 200).tolist():
            flipped = bytearray(whole)
            flipped[place // 8] ^= 1 << place % 8
            file.write_bytes(flipped)
            try:
                loaded += load(task("qqp"), Split.TRAIN, "en", MirrorData(tmp_path)).examples
            except DataError as error:
                refused.append(str(error))
        assert all(str(file) in said for said in refused)
        assert all(isinstance(each.text_a, str) and each.label in (0, 1) for each in loaded)

    def test_an_empty_answer_column_of_another_kind_is_seen_when_it_is_read(self, tmp_path):
        file = write_rows(tmp_path, "google/xtreme/MLQA.de.de/test", answers() | {"answers": ["a", "b"]})
        [source] = task("mlqa").files(Split.TEST, "de")
        assert MirrorData(tmp_path).has(source)
        with pytest.raises(DataError, match=f"{file}, row 0: answers is 'a', expected a record"):
            load(task("mlqa"), Split.TEST, "de", MirrorData(tmp_path))


class TestMixedLanguages:
    path = "google/xtreme/XNLI/test"

    def rows(self, languages):
        count = len(languages)
        texts = {"sentence1": ["a"] * count, "sentence2": ["b"] * count, "gold_label": ["neutral"] * count}
        return {"language": languages, **texts}

    def refused(self, root, said):
        [source] = task("xnli").files(Split.TEST, "de")
        for ask in (MirrorData(root).num_rows, lambda _: load(task("xnli"), Split.TEST, "de", MirrorData(root))):
            with pytest.raises(DataError, match=said):
                ask(source)

    def test_a_row_of_no_language_is_named(self, tmp_path):
        file = write_rows(tmp_path, self.path, self.rows(["de", None, "fr"]))
        self.refused(tmp_path, f"{file}, row 1: language is null, expected text")

    def test_languages_must_be_text(self, tmp_path):
        file = write_rows(tmp_path, self.path, self.rows([1, 2]))
        self.refused(tmp_path, f"{file}: language is int64, expected text")

    def test_languages_may_be_a_dictionary(self, tmp_path):
        write_rows(tmp_path, self.path, self.rows(pa.array(["de", "fr", "de"]).dictionary_encode()))
        assert len(load(task("xnli"), Split.TEST, "de", MirrorData(tmp_path)).examples) == 2

    def test_a_file_without_the_column_is_named_when_it_is_counted(self, tmp_path):
        file = write_rows(tmp_path, self.path, {"sentence1": ["a"]})
        self.refused(tmp_path, f"{file}: missing columns language")


class TestShards:
    """A downloaded repository: one split in several files."""

    def shard(self, root, number, of, rows=None, names=NAMES):
        return write_rows(root, f"nyu-mll/glue/qqp/train-{number:05}-of-{of:05}", rows or questions(), names)

    def test_all_of_them_are_one_split(self, tmp_path):
        for number in range(3):
            self.shard(tmp_path, number, 3)
        assert len(load(task("qqp"), Split.TRAIN, "en", MirrorData(tmp_path)).examples) == 6

    @pytest.mark.parametrize(
        ("held", "said"),
        [
            ([(0, 3), (2, 3)], "shards 00001 of 00003 are missing"),
            ([(1, 2)], "shards 00000 of 00002 are missing"),
            ([(0, 1), (0, 2), (1, 2)], "shards of several downloads are mixed"),
        ],
    )
    def test_rows_of_a_missing_shard_are_not_left_out_in_silence(self, held, said, tmp_path):
        for number, of in held:
            self.shard(tmp_path, number, of)
        [source] = task("qqp").files(Split.TRAIN, "en")
        assert said in MirrorData(tmp_path).problem(source)
        with pytest.raises(DataError, match=said):
            load(task("qqp"), Split.TRAIN, "en", MirrorData(tmp_path))

    def test_label_numbers_of_each_shard_are_its_own(self, tmp_path):
        """The second one counts the other way round; its rows would get the labels of the first."""
        self.shard(tmp_path, 0, 2)
        other = self.shard(tmp_path, 1, 2, names={"label": ["duplicate", "not_duplicate"]})
        with pytest.raises(DataError, match=f"{other} has other columns, types or label names than "):
            load(task("qqp"), Split.TRAIN, "en", MirrorData(tmp_path))


def test_the_table_of_tasks_shows_the_files_beside_a_broken_one(tmp_path, capsys):
    from sweep.grid import main

    broken = write_rows(tmp_path, QQP, questions())
    broken.write_bytes(b"PAR1")
    rows = {"source_sentence": ["\x1b[31mJa."], "target_sentence": ["Yes."]}
    write_rows(tmp_path, "google/xtreme/tatoeba.deu/validation", rows)
    assert main(["tasks", "--data", str(tmp_path)]) == 0
    out = capsys.readouterr().out
    assert f"{broken} cannot be read as parquet" in out.replace("\n", "")
    assert r"tatoeba: foreign=\x1b[31mJa.  english=Yes." in out
    assert "\x1b" not in out


def test_a_file_that_is_gone_between_two_looks_is_named(tmp_path):
    file = write_rows(tmp_path, QQP, questions(), NAMES)
    data = open_data(str(tmp_path))
    files = data.base.files(*task("qqp").files(Split.TRAIN, "en"))
    file.unlink()
    with pytest.raises(DataError, match=f"{file} cannot be read: No such file"):
        data.base._digests.combined(tmp_path, files)


def test_metadata_without_features_is_none(tmp_path):
    file = write_rows(tmp_path, QQP, questions(label=["duplicate", "not_duplicate"]))
    table = pq.read_table(file).replace_schema_metadata({"huggingface": json.dumps({"info": {}})})
    pq.write_table(table, file)
    assert [each.label for each in load(task("qqp"), Split.TRAIN, "en", MirrorData(tmp_path)).examples] == [1, 0]
