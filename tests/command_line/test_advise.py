"""The command `advise`: what it says, what it may take, what it refuses."""

from __future__ import annotations

import json
import time

import numpy as np
import pytest

from sweep.command_line.main import main
from sweep.command_line.sampling import FEWEST, Allowance, Wanted, sample_all
from tests.made.donors import fill_donors
from trainables.data.source import DataError
from trainables.tasks.formats.base import Head
from trainables.tasks.sample import Sample
from trainables.tasks.task import Split

WANTED = [Wanted(name, Split.TRAIN, ("en",)) for name in ("qqp", "anli", "qqp")]
DEMO = ["--data", "demo", "--encoder", "bundled:1", "--train-rows", "200"]
LONG = ["--set", "intermediate.epochs=2000", "--set", "target.epochs=2000"]
"""So that the sweep is estimated at many hours."""


def sample(wanted, rows):
    nothing = np.zeros((rows, 2))
    return Sample(
        task=wanted.task, languages=wanted.languages, head=Head.CLASSIFICATION, vectors=nothing,
        labels=np.zeros(rows, int), text=np.zeros(2), rows=rows,
    )  # fmt: skip


def slow(monkeypatch, seconds):
    """A clock that a row takes so long on; returns what is to be called for a sample."""
    clock = [0.0]
    monkeypatch.setattr(time, "perf_counter", lambda: clock[0])

    def take(wanted, rows):
        clock[0] += seconds * rows
        return sample(wanted, rows)

    return take, clock


@pytest.fixture
def store(tmp_path):
    def level(donor, recipient):
        return 40.0 + {"": 0, "en": 1, "de": 2, "ar": 3, "hi": 4}[donor]

    return fill_donors(tmp_path / "store", "udpos", ["en", "de", "ar", "hi"], level, ["panx", "pawsx", "tatoeba"]).root


def test_every_task_is_read_once_and_as_asked_where_there_is_time(monkeypatch):
    take, _ = slow(monkeypatch, 0.001)
    found = sample_all(WANTED, take, 256, Allowance(seconds=60, began=0))
    assert [(wanted.task, own.rows) for wanted, own in found.samples.items()] == [("qqp", 256), ("anli", 256)]
    assert not found.notes


def test_fewer_rows_are_read_where_time_is_short(monkeypatch):
    take, clock = slow(monkeypatch, 0.1)
    found = sample_all(WANTED, take, 256, Allowance(seconds=30, began=0))
    assert FEWEST <= found.rows < 256
    assert {own.rows for own in found.samples.values()} == {found.rows}
    assert clock[0] <= 30
    assert found.notes == (f"{found.rows} rows of every task were read, not 256: more would take too long",)


@pytest.mark.parametrize(("seconds", "before"), [(10.0, 0.0), (3.0, 0.0), (5.0, 6.0)])
def test_nothing_is_read_where_there_is_no_time(monkeypatch, seconds, before):
    take, clock = slow(monkeypatch, 0.1)
    clock[0] = before
    found = sample_all(WANTED, take, 256, Allowance(seconds=seconds, began=0))
    assert (found.samples, found.rows) == ({}, 0)
    assert f"longer than the {seconds:.1f} s" in found.notes[0]


def test_a_task_without_rows_goes_without(monkeypatch):
    take, _ = slow(monkeypatch, 0.0)

    def some(wanted, rows):
        if wanted.task == "anli":
            raise DataError("the file is gone")
        return take(wanted, rows)

    found = sample_all(WANTED, some, 256, Allowance(seconds=60, began=0))
    assert [wanted.task for wanted in found.samples] == ["qqp"]
    assert found.notes == ("no sample of anli: the file is gone",)


def test_candidates_are_ranked_by_what_they_are_to_the_frozen_encoder(capsys):
    words = ["--targets", "xnli,tatoeba", "--intermediates", "qqp,anli,udpos@de,mlm@sw,multitask", "--sample", "32"]
    assert main(["advise", *DEMO, *LONG, *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert set(found["targets"]) == {"xnli", "tatoeba"}
    by_row = {each["row"]: each for each in found["targets"]["xnli"]}
    assert set(by_row) == {"qqp", "anli", "udpos@de", "mlm@sw", "multitask"}
    assert found["targets"]["xnli"][0]["row"] == "anli"
    assert by_row["qqp"]["signals"]["format"] == 1.0
    assert by_row["udpos@de"]["signals"]["format"] == 0.0
    assert by_row["qqp"]["signals"]["labels"] is not None
    assert by_row["mlm@sw"]["signals"]["labels"] is None
    assert by_row["udpos@de"]["signals"]["near family"] > by_row["qqp"]["signals"]["near family"] - 1
    assert found["cost"]["rows"] == 32
    assert 0 < found["cost"]["share"] <= 0.01
    assert found["checks"] == []


def test_records_are_learned_from_and_the_advice_is_checked_on_them(store, capsys):
    words = ["--targets", "panx,xnli", "--intermediates", "udpos,udpos@hi,qqp", "--store", str(store), "--no-features"]
    assert main(["advise", *DEMO, *words]) == 0
    text = " ".join(capsys.readouterr().out.split())
    assert "Candidates for NER" in text
    assert "checked on" in text
    assert "3 targets left out in turn with their families (PAWS-X, NER, Tatoeba)" in text
    assert "the advice is no better than 'take SQuAD'" in text
    assert "note: no row was read, as asked" in text


def test_a_row_that_did_well_elsewhere_comes_first(store, capsys):
    words = ["--targets", "xnli", "--intermediates", "udpos,udpos@hi,udpos@de", "--store", str(store), "--no-features"]
    assert main(["advise", *DEMO, *words, "--json"]) == 0
    found = json.loads(capsys.readouterr().out)
    assert [each["row"] for each in found["targets"]["xnli"]] == ["udpos@hi", "udpos@de", "udpos"]


def test_without_a_store_it_says_that_nothing_was_checked(capsys):
    assert main(["advise", *DEMO, "--targets", "xnli", "--intermediates", "qqp,anli", "--no-features"]) == 0
    assert "How good this is was not checked" in capsys.readouterr().out.replace("\n", " ")


def test_all_tasks_that_train_are_candidates_but_the_target_itself(capsys):
    assert main(["advise", "--data", "demo", "--targets", "xnli", "--no-features", "--json"]) == 0
    rows = {each["row"] for each in json.loads(capsys.readouterr().out)["targets"]["xnli"]}
    assert {"squad", "qqp", "panx", "udpos", "pawsx", "tydiqa"} <= rows
    assert not {"xnli", "xquad", "mlqa", "none", "multitask"} & rows


@pytest.mark.parametrize(("words", "said"), [
    (["--store", "nowhere"], "there is no store at nowhere"),
    (["--targets", "xnil"], "did you mean 'xnli'?"),
    (["--intermediates", "squad@de"], "squad has no training rows in de"),
    (["--intermediates", "squad>"], "an empty stage"),
    (["--intermediates", "none"], "there is nothing to rank: no row but the baseline"),
    (["--encoder", "bundeld"], "bundeld"),
])  # fmt: skip
def test_bad_input_is_said(words, said, capsys):
    assert main(["advise", "--data", "demo", "--no-features", *words]) == 2
    assert said in capsys.readouterr().err


def test_a_sample_has_rows(capsys):
    with pytest.raises(SystemExit) as ended:
        main(["advise", "--sample", "0"])
    assert ended.value.code == 2
    assert "argument --sample: given '0'" in capsys.readouterr().err
