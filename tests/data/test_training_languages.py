"""Rows of other languages: which files a run reads, how its rows are shared out, and what joining them gives."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from tests.made.data import FakeData
from tests.made.phases import spec
from tests.made.specs import DATA, INTERMEDIATE
from tests.made.texts import tokenizer
from trainables.data.hub import open_data
from trainables.data.loading import load
from trainables.data.reading import files_of, stopping_languages
from trainables.ledger.spec import Phase, RunSpec
from trainables.tasks.formats.base import appended
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.formats.windows import Windows
from trainables.tasks.registry import task
from trainables.tasks.sampling import shares
from trainables.tasks.task import Split


def _in(*languages: str, name: str = "panx", **changes: object) -> RunSpec:
    data = dataclasses.replace(DATA, train_languages=languages, languages=(), **changes)
    settings = dataclasses.replace(INTERMEDIATE.optimisation, batch_sizes={name: 8})
    return dataclasses.replace(INTERMEDIATE, tasks=(name,), data=data, optimisation=settings, mlm=None)


def _paths(wanted: RunSpec, data: FakeData) -> set[str]:
    return {source.path.removeprefix("google/xtreme/") for source in files_of(wanted, data, {})}


def test_english_said_is_english_not_said():
    assert _in("en").run_id == _in().run_id
    assert "train_languages" not in _in("en").canonical_json()


def test_the_order_of_languages_makes_no_difference():
    assert _in("sw", "de", "sw").run_id == _in("de", "sw").run_id != _in("de").run_id
    assert RunSpec.from_dict(_in("sw", "de").to_dict()) == _in("de", "sw")


def test_fewer_rows_than_languages_is_an_error():
    with pytest.raises(ValueError, match=r"train_rows is 2, fewer than one for each of 3 training languages"):
        _in("de", "sw", "en", train_rows=2)


def test_mlm_is_no_task_among_others():
    with pytest.raises(ValueError, match="MLM beside a task is asked for by `mlm`"):
        dataclasses.replace(INTERMEDIATE, tasks=("qqp", "mlm"))


@pytest.mark.parametrize(
    ("total", "found"),
    [(7, {"de": 3, "en": 2, "sw": 2}), (0, {"de": 0, "en": 0, "sw": 0}), (2, {"de": 1, "en": 1})],
)
def test_rows_are_shared_out_evenly(total, found):
    assert shares(total, ("de", "en", "sw")) == found


def test_a_run_reads_the_files_of_its_training_languages():
    found = _paths(_in("de", "sw"), FakeData())
    assert found == {f"PAN-X.{code}/{split}" for code in ("de", "sw") for split in ("train", "validation")}
    assert _paths(_in(), FakeData()) == {"PAN-X.en/train", "PAN-X.en/validation"}


def test_a_run_of_mlm_alone_reads_its_text_and_nothing_else():
    wanted = dataclasses.replace(INTERMEDIATE, tasks=("mlm",))
    assert _paths(wanted, FakeData()) == {f"wikimedia/wikipedia/20231101.{code}/train" for code in ("en", "de")}


@pytest.mark.parametrize(
    ("languages", "absent", "stopped_by"),
    [
        (("de", "kk"), (), ("de",)),  # no development rows in Kazakh
        (("kk",), (), ("en",)),
        (("de", "ta"), ("Tamil/validation",), ("de",)),
        (("de",), ("German/validation",), ("en",)),
    ],
)
def test_languages_without_stopping_rows_give_none_and_english_stands_in(languages, absent, stopped_by):
    wanted, data = _in(*languages, name="udpos"), FakeData(*absent)
    assert stopping_languages(task("udpos"), wanted, data, "") == stopped_by
    read = {path.partition("/")[0] for path in _paths(wanted, data) if path.endswith("/validation")}
    names = {"de": "German", "en": "English"}
    assert read == {f"udpos.{names[code]}" for code in stopped_by}


@pytest.mark.parametrize(("name", "language"), [("udpos", "th"), ("qqp", "de"), ("panx", "xx")])
def test_a_language_that_a_task_is_not_trained_in_is_an_error(name, language):
    with pytest.raises(ValueError, match=f"unknown training language of task {name} '{language}'"):
        files_of(_in(language, name=name), FakeData(), {})


def test_translations_train_xnli_in_other_languages():
    found = _paths(_in("de", "en", name="xnli"), FakeData())
    assert found == {"facebook/xnli/de/train", "nyu-mll/multi_nli/default/train", "XNLI/validation"}


@pytest.mark.parametrize(
    ("name", "split", "languages"),
    [
        ("panx", Split.TRAIN, ("de", "sw")),
        ("tydiqa", Split.TRAIN, ("en", "ko")),
        ("tydiqa", Split.STOPPING, ("ar", "te")),
        ("xnli", Split.STOPPING, ("de", "sw", "zh")),
    ],
)
@pytest.mark.parametrize("max_length", [24, 128])
def test_encodings_one_after_another_are_the_encoding_of_all_rows(name, split, languages, max_length):
    form, data = task(name).format, open_data("demo")
    parts = [load(task(name), split, code, data, limit=30 + len(code)).examples for code in languages]
    whole = [example for part in parts for example in part]

    def encoded(examples):
        return form.encode(examples, tokenizer(), max_length, training=split is Split.TRAIN)

    _same(appended([encoded(part) for part in parts]), encoded(whole))


def _same(one, two):
    for field in dataclasses.fields(two):
        left, right = getattr(one, field.name), getattr(two, field.name)
        if isinstance(right, Ragged | Windows):
            pairs = [(left, right)] if isinstance(right, Ragged) else _of_windows(left, right)
            for a, b in pairs:
                assert np.array_equal(a.used, b.used), field.name
                assert np.array_equal(a.lengths, b.lengths), field.name
        elif isinstance(right, np.ndarray):
            assert left.dtype == right.dtype
            assert np.array_equal(left, right), field.name
        else:
            assert left == right, field.name


def _of_windows(one, two):
    assert np.array_equal(one.positions, two.positions)
    return [(getattr(one, name), getattr(two, name)) for name in ("begins", "ends", "best_contexts")]


def test_runs_of_today_read_what_they_read_before():
    """The fingerprint of the spec that the other tests train with stands for the files of English alone."""
    for wanted in (spec(Phase.INTERMEDIATE, "qqp"), spec(Phase.TARGET, "panx")):
        paths = [source.path for source in files_of(wanted, open_data("demo"), {})]
        trained = [path for path in paths if path.endswith("train")]
        assert trained in (["nyu-mll/glue/qqp/train"], ["google/xtreme/PAN-X.en/train"])
