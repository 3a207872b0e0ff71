"""`status --watch` and `status --json`: a sweep as seen from another shell, until it is over."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from sweep.command_line.main import grid
from sweep.terminal.look import Looker
from sweep.terminal.watch import watch
from tests.made import graphs
from tests.made.executors import quadratic_record
from trainables.ledger.alive import Driver, LiveRun
from trainables.ledger.errors import LedgerError
from trainables.ledger.plan import Plan
from trainables.ledger.store import Store

HERE = os.uname().nodename


@pytest.fixture
def plan(store: Store) -> Plan:
    made = graphs.fan(["a"], ["x", "y"])
    store.prepare().save_plan(made)
    return made


def finish(store: Store, plan: Plan, place: int) -> None:
    node = list(plan.nodes.values())[place]
    store.finish(quadratic_record(node.spec, node.name))


def live(plan: Plan, place: int, step: int = 0, **further: object) -> LiveRun:
    run_id, node = list(plan.nodes.items())[place]
    started = datetime.now(UTC) - timedelta(seconds=30)
    return LiveRun(
        run_id=run_id, name=node.name, node=HERE, stage="train", step=step, planned_steps=40, spoke=datetime.now(UTC),
        place=place, started=started, **further,
    )  # fmt: skip


def watched(store: Store, changes: list[Callable[[], object]], *, terminal: bool = False) -> str:
    """What a watcher has said by the end, when these changes come between its looks."""
    said, left = io.StringIO(), iter(changes)
    console = Console(file=said, force_terminal=terminal, width=100)
    watch(Looker(store).look, str(store), console, sleep=lambda seconds: next(left)())
    return said.getvalue()


def test_a_pipe_gets_a_line_for_every_end_until_the_sweep_is_over(store: Store, plan: Plan) -> None:
    with store.driver_lock():
        store.beat(datetime.now(UTC), [live(plan, 0)], to_go=600.0)
        bad = list(plan.nodes)[2]
        said = watched(
            store,
            [
                lambda: finish(store, plan, 0),
                lambda: finish(store, plan, 1),
                lambda: store.fail(bad, "a -> y #42", "labels are [missing]"),
            ],
        )
    assert said.splitlines() == [
        f"store: {store}",
        "2 cells: 2 pending, 1 running, about 10.0 min to go",
        "done a",
        "2 cells: 2 pending, 0 running, about 10.0 min to go",
        "done a -> x #42",
        "2 cells: 1 done, 1 pending, 0 running, about 10.0 min to go",
        "failed a -> y #42: labels are [missing]",
        "2 cells: 1 done, 1 failed, 0 running, about 10.0 min to go",
    ]


def test_it_ends_when_the_driver_leaves_with_work_undone(store: Store, plan: Plan) -> None:
    lock = store.driver_lock()
    lock.__enter__()
    said = watched(store, [lambda: None, lambda: lock.__exit__(None, None, None)])
    assert said.splitlines()[1:] == ["2 cells: 2 pending, 0 running", "2 cells: 2 pending, 0 running, no driver"]


def test_without_a_driver_it_waits_for_one(store: Store, plan: Plan) -> None:
    lock = store.driver_lock()
    changes = [lambda: None, lock.__enter__, lambda: finish(store, plan, 0), lambda: lock.__exit__(None, None, None)]
    assert "done a" in watched(store, changes).splitlines()


def test_a_store_that_vanishes_is_waited_for(store: Store, plan: Plan) -> None:
    away = store.root.with_name("away")

    def back() -> None:
        away.rename(store.root)
        for place in range(3):
            finish(store, plan, place)

    with store.driver_lock():
        said = watched(store, [lambda: store.root.rename(away), lambda: None, back])
    assert said.count("cannot be read, and is looked for again") == 1
    assert said.splitlines()[-1] == "2 cells: 2 done, 0 running"


def test_a_store_that_is_not_there_at_first_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no sweep in"):
        watched(Store(tmp_path / "typo"), [])


def test_the_picture_on_a_terminal_has_the_matrix_and_how_far_runs_are(store: Store, plan: Plan) -> None:
    finish(store, plan, 0)
    with store.driver_lock():
        run = live(plan, 1, step=10, steps_per_second=2.5, gpus=0.25)
        store.beat(datetime.now(UTC), [run], to_go=90.0)
        said = watched(store, [lambda: (finish(store, plan, 1), finish(store, plan, 2))], terminal=True)
    assert "about 1.5 min to go" in said
    assert f"a -> x #42: train, 25% (10 of 40 steps at 2.5 a second) on {HERE} (0.25 of a GPU)" in said
    assert "25%" in said
    assert "a, 0 s ago" in said


def test_a_look_reads_no_record_twice(store: Store, plan: Plan, monkeypatch: pytest.MonkeyPatch) -> None:
    for place in range(3):
        finish(store, plan, place)
    looker, read = Looker(store), []
    whole = Store.record
    monkeypatch.setattr(Store, "record", lambda self, run_id: (read.append(run_id), whole(self, run_id))[1])
    first = looker.look()
    assert sorted(read) == sorted(plan.nodes)
    assert looker.look().states == first.states
    assert len(read) == 3
    (store.root / "runs" / read[0] / "record.json").write_text("cut")
    assert looker.look().states != first.states


def test_json_says_what_runs_and_how_far(store: Store, plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    finish(store, plan, 0)
    bad = list(plan.nodes)[2]
    store.fail(bad, "a -> y #42", "labels are missing")
    with store.driver_lock():
        store.beat(datetime.now(UTC), [live(plan, 1, step=10)], to_go=3600.0)
        assert grid(["status", "--store", str(store), "--json"]) == 1
    said = json.loads(capsys.readouterr().out)
    assert said["cells"] == {"pending": 1, "failed": 1}
    assert said["runs"] == {"done": 1, "running": 1, "failed": 1}
    assert (said["running"][0]["name"], said["running"][0]["step"]) == ("a -> x #42", 10)
    assert 3590 < said["to_go_seconds"] <= 3600
    assert said["driver"]["is_alive"] is True
    assert said["failures"] == [
        {"run_id": bad, "name": "a -> y #42", "state": "failed", "reason": "labels are missing"}
    ]


def test_json_without_a_driver(store: Store, plan: Plan, capsys: pytest.CaptureFixture[str]) -> None:
    assert grid(["status", "--store", str(store), "--json"]) == 0
    said = json.loads(capsys.readouterr().out)
    assert (said["driver"], said["to_go_seconds"], said["running"]) == (None, None, [])


def test_watch_and_json_are_two_things(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    assert grid(["status", "--store", str(store), "--watch", "--json"]) == 2
    assert "allowed: one of them" in capsys.readouterr().err


def test_notes_of_earlier_versions_are_read() -> None:
    text = '{"host": "n", "pid": 3, "started": "2026-11-26T12:00:00+00:00", "beat": "2026-11-26T12:00:05+00:00"}'
    assert Driver.from_json(text).to_go == 0.0
