"""What removes what a sweep does not need: it ends no sweep, finishes what was interrupted, clears working folders."""

from __future__ import annotations

import logging
import signal
import subprocess
import sys
import threading
import time
import zlib

import pytest

from analysis.scores.load import load, score_table
from analysis.selection.averages import score_of, task_scores
from analysis.selection.results import collect
from analysis.selection.selection import select
from sweep.cluster.remover import Remover
from sweep.cluster.run import make_graph
from sweep.graph.retention import Retention
from tests.made import graphs
from tests.made.executors import learning_record
from tests.made.leaving import PLAN, holding, leaving, sweep
from tests.made.retention import grid
from trainables.ledger import files
from trainables.ledger.artefacts import ENCODER, HEADS, Keep
from trainables.ledger.cells import Cell
from trainables.ledger.record import DivergedError
from trainables.ledger.standing import Standing
from trainables.ledger.states import State
from trainables.ledger.store import Store

# what goes wrong


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), OSError(30, "Read-only file system")])
def test_a_disk_that_cannot_be_written_ends_no_sweep_and_the_next_start_removes(store, monkeypatch, caplog, error):
    def refused(run_id, name, why):
        raise error

    monkeypatch.setattr(store, "remove", refused)
    with caplog.at_level(logging.WARNING):
        graph, ended = sweep(PLAN, store, Keep.SELECTED)
    assert (graph.is_complete, len(ended)) == (True, 4)
    assert len(holding(store)) == 4
    assert error.strerror in caplog.text
    monkeypatch.undo()
    assert sweep(PLAN, store, Keep.SELECTED)[1] == []
    assert len(holding(store)) == 1


def test_a_fault_in_what_tells_what_may_go_removes_nothing_more(store, monkeypatch, caplog):
    def broken(self, graph, run_id):
        raise KeyError("nothing")

    monkeypatch.setattr(Retention, "after", broken)
    graph, _ = sweep(PLAN, store, Keep.NONE)
    assert graph.is_complete
    assert len(holding(store)) == 4
    assert "nothing more is removed" in caplog.text


def test_removing_a_large_folder_holds_nothing_up(store, monkeypatch):
    """The end of a run returns while the removal before it is still at work."""
    at_work, go_on = threading.Event(), threading.Event()
    remove = files.remove

    def slow(path):
        if path.name == ENCODER:
            at_work.set()
            assert go_on.wait(30)
        remove(path)

    monkeypatch.setattr(files, "remove", slow)
    seen = []

    def compute(run):
        leaving(store)(run)
        seen.append(at_work.is_set())

    plan = graphs.fan(["squad", "qqp", "ccg"], ["xnli"])
    started = threading.Thread(target=sweep, args=(plan, store, Keep.NONE), kwargs={"compute": compute})
    started.start()
    while len(seen) < 6:
        time.sleep(0.01)
    assert seen[-1]
    assert started.is_alive()
    go_on.set()
    started.join(30)
    assert holding(store) == set()


# a killed driver

KILLED = """
import os, signal
from pathlib import Path
from tests.made.leaving import PLAN, sweep
from trainables.ledger import files, removed
from trainables.ledger.artefacts import Keep
from trainables.ledger.store import Store

remove, write = files.remove, files.write
def removing(path):
    if "{when}" == "after" and path.name == "{name}":
        remove(next(path.iterdir()))  # half of it
        os.kill(os.getpid(), signal.SIGKILL)
    remove(path)
def writing(path, *more, **settings):
    if "{when}" == "before" and path.name == "{name}":
        os.kill(os.getpid(), signal.SIGKILL)
    write(path, *more, **settings)
files.remove, files.write = removing, writing
sweep(PLAN, Store(Path("{store}")), Keep.SELECTED)
"""


@pytest.mark.parametrize(("when", "name"), [("before", "removed.json"), ("after", ENCODER), ("after", HEADS)])
def test_a_driver_that_is_killed_while_it_removes_is_followed_by_one_that_goes_on(store, tmp_path, when, name):
    code = KILLED.format(when=when, name=name, store=store.root)
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == -signal.SIGKILL
    for run_id in store.run_ids():
        store.check(run_id)
    graph, _ = sweep(PLAN, store, Keep.SELECTED)
    every = Store(tmp_path / "every").prepare()
    sweep(PLAN, every, Keep.SELECTED)
    assert graph.is_complete
    assert holding(store) == holding(every)
    for run_id in store.run_ids():
        store.check(run_id)
        assert store.record(run_id).scores == every.record(run_id).scores
        assert [store.artefact(run_id, each).exists() for each in (ENCODER, HEADS)] in ([True, True], [False, False])


# working folders


def test_working_folders_go_with_what_nobody_goes_on_with_and_stay_for_a_failure_that_may_pass(store):
    def fails(run):
        store.checkpoint(run.run_id).parent.mkdir(parents=True, exist_ok=True)
        store.checkpoint(run.run_id).write_text("step 3")
        if run.spec.tasks == ("squad",):
            raise DivergedError("the loss is not finite")
        if run.spec.tasks == ("qqp",):
            raise ValueError("no space left on device")
        leaving(store)(run)

    plan = graphs.fan(["squad", "qqp", "ccg"], ["xnli"])
    sweep(plan, store, Keep.ALL, compute=fails)
    left = {node.name for run_id, node in plan.nodes.items() if store.checkpoint(run_id).exists()}
    assert left == {"qqp"}


def test_those_of_pruned_trials_are_gone(store):
    """Driven as Tune does: a report after every evaluation, an end without a record for what is stopped."""
    search = graphs.fields(intermediate=8, pruning="median", startup=2, parallel=1)
    plan = graphs.searched(graphs.fan(["squad"], []), search, store)
    remover = Remover(store, Keep.SELECTED)
    graph = make_graph(plan, store, search, on_end=remover.after)
    graph.resize(graphs.TWO_CORES)
    remover.begin(graph)
    pruned = []
    while run_id := graph.start(0.0):
        run = graph.runs[run_id]
        store.checkpoint(run_id).parent.mkdir(parents=True, exist_ok=True)
        store.checkpoint(run_id).write_text("step")
        record = learning_record(run.spec, run.name)
        report = graph.trials_of(run_id).report
        if any(report(run_id, point, record.planned_steps) for point in record.dev_curve):
            graph.fail(run_id)
            pruned.append(run_id)
        else:
            store.finish(record)
            graph.finish(run_id)
    remover.end(graph)
    assert pruned
    assert {graph.end(run_id) for run_id in pruned} == {State.PRUNED}
    assert not list(store.root.glob("runs/*/.work"))


# the scores that decide


def test_the_score_of_a_run_is_that_of_the_tables(store):
    plan = graphs.fan(["squad"], ["xnli", "udpos"])
    sweep(plan, store, Keep.ALL, compute=leaving(store, lambda run: 10.0 + len(run.spec.tasks[0]) / 3))
    scored = task_scores(score_table(load(store)))
    assert len(scored) == 4
    for (cell, split), score in scored.items():
        assert score_of(store.record(plan.cells[cell]), cell.target, split) == score


@pytest.mark.parametrize("salt", range(4))
def test_what_is_left_is_what_the_report_selects(store, salt):
    """Of the best row by `analysis.selection` the seed with the best score."""
    plan = grid({"none": 1, "squad": 1, "ccg": 1}, {"xnli": 1, "udpos": 1, "xquad": 1}, 2)

    def value(run):
        return float(zlib.crc32(f"{salt} {run.name}".encode()) % 10)

    sweep(plan, store, Keep.SELECTED, compute=leaving(store, value))
    results = collect(load(store), dict.fromkeys(plan.cells, Standing(State.DONE)))
    expected = set()
    for target, selection in select(results).items():
        seeds = results.seeds_of(selection.variant, target, selection.split)
        best = max(sorted(seeds), key=lambda seed: seeds[seed].value)
        expected.add(plan.cells[Cell(*selection.variant, target, best)])
    assert {run_id for run_id in store.run_ids() if store.holds(run_id, ENCODER)} == expected
    assert len(expected) == 3
