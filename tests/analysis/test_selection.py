"""Selection looks at dev alone, breaks ties by rule, and keeps the test set sealed while it may still change."""

import pytest

from analysis.scores.load import load
from analysis.selection.averages import Gap, TaskScore
from analysis.selection.results import collect
from analysis.selection.selection import Candidate, Choice, best_models_average, choose, select
from tests.made.records import fill
from trainables.ledger.cells import Cell, Row
from trainables.ledger.standing import Standing
from trainables.ledger.states import State

FAILED = Gap(reason="out of memory", state=State.FAILED)
PENDING = Gap(reason="not finished", state=State.PENDING)


def candidate(name, *scores):
    intermediate, _, mlm = name.partition("+")
    return Candidate(variant=Row(intermediate, bool(mlm)), seeds=dict(enumerate(scores)))


def best(*candidates):
    choice = choose(candidates)
    assert isinstance(choice, Choice)
    return str(choice.best.variant)


def test_highest_dev_score_wins():
    assert best(candidate("none", 60.0), candidate("squad", 61.0), candidate("qqp+mlm", 60.5)) == "squad"


def test_the_baseline_can_win():
    assert best(candidate("squad", 59.0), candidate("none", 60.0)) == "none"


@pytest.mark.parametrize(
    ("names", "winner"),
    [
        (["squad+mlm", "squad"], "squad"),
        (["anli+mlm", "csqa"], "csqa"),
        (["squad", "anli", "qqp"], "anli"),
        (["multitask+mlm", "qqp+mlm"], "qqp+mlm"),
        (["squad", "none"], "none"),
    ],
)
def test_ties_go_to_no_mlm_then_to_the_order_of_table_2(names, winner):
    assert best(*(candidate(name, 50.0) for name in names)) == winner
    assert best(*(candidate(name, 50.0) for name in reversed(names))) == winner


def test_the_mean_over_seeds_decides():
    assert best(candidate("squad", 70.0, 50.0), candidate("qqp", 61.0, 60.0)) == "qqp"


def test_a_pending_candidate_keeps_the_choice_open():
    choice = choose([candidate("none", 60.0), candidate("squad", PENDING)])
    assert isinstance(choice, Gap)
    assert choice.reason == "1 of 2 candidates without a dev score: SQuAD"


def test_a_failed_candidate_is_left_out_by_name():
    choice = choose([candidate("none", 60.0), candidate("squad", FAILED)])
    assert isinstance(choice, Choice)
    assert choice.left_out == {Row("squad", False): "out of memory"}


def test_different_seeds_are_not_compared():
    choice = choose([candidate("none", 60.0, 61.0), candidate("squad", 70.0, FAILED)])
    assert isinstance(choice, Gap)
    assert "different seeds (baseline: 0, 1; SQuAD: 0)" in choice.reason


def test_no_score_at_all():
    assert choose([candidate("squad", FAILED)]).reason == "no candidate has a score"
    assert choose([]).state is State.PENDING


def test_selection_of_a_whole_grid(tmp_path):
    selections = select(collect(load(fill(tmp_path))))
    chosen = {target: str(selection.variant) for target, selection in selections.items()}
    assert chosen == {
        "xnli": "anli", "pawsx": "anli", "udpos": "anli", "panx": "anli", "xquad": "squad", "mlqa": "squad",
        "tydiqa": "squad", "tatoeba": "anli",
    }  # fmt: skip
    only_sets = [target for target, selection in selections.items() if selection.on_evaluation_data]
    assert only_sets == ["xquad", "tydiqa", "tatoeba"]
    assert selections["xnli"].test.value == pytest.approx(63.0)
    assert selections["xnli"].baseline_test.value == pytest.approx(61.0)
    # 63, 73, 58.5, 53, (45+35)/2, (48+38)/2, (40+30)/2, 52
    assert best_models_average(selections, list(selections)) == pytest.approx(417.5 / 8)


def test_test_scores_stay_sealed_until_the_choice_stands(tmp_path):
    store = fill(tmp_path, skip=[("squad", True, "xnli")])
    selection = select(collect(load(store)))["xnli"]
    assert selection.variant is None
    assert isinstance(selection.test, Gap)
    assert isinstance(selection.baseline_test, Gap)
    assert "sealed" in selection.test.reason


def test_a_status_settles_what_will_not_come(tmp_path):
    store = fill(tmp_path, skip=[("squad", True, "xnli")])
    runs = load(store)
    status = {cell: Standing(State.DONE) for run in runs for cell in run.cells}
    status[Cell("squad", True, "xnli", 42)] = Standing(State.BLOCKED, "squad+mlm #42 failed")
    results = collect(runs, status)
    selection = select(results)["xnli"]
    assert selection.variant == Row("anli", False)
    assert selection.choice.left_out == {Row("squad", True): "squad+mlm #42 failed"}
    assert results.count() == {State.DONE: 55, State.BLOCKED: 1}


def test_the_grid_of_a_status_holds_no_targets_that_were_not_asked_for(tmp_path):
    runs = load(fill(tmp_path))
    status = {cell: Standing(State.DONE) for run in runs for cell in run.cells if cell.target == "mlqa"}
    assert collect(runs, status).targets == ("mlqa",)
    assert collect(runs).targets == ("xnli", "pawsx", "udpos", "panx", "xquad", "mlqa", "tydiqa", "tatoeba")


def test_seeds_are_averaged_and_all_expected(tmp_path):
    results = collect(load(fill(tmp_path, seeds=(42, 43))))
    score = results.dev(Row("none", False), "xnli")
    assert isinstance(score, TaskScore)
    assert score.value == pytest.approx(60.1)
    assert score.num_seeds == 2


def test_a_target_without_data_in_any_row_leaves_the_average_and_a_row_without_data_has_none(tmp_path):
    runs = load(fill(tmp_path))
    status = {cell: Standing(State.DONE) for run in runs for cell in run.cells if cell.target in ("xnli", "pawsx")}
    for row in {cell.row for cell in status}:
        status[Cell(*row, "tydiqa", 42)] = Standing(State.DONE)
    results = collect([run for run in runs if "tydiqa" not in run.record.spec.tasks], {
        cell: Standing(State.NO_DATA, "no rows") if cell.target == "tydiqa" else value for cell, value in status.items()
    })  # fmt: skip
    assert results.targets == ("xnli", "pawsx", "tydiqa")
    assert results.averaged_targets == ("xnli", "pawsx")
    assert results.dev_average(Row("none", False)) == pytest.approx(65.0)


def test_a_target_without_data_in_any_row_has_no_data_rather_than_failures():
    no_data = Gap(reason="no rows", state=State.NO_DATA)
    assert choose([candidate("none", no_data), candidate("squad", no_data)]).state is State.NO_DATA
    assert choose([candidate("none", no_data), candidate("squad", FAILED)]).state is State.FAILED
