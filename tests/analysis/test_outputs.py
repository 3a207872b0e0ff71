"""What other programs and papers read: the long table by its schema, and the text of the checklist."""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path

import pandas as pd
import pyarrow.parquet as pq
import pytest

from analysis.report.checklist import checklist
from analysis.report.outputs import FIELDS, SCHEMA, in_arrow
from analysis.report.writer import write_report
from analysis.scores.load import load, score_table
from analysis.selection.sweep import gather
from analysis.statistics.estimate import Estimate, NoVerdict, Verdict, Verdicts, Word
from tests.made.records import fill, plan_of, record, target_spec
from trainables.ledger.cells import Row
from trainables.ledger.spec import Phase
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.ledger.studies import StudyResult, Trial

PAGE = Path(__file__).parents[2] / "docs" / "outputs.md"


def test_the_page_documents_every_column_with_its_type_and_unit():
    rows = re.findall(r"^\| `(\w+)` \| (\w+) \| (\w*) ?\| (.+) \|$", PAGE.read_text(encoding="utf-8"), re.MULTILINE)
    assert rows == [(each.name, str(each.type), each.unit, each.meaning) for each in FIELDS]


def test_the_parquet_file_of_a_report_has_the_documented_schema(whole_grid, tmp_path):
    write_report(whole_grid, tmp_path, open_test=True)
    for name in ("scores", "scores-open"):
        found = pq.read_table(tmp_path / f"{name}.parquet")
        assert found.schema.equals(SCHEMA)
        assert not any(column.null_count for column in found.columns)
        assert list(pd.read_csv(tmp_path / f"{name}.csv").columns) == SCHEMA.names


def test_a_table_without_lines_has_the_same_schema(tmp_path):
    assert in_arrow(score_table([])).schema.equals(SCHEMA)
    store = Store(tmp_path / "store").prepare()
    failing = target_spec("xnli")
    store.fail(failing.run_id, "none -> xnli #42", "out of memory")
    write_report(store, tmp_path / "out", plan=plan_of(store, (failing, "none -> xnli #42")))
    assert pq.read_schema(tmp_path / "out" / "scores.parquet").equals(SCHEMA)
    assert (tmp_path / "out" / "scores.csv").read_text().strip().split(",") == SCHEMA.names


def test_the_parquet_file_holds_what_the_records_hold(whole_grid, tmp_path):
    frame = score_table(load(whole_grid))
    write_report(whole_grid, tmp_path, open_test=True)
    found = pd.read_parquet(tmp_path / "scores-open.parquet")
    assert found["value"].sum() == frame["value"].sum()
    assert {type(value) for value in found["mlm"]} == {bool}


STUDY = StudyResult(
    node="a", name="squad #42", row=Row("squad", False), phase=Phase.INTERMEDIATE, tasks=("squad",), mlm=False, seed=42,
    winner="w", gain=1.0, importances={},
    trials=(
        Trial(number=0, params={"learning_rate": 1e-5}, run_id="v", state=State.DONE, value=50.0),
        Trial(number=1, params={"learning_rate": 2e-5}, run_id="w", state=State.DONE, value=51.0),
        Trial(number=2, params={"learning_rate": 9e-5}, run_id="x", state=State.PRUNED, reason="behind"),
    ),
)  # fmt: skip


def test_the_checklist_gives_budget_settings_statistics_and_packages(whole_grid):
    text = checklist(gather(whole_grid), ())
    assert re.findall(r"^### (C\d)", text, re.MULTILINE) == ["C1", "C2", "C3", "C4"]
    assert "- Encoder: `bundled:3` (revision `1`)." in text
    assert "the records do not hold their number" in text
    # 7 rows (3 intermediates with and without MLM, the baseline) x 7 runs, and the 6 intermediate runs; 3 s each
    assert "- Runs: 55 (6 intermediate, 42 target, 7 retrieval)." in text
    assert "0.046 hours of runs on cpu, 55 runs" in text
    assert "- Search: none is recorded" in text
    assert "A cell is a single run (seed 42)" in text
    assert "| SQuAD | 1e-05 | 2 | 8 | 0.1 | 0.01 | 64 | fp32 |" in text
    assert "| XQuAD, MLQA | 3e-06 | 2 | 8 |" in text
    assert "- Capped: 64 training rows a task, 32 evaluation rows a language and split." in text
    assert "- Packages: torch 2.13." in text
    assert "- Commit of this project: `abc`." in text
    assert "none were computed" in text


@pytest.mark.parametrize(
    ("device", "shown"),
    [
        ("NVIDIA H100", "2.00 GPU hours on NVIDIA H100, 1 run."),
        ("AMD EPYC, 4 threads", "8.00 CPU core hours (7,200 s of runs with 4 threads each) on AMD EPYC, 1 run."),
        ("", "2.00 hours on a device that is not recorded, 1 run."),
    ],
)
def test_hours_are_those_of_the_device(tmp_path, device, shown):
    store = Store(tmp_path).prepare()
    store.finish(dataclasses.replace(
        record(target_spec("xnli"), name="xnli"), device=device, seconds={"train": 7000.0, "evaluate": 200.0}
    ))  # fmt: skip
    text = checklist(gather(store), ())
    assert f"- Compute: {shown}" in text
    assert ("Runs that share a GPU count in full" in text) == (device == "NVIDIA H100")


def test_searches_are_told_with_their_trials_and_what_won(whole_grid):
    text = checklist(gather(whole_grid), (STUDY,))
    assert "1 run was searched with 3 trials (2 done, 1 pruned) over learning_rate" in text
    assert "  - squad #42: trial 1 (learning_rate 2e-05)" in text
    assert "and 3 trials of searches that were not chosen" in text


def test_statistics_say_what_the_intervals_are_over(tmp_path):
    estimate = Estimate(
        value=2.0, low=1.0, high=3.0, error=0.5, freedom=50.0, p=0.001, rows=100, items=50, seeds=2, over_seeds=True,
        row_variance=0.1, seed_variance=0.1,
    )  # fmt: skip
    verdict = Verdict(word=Word.BETTER, estimate=estimate, p=0.002, p_equivalent=1.0, detectable=1.4, seeds_needed=2)
    verdicts = Verdicts(
        cells={
            (Row("squad", False), "xnli"): verdict, (Row("anli", False), "xnli"): NoVerdict(reason="no predictions"),
        },
        averages={}, tests={}, separations={}, margin=0.5, seeds=2, family=1,
    )  # fmt: skip
    text = checklist(gather(fill(tmp_path, seeds=(42, 43))), (), verdicts)
    assert "A cell is the mean of 2 runs that differ by the seed (42, 43)." in text
    assert "have 95% intervals over rows and seeds, paired by row" in text
    assert "(Holm, 1 comparisons); equivalent means within 0.5 points." in text
    assert "- Of these: 1 better." in text


def test_names_from_records_are_no_markup(tmp_path):
    store = Store(tmp_path).prepare()
    store.finish(
        dataclasses.replace(record(target_spec("xnli"), name="xnli"), device="<b>`|x*", versions={"a|b": "*1*"})
    )
    text = checklist(gather(store), ())
    assert "<b>" not in text
    assert "a\\|b \\*1\\*" in text
