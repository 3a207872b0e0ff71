"""The data layer on bad and good input: every message names the file, what is wrong and what is allowed."""

from __future__ import annotations

import re
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.made.texts import MIRROR, write_rows
from trainables.data.digests import FileDigests
from trainables.data.hub import RELEASES, DataError, MissingDataError, load, open_data
from trainables.data.mirror import MirrorData
from trainables.tasks.registry import task, tasks
from trainables.tasks.sampling import spread
from trainables.tasks.task import Split

RELEASED = {release.repository for release in RELEASES.values()}
QQP_TRAIN = "nyu-mll/glue/qqp/train"
QQP_NAMES = {"label": ["not_duplicate", "duplicate"]}
POS_TRAIN = "google/xtreme/udpos.English/train"
POS_NAMES = {"pos_tags": ["NOUN", "VERB"]}
pytestmark = pytest.mark.usefixtures("own_cache")


def questions(labels):
    numbers = range(len(labels))
    return {"question1": [f"a{n}" for n in numbers], "question2": [f"b{n}" for n in numbers], "label": labels}


def squad_rows(texts, starts=None):
    numbers = range(len(texts))
    return {
        "id": [f"q{n}" for n in numbers],
        "context": ["Anna sleeps in Oslo."] * len(texts),
        "question": ["Where?"] * len(texts),
        "answers": [{"text": text, "answer_start": [15] * len(text)} for text in texts],
    }


def load_qqp(folder, **options):
    return load(task("qqp"), options.pop("split", Split.TRAIN), "en", MirrorData(folder), **options)


class TestRows:
    def test_label_names_not_numbers_decide(self, tmp_path):
        write_rows(tmp_path, QQP_TRAIN, questions([0, 1]), {"label": ["duplicate", "not_duplicate"]})
        assert [pair.label for pair in load_qqp(tmp_path).examples] == [1, 0]

    def test_names_in_place_of_numbers_are_read_too(self, tmp_path):
        write_rows(tmp_path, QQP_TRAIN, questions(["duplicate", "not_duplicate"]))
        assert [pair.label for pair in load_qqp(tmp_path).examples] == [1, 0]

    def test_numbers_without_names_are_refused(self, tmp_path):
        file = write_rows(tmp_path, QQP_TRAIN, questions([0, 1]))
        expected = rf"{file}, row 0: label is 0, allowed: not_duplicate, duplicate; .* no label names"
        with pytest.raises(DataError, match=expected):
            load_qqp(tmp_path)

    def test_unlabelled_rows_are_dropped_and_counted(self, tmp_path):
        write_rows(tmp_path, QQP_TRAIN, questions([0, -1, 1, None]), QQP_NAMES)
        loaded = load_qqp(tmp_path)
        assert [pair.text_a for pair in loaded.examples] == ["a0", "a2"]
        [use] = loaded.uses
        assert (use.repository, use.config, use.split, use.rows, use.dropped) == ("nyu-mll/glue", "qqp", "train", 2, 2)

    def test_label_out_of_range_names_file_row_and_allowed(self, tmp_path):
        file = write_rows(tmp_path, QQP_TRAIN, questions([0, 1, 7]), QQP_NAMES)
        expected = rf"{file}, row 2: label is 7, allowed: 0 to 1 \(not_duplicate, duplicate\)"
        with pytest.raises(DataError, match=expected):
            load_qqp(tmp_path)

    def test_missing_columns_are_named_with_the_nearest(self, tmp_path):
        file = write_rows(tmp_path, QQP_TRAIN, {"question1": ["a"], "question_2": ["b"], "label": [0]})
        expected = f"{file}: missing columns question2; present: question1, question_2, label; 'question2' may be"
        with pytest.raises(DataError, match=re.escape(expected)):
            load_qqp(tmp_path)

    def test_words_and_tags_must_be_as_many(self, tmp_path):
        file = write_rows(tmp_path, POS_TRAIN, {"tokens": [["a"], ["b", "c"]], "pos_tags": [[0], [1]]}, POS_NAMES)
        with pytest.raises(DataError, match=rf"{file}, row 1: 2 tokens but 1 pos_tags"):
            load(task("udpos"), Split.TRAIN, "en", MirrorData(tmp_path))

    def test_tags_are_mapped_by_name_and_words_cleaned(self, tmp_path):
        rows = {"tokens": [["Thành phố", "می\u200cرود"], [], ["_", "_"]], "pos_tags": [[1, 0], [], [0, 0]]}
        write_rows(tmp_path, POS_TRAIN, rows, POS_NAMES)
        loaded = load(task("udpos"), Split.TRAIN, "en", MirrorData(tmp_path))
        labels = task("udpos").format.labels
        [sentence] = loaded.examples
        assert sentence.words == ("Thànhphố", "میرود")
        assert [labels[tag] for tag in sentence.tags] == ["VERB", "NOUN"]
        assert loaded.uses[0].dropped == 2

    def test_unknown_tag_is_named(self, tmp_path):
        write_rows(tmp_path, POS_TRAIN, {"tokens": [["a"]], "pos_tags": [["NOUNS"]]})
        with pytest.raises(DataError, match="row 0: pos_tags is 'NOUNS', allowed: ADJ, ADP"):
            load(task("udpos"), Split.TRAIN, "en", MirrorData(tmp_path))

    def test_a_file_without_rows_is_refused(self, tmp_path):
        file = write_rows(tmp_path, QQP_TRAIN, questions([]))
        with pytest.raises(DataError, match=f"{file} has no rows"):
            load_qqp(tmp_path)

    def test_a_language_without_rows_in_a_mixed_file_is_refused(self, tmp_path):
        rows = {"language": ["de"], "sentence1": ["a"], "sentence2": ["b"], "gold_label": ["neutral"]}
        write_rows(tmp_path, "google/xtreme/XNLI/test", rows)
        with pytest.raises(DataError, match="has no rows with language 'fr'"):
            load(task("xnli"), Split.TEST, "fr", MirrorData(tmp_path))
        assert len(load(task("xnli"), Split.TEST, "de", MirrorData(tmp_path)).examples) == 1

    def test_row_numbers_of_mixed_files_are_those_of_the_file(self, tmp_path):
        texts = {"sentence1": ["a", "a"], "sentence2": ["b", "b"]}
        rows = {"language": ["de", "fr"], "gold_label": ["neutral", "?"], **texts}
        write_rows(tmp_path, "google/xtreme/XNLI/test", rows)
        with pytest.raises(DataError, match=r"row 1: gold_label is '\?', allowed: contradiction, entailment, neutral"):
            load(task("xnli"), Split.TEST, "fr", MirrorData(tmp_path))

    def test_contradictory_is_contradiction(self, tmp_path):
        rows = {"language": ["de"], "sentence1": ["a"], "sentence2": ["b"], "gold_label": ["contradictory"]}
        write_rows(tmp_path, "google/xtreme/XNLI/test", rows)
        assert load(task("xnli"), Split.TEST, "de", MirrorData(tmp_path)).examples[0].label == 0

    def test_a_broken_file_is_named(self, tmp_path):
        file = write_rows(tmp_path, QQP_TRAIN, questions([0]))
        file.write_bytes(b"PAR1 not parquet")
        with pytest.raises(DataError, match=f"{file} cannot be read as parquet"):
            load_qqp(tmp_path)

    def test_only_english_rows_train_tydiqa(self, tmp_path):
        rows = squad_rows([["Oslo"], ["Oslo"]]) | {"id": ["english-1", "finnish-2"]}
        write_rows(tmp_path, "google/xtreme/tydiqa/train", rows)
        loaded = load(task("tydiqa"), Split.TRAIN, "en", MirrorData(tmp_path))
        assert [question.id for question in loaded.examples] == ["english-1"]


class TestPlaceholders:
    test_file = "google/xtreme/MLQA.de.de/test"

    def test_some_are_dropped_and_counted(self, tmp_path):
        write_rows(tmp_path, self.test_file, squad_rows([["Oslo"], [""], [" "], ["", "Oslo"]]))
        loaded = load(task("mlqa"), Split.TEST, "de", MirrorData(tmp_path))
        assert [question.answers for question in loaded.examples] == [("Oslo",), ("Oslo",)]
        assert loaded.uses[0].dropped == 2

    def test_nothing_else_is_an_error_and_known_beforehand(self, tmp_path):
        file = write_rows(tmp_path, self.test_file, squad_rows([[""], [""]]))
        data = MirrorData(tmp_path)
        with pytest.raises(DataError, match=f"{file}: none of its 2 rows has a label or an answer"):
            load(task("mlqa"), Split.TEST, "de", data)
        [source] = task("mlqa").files(Split.TEST, "de")
        assert not data.has(source)
        assert "all answers are empty" in data.problem(source)


class TestLimits:
    @given(st.integers(1, 40), st.integers(0, 50))
    def test_a_limit_takes_one_row_of_each_stretch(self, num_rows, limit):
        taken = spread(num_rows, limit)
        assert taken == spread(num_rows, limit)
        if not 0 < limit < num_rows:
            assert taken == list(range(num_rows))
        else:
            assert [row * limit // num_rows for row in taken] == pytest.approx(list(range(limit)), abs=1)
            assert taken == sorted(set(taken))
            assert len(taken) == limit

    @given(st.integers(2, 5), st.integers(20, 100))
    def test_a_regular_pattern_of_labels_survives_a_limit(self, period, limit):
        labels = [row % period for row in spread(limit * period, limit)]
        assert set(labels) == set(range(period))

    def test_stopping_takes_the_first_rows(self, tmp_path):
        write_rows(tmp_path, "nyu-mll/glue/qqp/validation", questions([0] * 9), QQP_NAMES)
        loaded = load_qqp(tmp_path, split=Split.STOPPING, limit=3)
        assert [pair.text_a for pair in loaded.examples] == ["a0", "a1", "a2"]

    def test_stopping_of_joined_corpora_is_shuffled_once(self, tmp_path):
        rows = {"premise": ["p"] * 40, "hypothesis": ["h"] * 40, "label": [0] * 40}
        for source in task("anli").files(Split.STOPPING, "en"):
            write_rows(tmp_path, source.path, rows, {"label": ["entailment", "neutral", "contradiction"]})
        first = load(task("anli"), Split.STOPPING, "en", MirrorData(tmp_path), limit=50)
        again = load(task("anli"), Split.STOPPING, "en", MirrorData(tmp_path), limit=50)
        assert [pair.id for pair in first.examples] == [pair.id for pair in again.examples]
        assert all(use.rows > 0 for use in first.uses)
        assert sum(use.rows for use in first.uses) == 50


class TestFolders:
    def test_a_missing_file_is_named(self, tmp_path):
        with pytest.raises(MissingDataError, match=f"{tmp_path}/nyu-mll/glue/qqp/train.parquet does not exist"):
            load_qqp(tmp_path)

    def test_a_misspelt_folder_is_hinted_at(self, tmp_path):
        write_rows(tmp_path, "google/xtreme/panx.de/test", {"tokens": [["a"]], "ner_tags": [[0]]})
        with pytest.raises(MissingDataError, match=r"did you mean '.*google/xtreme/panx.de'"):
            load(task("panx"), Split.TEST, "de", MirrorData(tmp_path))
        with pytest.raises(MissingDataError) as error:
            load(task("panx"), Split.TEST, "fr", MirrorData(tmp_path))
        assert "did you mean" not in str(error.value)

    def test_another_split_is_hinted_at(self, tmp_path):
        write_rows(tmp_path, "nyu-mll/glue/qqp/dev", questions([0]), QQP_NAMES)
        with pytest.raises(MissingDataError, match=r"splits in .*: dev"):
            load_qqp(tmp_path)

    @pytest.mark.parametrize("folder", ["default", "data"])
    def test_the_hubs_own_file_names_are_read(self, tmp_path, folder):
        rows = {"id": ["1"], "question": ["q"], "answerKey": ["B"],
                "choices": [{"label": list("ABCDE"), "text": list("vwxyz")}]}  # fmt: skip
        write_rows(tmp_path, f"tau/commonsense_qa/{folder}/train-00000-of-00001", rows)
        [example] = load(task("csqa"), Split.TRAIN, "en", MirrorData(tmp_path)).examples
        assert (example.choices, example.label) == (tuple("vwxyz"), 1)

    def test_a_missing_file_is_known_beforehand(self, tmp_path):
        write_rows(tmp_path, QQP_TRAIN, questions([0]), QQP_NAMES)
        data, qqp = MirrorData(tmp_path), task("qqp")
        assert [data.has(source) for source in qqp.files(Split.TRAIN, "en")] == [True]
        [problem] = [data.problem(source) for source in qqp.files(Split.STOPPING, "en")]
        assert problem.startswith(f"{tmp_path}/nyu-mll/glue/qqp/validation.parquet")

    def test_preferences_choose_the_repository(self, tmp_path):
        write_rows(tmp_path, "facebook/xnli/de/test", {"premise": ["a"], "hypothesis": ["b"], "label": [2]},
                   {"label": ["entailment", "neutral", "contradiction"]})  # fmt: skip
        loaded = load(task("xnli"), Split.TEST, "de", MirrorData(tmp_path), preference="facebook/xnli")
        assert loaded.examples[0].label == 0
        with pytest.raises(ValueError, match=r"unknown repository of task xnli .*did you mean 'facebook/xnli'"):
            load(task("xnli"), Split.TEST, "de", MirrorData(tmp_path), preference="facebok/xnli")

    def test_languages_and_splits_are_checked(self, tmp_path):
        with pytest.raises(ValueError, match=r"unknown language of task xnli \(test\) 'ja'"):
            load(task("xnli"), Split.TEST, "ja", MirrorData(tmp_path))
        with pytest.raises(ValueError, match="unknown split of task tatoeba 'train'"):
            load(task("tatoeba"), Split.TRAIN, "en", MirrorData(tmp_path))

    def test_open_data_names_what_is_allowed(self, tmp_path):
        (tmp_path / "mirror").mkdir()
        assert open_data(str(tmp_path / "mirror")).kind == "mirror"
        with pytest.raises(MissingDataError, match=r"did you mean 'mirror'.*allowed: hub, demo"):
            open_data(str(tmp_path / "mirorr"))
        with pytest.raises(MissingDataError, match="did you mean 'demo'"):
            open_data("dem")

    def test_an_offline_hub_says_what_to_do_instead(self, monkeypatch):
        import datasets

        def offline(*_, **__):
            raise ConnectionError("no route to host\nand more")

        monkeypatch.setattr(datasets, "load_dataset", offline)
        expected = (
            r"hub nyu-mll/glue, configuration qqp, split train cannot be read: .*no route to host\. .*--data demo"
        )
        with pytest.raises(MissingDataError, match=expected):
            load(task("qqp"), Split.TRAIN, "en", open_data("hub"))

    def test_the_hub_reads_pinned_commits_and_keeps_label_names(self, monkeypatch):
        import datasets

        label = datasets.ClassLabel(names=["not_duplicate", "duplicate"])
        features = datasets.Features(
            {name: datasets.Value("string") for name in ("question1", "question2")} | {"label": label, "idx": label}
        )
        rows = datasets.Dataset.from_dict(questions([1, 0]) | {"idx": [0, 0]}, features=features)
        asked = {}
        monkeypatch.setattr(datasets, "load_dataset", lambda *names, **options: asked.update(options) or rows)
        data = open_data("hub")
        loaded = load(task("qqp"), Split.TRAIN, "en", data)
        assert [pair.label for pair in loaded.examples] == [1, 0]
        assert asked == {"split": "train", "revision": "bcdcba79d07bc864c1c254ccfcedcce55bcc9a8c"}
        assert len(data.fingerprint(task("qqp").files(Split.TRAIN, "en"))) == 16


class TestFingerprint:
    def sources(self):
        return [*task("qqp").files(Split.TRAIN, "en"), *task("qqp").files(Split.STOPPING, "en")]

    def folder(self, root: Path, label=0):
        write_rows(root, QQP_TRAIN, questions([label]), QQP_NAMES)
        write_rows(root, "nyu-mll/glue/qqp/validation", questions([0]), QQP_NAMES)
        return MirrorData(root)

    def test_equal_content_elsewhere_is_equal(self, tmp_path):
        one, two = self.folder(tmp_path / "one"), self.folder(tmp_path / "two")
        assert one.fingerprint(self.sources()) == two.fingerprint(self.sources()[::-1])
        assert len(one.fingerprint(self.sources())) == 16

    def test_changed_content_differs_and_other_files_do_not_matter(self, tmp_path):
        before = self.folder(tmp_path).fingerprint(self.sources())
        write_rows(tmp_path, "nyu-mll/glue/other/train", questions([1]))
        assert self.folder(tmp_path).fingerprint(self.sources()) == before
        assert self.folder(tmp_path, label=1).fingerprint(self.sources()) != before

    def test_files_are_read_once(self, tmp_path, monkeypatch):
        data = self.folder(tmp_path / "rows")
        digests = FileDigests(tmp_path / "digests.json")
        files = [path for source in self.sources() for path in data.files(source)]
        first = digests.combined(data.root, files)
        monkeypatch.setattr("hashlib.file_digest", lambda *_: pytest.fail("read again"))
        assert FileDigests(tmp_path / "digests.json").combined(data.root, files) == first

    def test_a_broken_cache_is_no_error(self, tmp_path):
        data = self.folder(tmp_path / "rows")
        files = data.files(self.sources()[0])
        expected = FileDigests(tmp_path / "a.json").combined(data.root, files)
        (tmp_path / "b.json").write_text("{broken")
        assert FileDigests(tmp_path / "b.json").combined(data.root, files) == expected

    def test_a_missing_file_has_no_fingerprint(self, tmp_path):
        with pytest.raises(MissingDataError, match=r"qqp/train.parquet does not exist"):
            MirrorData(tmp_path).fingerprint(self.sources())


class TestRegistry:
    def test_unknown_tasks_answer_with_the_nearest(self):
        with pytest.raises(ValueError, match="unknown task 'sqaud'; did you mean 'squad'"):
            task("sqaud")

    def test_every_source_declares_the_columns_its_parser_reads(self):
        for known in tasks().values():
            for preference, splits in known.sources.items():
                for split, languages in known.languages.items():
                    for language in languages:
                        for source in splits[split](language):
                            assert source.columns, (known.name, preference)
                            assert source.revision if "/" in source.repository else source.repository in RELEASED
                            assert not source.keep or source.keep.column in source.columns


def without_data(name, data):
    """Splits and languages of a task that lack a file."""
    return {
        f"{split} {language}"
        for split, languages in task(name).languages.items()
        for language in languages
        if not all(data.has(source) for source in task(name).files(split, language))
    }


@pytest.mark.skipif(not MIRROR.is_dir(), reason="the mirror of real rows is not at hand")
class TestMirror:
    def test_real_file_metadata_names_the_labels(self):
        rows = pq.read_table(MIRROR / "nyu-mll/multi_nli/default/train.parquet").slice(0, 50).to_pylist()
        published = ("entailment", "neutral", "contradiction")
        loaded = load(task("xnli"), Split.TRAIN, "en", open_data(str(MIRROR)))
        labels = task("xnli").format.labels
        assert [labels[pair.label] for pair in loaded.examples[:50]] == [published[row["label"]] for row in rows]

    def test_mirror_holds_emptied_answers(self):
        data = open_data(str(MIRROR))
        assert without_data("mlqa", data) == {"test de", "test es", "test vi", "test zh"}
        assert len(without_data("tydiqa", data)) == 10
