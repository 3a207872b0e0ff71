"""Targets of one's own: scores by row make the score of their metrics, and give verdicts; or it is said why not."""

from __future__ import annotations

import pytest

from analysis.selection.averages import score_of
from analysis.selection.sweep import gather
from analysis.statistics.estimate import NoVerdict, Verdict, Word
from analysis.statistics.measured import measure
from analysis.statistics.rows import RowsError, points_of, read_rows
from analysis.statistics.verdicts import verdicts
from analysis.tables.verdict_notes import verdict_notes
from sweep.graph.node import Run
from sweep.planning.courses import courses_of
from tests.made.own_targets import IOB, PAIRS, SCORED, UNSCORED, enlist_target
from tests.made.predictions import finish_with
from tests.made.races import ROWS, compute, drive, finish, graph_of, grid
from tests.made.records import target_spec
from trainables.ledger.cells import Row
from trainables.tasks.task import Split

QUALITY = {"none": 0.5, "squad": 0.95, "qqp": 0.5}
SQUAD = Row("squad", False)


def judged(store):
    """The verdicts of a table of one target, its results, and all that is said under it."""
    plan = grid(("none", "squad"), (("mine",),), (1, 2, 3))
    for run_id, node in plan.nodes.items():
        compute(store, Run(run_id=run_id, name=node.name, spec=node.spec), QUALITY)
    sweep = gather(store, plan)
    found = verdicts(measure(store, sweep), sweep.selections)
    return found, sweep.results, list(verdict_notes(found, sweep.results))


@pytest.mark.parametrize("split", [Split.DEV, Split.TEST])
@pytest.mark.parametrize("what", SCORED)
def test_the_mean_of_the_rows_is_the_recorded_score(store, what, split):
    enlist_target(*SCORED[what])
    spec = target_spec("mine")
    finish(store, spec, 0.6, rows=23)
    found = points_of({"a": [read_rows(store, spec.run_id, "mine", split)]})["a"].mean()
    assert found == pytest.approx(score_of(store.record(spec.run_id), "mine", split).value, abs=1e-6)
    assert 5 < found < 95


@pytest.mark.parametrize("what", SCORED)
def test_a_verdict_comes_out(store, what):
    enlist_target(*SCORED[what])
    found, results, said = judged(store)
    verdict = found.cells[SQUAD, "mine"]
    assert isinstance(verdict, Verdict)
    assert verdict.word is Word.BETTER
    gain = results.dev(SQUAD, "mine").value - results.dev(Row("none", False), "mine").value
    assert verdict.estimate.value == pytest.approx(gain, abs=1e-6)
    assert not [line for line in said if line.startswith("No verdict")]


@pytest.mark.parametrize("what", UNSCORED)
def test_a_mean_of_metrics_of_two_kinds_has_no_verdict_and_nothing_is_said_against_the_run(store, what):
    enlist_target(*UNSCORED[what])
    found, _, said = judged(store)
    assert found.cells[SQUAD, "mine"] == NoVerdict(reason=f"no scores by row for {what}")
    assert said == [f"No verdict: SQuAD -> Mine (no scores by row for {what})."]


@pytest.mark.parametrize("what", UNSCORED)
def test_there_is_no_race_where_rows_have_no_scores(store, what):
    enlist_target(*UNSCORED[what])
    with pytest.raises(ValueError, match=f"nothing to race for: no scores by row for {what}"):
        courses_of(grid(ROWS, [("mine",)], [1, 2]))
    plan = grid(ROWS, [("xnli",), ("mine",)], [1, 2])
    first = drive(graph_of(plan, store), store, QUALITY, most=8)
    ended = first + drive(graph_of(plan, store), store, QUALITY)
    reasons = {race.target: race.why_none for race in store.race().races}
    assert reasons == {"xnli": "", "mine": f"no race: no scores by row for {what}"}
    assert {f"{row} -> mine #{seed}" for row in ROWS for seed in (1, 2)} <= set(ended)


def test_no_target_waits_for_a_round_that_is_never_decided(store):
    enlist_target(*UNSCORED["F1 with accuracy"])
    plan = grid(ROWS, [("xnli",), ("mine",)], [1, 2])
    ended = drive(graph_of(plan, store), store, QUALITY, order=lambda live: sorted(live)[-1])
    first = [ended.index(f"{row} -> mine #1") for row in ROWS]
    second = [ended.index(f"{row} -> mine #2") for row in ROWS]
    assert min(second) < max(first)


def test_kept_rows_of_other_metrics_are_not_taken(store):
    """Accuracy 2 of 4; of the label, 1 right, 2 gold, 2 found: the same score from other rows."""
    labels = zip(["same", "other"] * 2, ["same", "same", "other", "other"], strict=True)
    rows = [(str(number), given, gold) for number, (given, gold) in enumerate(labels)]
    enlist_target(PAIRS, ("accuracy",))
    spec = target_spec("mine")
    finish_with(store, spec, {(split, code): rows for split in ("dev", "test") for code in ("en", "de")})
    by_row = read_rows(store, spec.run_id, "mine").scores
    assert by_row.tolist() == [1, 0, 0, 1] * 2
    enlist_target(PAIRS, ("f1",))
    assert read_rows(store, spec.run_id, "mine").scores.tolist() == [[1, 1, 1], [0, 1, 0], [0, 0, 1], [0, 0, 0]] * 2
    enlist_target(IOB, ("f1", "accuracy"))
    with pytest.raises(RowsError, match=r"^no scores by row for F1 with accuracy$"):
        read_rows(store, spec.run_id, "mine")
