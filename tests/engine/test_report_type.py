"""What a worker tells the driver survives the flat dictionary that Tune carries, among entries of Tune's own."""

from __future__ import annotations

import json
import subprocess
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.made.records import intermediate_spec, record
from trainables.ledger.record import DevPoint, Score
from trainables.report import Advanced, Failed, Finished, Pace, figures, read
from trainables.tasks.registry import is_open

TUNES = {
    "training_iteration": 3, "timestamp": 1_700_000_000, "pid": 7, "time_total_s": 1.5, "hostname": "here",
    "config": {"run_id": "x", "step": 9}, "trial_id": "t0", "done": False,
}  # fmt: skip
counts = st.integers(0, 10**9)
percents = st.floats(0, 100)
words = st.text(st.characters(exclude_characters="/", codec="utf-8"), min_size=1)
paces = st.builds(
    Pace, loss=percents, losses=st.dictionaries(words, percents), learning_rate=percents, steps_per_second=percents,
    tokens_per_second=percents, tokens=counts, peak_bytes=counts,
)  # fmt: skip
reports = st.one_of(
    st.builds(
        Advanced, stage=st.text(), step=counts, planned_steps=counts, selection=st.none() | percents,
        metrics=st.dictionaries(words, percents), pace=st.none() | paces,
    ),
    st.builds(Failed, reason=st.text()),
    st.builds(
        Finished, run_id=words, step=counts, planned_steps=counts, tokens=counts, peak_bytes=counts,
        selected=st.none() | percents, scores=st.dictionaries(st.tuples(words, words, words).map("/".join), percents),
    ),
)  # fmt: skip


@given(reports)
def test_reading_is_the_inverse_of_writing(report):
    assert read(json.loads(json.dumps(report.to_result()))) == report


@given(reports)
def test_entries_of_others_are_ignored(report):
    assert read(TUNES | report.to_result()) == report


@pytest.mark.parametrize("result", [{}, TUNES])
def test_without_a_report_there_is_none(result):
    assert read(result) is None


def test_a_dev_evaluation_is_a_point_of_the_curve():
    report = Advanced(stage="train", step=10, planned_steps=40, selection=61.5, metrics={"f1": 60.0, "em": 63.0})
    assert report.dev_point == DevPoint(step=10, selection=61.5, metrics={"f1": 60.0, "em": 63.0})
    assert Advanced(stage="train", step=10, planned_steps=40).dev_point is None


def test_the_last_report_holds_means_over_the_languages():
    scores = [
        Score(task="squad", split="stopping", language=language, metric=metric, value=value, rows=8)
        for metric, values in {"f1": (60.0, 40.0), "exact_match": (50.0, 20.0)}.items()
        for language, value in zip(("en", "de"), values, strict=True)
    ]
    made = record(intermediate_spec("squad"), scores)
    report = Finished.of(made, is_open)
    assert report.run_id == made.run_id
    assert (report.step, report.planned_steps, report.peak_bytes) == (20, 20, 2**30)
    assert report.selected == 40.0
    assert report.scores == {"stopping/squad/f1": 50.0, "stopping/squad/exact_match": 35.0}


def test_scores_that_are_closed_are_not_reported():
    """XNLI is selected on dev, Tatoeba has a test set only; of an unknown task nothing is known."""
    scores = [
        Score(task=task, split=split, language="de", metric="m", value=50.0, rows=8)
        for task in ("xnli", "tatoeba", "no-task")
        for split in ("dev", "test")
    ]
    report = Finished.of(record(intermediate_spec("squad"), scores), is_open)
    assert set(report.scores) == {"dev/xnli/m", "dev/tatoeba/m", "test/tatoeba/m", "dev/no-task/m"}


def test_names_on_tensorboard():
    """Names of the scalars of stores that are already there; the step is their axis, truth values are none of them."""
    advanced = Advanced(stage="train", step=2, planned_steps=4, selection=1.0, metrics={"f1": 1.0})
    assert set(figures(advanced.to_result())) == {"step", "planned_steps", "selection", "dev/f1"}
    finished = Finished(run_id="abc", scores={"test/xnli/accuracy": 50.0})
    assert set(figures(finished.to_result())) == {"step", "planned_steps", "tokens", "peak_bytes", "test/xnli/accuracy"}
    assert figures(Failed(reason="broken").to_result()) == {}


def test_names_of_training_on_tensorboard():
    pace = Pace(loss=0.5, losses={"qqp": 0.4, "mlm": 6.0}, learning_rate=1e-5, steps_per_second=2, tokens_per_second=9)
    assert figures(Advanced(stage="train", step=2, pace=pace).to_result()) == {
        "step": 2, "planned_steps": 0, "train/loss": 0.5, "train/qqp.loss": 0.4, "train/mlm.loss": 6.0,
        "train/learning_rate": 1e-5, "train/steps_per_second": 2, "train/tokens_per_second": 9, "tokens": 0,
        "peak_bytes": 0,
    }  # fmt: skip
    assert Finished(run_id="abc", selected=61.5).to_result()["selected"] == 61.5
    assert "selected" not in Finished(run_id="abc").to_result()


def test_what_tune_reads_itself():
    assert Advanced(stage="train", step=2).to_result()["timesteps_total"] == 2
    assert Finished(run_id="abc").to_result()["done"] is True
    assert "done" not in Failed(reason="broken").to_result()


def test_neither_ray_nor_torch_is_imported():
    code = "import sys, trainables.report; print(sorted({'ray', 'torch', 'pandas', 'numpy'} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"
