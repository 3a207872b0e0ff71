"""Searches on Ray: studies side by side, trials that are pruned while they run, a second start that computes none."""

from __future__ import annotations

import io
import logging
from types import SimpleNamespace

import pytest
from ray.tune.schedulers import TrialScheduler
from rich.console import Console

from analysis.report.brief import body
from analysis.report.searches import searches_section
from sweep.cluster.losses import Losses
from sweep.cluster.pruning import PruningScheduler
from sweep.cluster.run import Place, run_plan
from tests.made import graphs
from tests.made.executors import attempts
from tests.made.graphs import fields
from trainables.ledger.states import State
from trainables.phases.options import Options
from trainables.report import Advanced, Failed


def sweep(plan, store, search, executor, screen=None):
    """One driver from start to end on two cores."""
    return run_plan(
        graphs.searched(plan, search),
        store,
        Options(data="demo", encoder="bundled", executor=f"tests.made.executors:{executor}"),
        Place(results=store.root / "tune", name="test", cpus=2, gpus=0),
        Console(file=screen or io.StringIO(), width=100),
        search=search,
    )


def test_studies_run_side_by_side_and_a_second_start_computes_nothing(store):
    plan, search = graphs.fan(["a", "b"], ["x"]), fields(intermediate=4, target=3)
    summary = sweep(plan, store, search, "quadratic")
    assert summary.exit_code == 0, summary
    assert len(summary.computed) == 2 * 4 + 2 * 3
    by_task = {"a": [], "b": []}
    for record in map(store.record, summary.computed):
        if record.spec.tasks[0] in by_task:
            by_task[record.spec.tasks[0]].append((record.seconds["begun"], record.seconds["ended"]))
    assert min(by_task["a"])[0] < max(by_task["b"])[0]
    assert min(by_task["b"])[0] < max(by_task["a"])[0]
    assert all(store.is_finished(run_id) for run_id in summary.plan.nodes)
    studies = store.studies()
    assert sorted(len(study.trials) for study in studies) == [3, 3, 4, 4]
    assert {study.node for study in studies} == set(plan.nodes)
    text = body(searches_section(studies))
    for study in studies:
        assert f"### {study.name}" in text
        [winner] = [line for line in text.splitlines() if f"`{study.winner}` **winner**" in line]
        assert winner.startswith("| ")
    again = sweep(plan, store, search, "quadratic")
    assert (again.exit_code, again.computed) == (0, ())
    assert again.plan == summary.plan


def test_pruned_runs_stop_early_and_a_second_start_runs_none_of_them(store):
    plan, search = graphs.fan(["a"], ["x"]), fields(8, 4, pruning="median", startup=2, parallel=2)
    screen = io.StringIO()
    summary = sweep(plan, store, search, "learning", screen)
    assert summary.exit_code == 0, summary
    studies = store.studies()
    assert [len(study.trials) for study in studies] == [8, 4]
    trials = [trial for study in studies for trial in study.trials]
    pruned = [trial.run_id for trial in trials if trial.state is State.PRUNED]
    assert pruned
    assert len(summary.computed) + len(pruned) == 12
    for run_id in pruned:
        noted, folder = store.pruned(run_id), store.root / "runs" / run_id
        assert (folder / "steps").read_text() == str(len(noted.dev_curve))
        assert len(noted.dev_curve) < noted.planned_steps == 8
        assert not store.is_finished(run_id)
        assert not (folder / ".work").exists()
        assert f": {noted.reason.removeprefix('pruned ')}" in screen.getvalue()
    assert "failed" not in screen.getvalue()
    text = body(searches_section(studies))
    for study in studies:
        counted = sum(trial.state is State.PRUNED for trial in study.trials)
        assert f"| {study.name} | {len(study.trials)} | {counted} | 0 |" in text
    again = sweep(plan, store, search, "learning", screen)
    assert (again.exit_code, again.computed) == (0, ())
    assert again.plan == summary.plan
    assert {attempts(store, trial.run_id) for trial in trials} == {1}


# the scheduler of Tune that stops them


EVALUATED = Advanced(stage="train", step=1, planned_steps=8, selection=50.0)


class Broken:
    def report(self, run_id, point, planned_steps):
        raise OSError("disk full")


@pytest.mark.parametrize(
    ("trials", "report", "decision"),
    [
        (Broken(), EVALUATED, TrialScheduler.CONTINUE),
        (Broken(), Advanced(stage="train", step=1, planned_steps=8), TrialScheduler.CONTINUE),
        (Broken(), Failed(reason="reason"), TrialScheduler.CONTINUE),
        (SimpleNamespace(report=lambda *_: True), EVALUATED, TrialScheduler.STOP),
        (SimpleNamespace(report=lambda *_: False), EVALUATED, TrialScheduler.CONTINUE),
    ],
)  # fmt: skip
def test_an_error_while_comparing_lets_the_run_go_on(trials, report, decision, caplog):
    trial = SimpleNamespace(config={"run_id": "abc"})
    graph = SimpleNamespace(trials_of={"abc": trials}.__getitem__)
    with caplog.at_level(logging.ERROR):
        assert PruningScheduler(graph, Losses()).on_trial_result(None, trial, report.to_result()) == decision
    assert ("goes on" in caplog.text) == (isinstance(trials, Broken) and report is EVALUATED)
