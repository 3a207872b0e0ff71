"""The paper's tables, and the golden values of protocol.md 6, 7 and 10 recomputed from their printed cells."""

import pytest

from analysis.published import tables
from analysis.selection.averages import TaskScore, mean, overall
from analysis.selection.selection import Candidate, choose
from trainables.ledger.cells import Row
from trainables.tasks.task import Split

NINE = ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "bucc", "tatoeba")

# protocol.md 6, column "Recomputed delta"
DELTAS = {
    ("anli", False): 7.711, ("qqp", False): 5.283, ("squad", False): 8.267, ("hellaswag", False): 7.850,
    ("ccg", False): 3.756, ("cosmosqa", False): 4.717, ("csqa", False): 4.906, ("multitask", False): 6.411,
    ("anli", True): 7.250, ("qqp", True): 7.100, ("squad", True): 4.106, ("hellaswag", True): 1.739,
    ("ccg", True): 0.889, ("cosmosqa", True): 6.622, ("csqa", True): 4.506, ("multitask", True): 6.839,
}  # fmt: skip

# protocol.md 7: best without MLM, best with MLM, overall
OUTCOME = {
    "xnli": ("hellaswag", "hellaswag", Row("hellaswag", True)),
    "pawsx": ("cosmosqa", "qqp", Row("cosmosqa", False)),
    "udpos": ("hellaswag", "anli", Row("anli", True)),
    "panx": ("squad", "qqp", Row("qqp", True)),
    "xquad": ("squad", "squad", Row("squad", False)),
    "mlqa": ("squad", "squad", Row("squad", False)),
    "tydiqa": ("squad", "squad", Row("squad", False)),
    "bucc": ("hellaswag", "cosmosqa", Row("hellaswag", False)),
    "tatoeba": ("qqp", "multitask", Row("qqp", False)),
}


@pytest.fixture(autouse=True)
def _headings(monkeypatch):
    """Headings of all nine targets, whichever of them are registered."""
    monkeypatch.setattr("analysis.selection.averages.heading", str)


def task_score(target, metrics):
    return TaskScore(target=target, split=Split.DEV, metrics=metrics, languages={})


def averages(frame, row):
    """Overall average of every row, by the code under test."""
    return {
        key: overall(
            {t: task_score(t, dict(zip(g["metric"], g["value"], strict=True))) for t, g in cells.groupby("target")},
            NINE,
        )
        for key, cells in frame.groupby(row)
    }


def test_averages_of_the_benchmark_rows():
    frame = tables.benchmark_scores()
    found = averages(frame[frame["label"] != "Human"], "label")
    assert found == {
        "XLM-R (Hu et al., 2020)": pytest.approx(68.117, abs=5e-4),
        "XLM-R (Ours)": pytest.approx(66.089, abs=5e-4),
        "Our Best Models": pytest.approx(74.161, abs=5e-4),
    }


def test_a_row_without_some_targets_has_no_average():
    frame = tables.benchmark_scores()
    human = averages(frame[frame["label"] == "Human"], "label")["Human"]
    assert str(human) == "3 of 9 targets missing: panx, bucc, tatoeba"


def test_average_deltas_of_every_development_row():
    found = averages(tables.dev_scores(), ["intermediate", "mlm"])
    baseline = found.pop(("none", False))
    assert baseline == pytest.approx(67.200, abs=5e-4)
    assert {key: value - baseline for key, value in found.items()} == {
        key: pytest.approx(delta, abs=6e-4) for key, delta in DELTAS.items()
    }


def candidates(target, mlm=(False, True)):
    frame = tables.dev_scores()
    cells = frame[frame["target"] == target].groupby(["intermediate", "mlm"])["value"].mean()
    return [
        Candidate(variant=Row(intermediate, with_mlm), seeds={42: value})
        for (intermediate, with_mlm), value in cells.items()
        if with_mlm in mlm
    ]


@pytest.mark.parametrize("target", NINE)
def test_selection_from_the_printed_development_rows(target):
    without, with_mlm, best = OUTCOME[target]
    rows = [candidate for candidate in candidates(target, [False]) if candidate.variant.intermediate != "none"]
    assert choose(rows).best.variant == Row(without, False)
    assert choose(candidates(target, [True])).best.variant == Row(with_mlm, True)
    assert choose(candidates(target)).best.variant == best


def test_reported_scores_of_the_only_sets_match_the_selected_dev_cells():
    dev, test = tables.dev_scores(), tables.benchmark_scores()
    best = test[test["label"] == "Our Best Models"]
    for target, row in (("xquad", "squad"), ("tatoeba", "qqp")):
        cells = dev[(dev["target"] == target) & (dev["intermediate"] == row) & ~dev["mlm"]]
        assert list(cells["value"]) == list(best[best["target"] == target]["value"])


def test_frames_are_whole():
    assert len(tables.dev_scores()) == 17 * 12
    assert len(tables.benchmark_scores()) == 3 * 12 + 8
    assert len(tables.tasks()) == 16
    assert tables.tasks().set_index("task").loc["anli", "train_rows"] == 1_104_934
    assert set(tables.dev_scores()["target"]) == set(NINE)
    assert tables.tasks()["task"].notna().all()


def test_mean_of_f1_and_exact_match_is_the_task_score():
    assert task_score("xquad", {"f1": 76.1, "exact_match": 60.0}).value == pytest.approx(68.05)
    assert mean([1.0, 2.0, 6.0]) == 3.0
