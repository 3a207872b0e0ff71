"""`status --watch` and `status --json`: a sweep as seen from another shell, until it is over."""

from __future__ import annotations

import functools
import io
import json
import math
import os
import re
from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from rich.console import Console

from sweep.command_line.main import grid
from sweep.terminal.look import Look, Looker
from sweep.terminal.standing import cell_line, standing_lines
from sweep.terminal.watch import watch
from tests.made import graphs
from tests.made.executors import quadratic_record
from trainables.ledger.alive import Driver, LiveRun
from trainables.ledger.errors import LedgerError
from trainables.ledger.plan import Plan
from trainables.ledger.store import Store
from trainables.ledger.studies import StudyResult

HERE = os.uname().nodename


@pytest.fixture
def plan(store: Store) -> Plan:
    made = graphs.fan(["a"], ["x", "y"])
    store.prepare().save_plan(made)
    return made


def finish(store: Store, plan: Plan, place: int) -> None:
    node = list(plan.nodes.values())[place]
    store.finish(quadratic_record(node.spec, node.name))


def driving(store: Store) -> ExitStack:
    """A driver at work, until it is closed."""
    driver = ExitStack()
    driver.enter_context(store.driver_lock())
    return driver


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
    bad, driver = list(plan.nodes)[2], driving(store)
    store.beat(datetime.now(UTC), [live(plan, 0)], to_go=600.0)
    said = watched(
        store,
        [
            lambda: finish(store, plan, 0),
            lambda: finish(store, plan, 1),
            lambda: store.fail(bad, "a -> y #42", "labels are [missing]"),
            driver.close,
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
        "2 cells: 1 done, 1 failed, 0 running, no driver",
    ]


def test_it_ends_when_the_driver_leaves_with_work_undone(store: Store, plan: Plan) -> None:
    said = watched(store, [lambda: None, driving(store).close])
    assert said.splitlines()[1:] == ["2 cells: 2 pending, 0 running", "2 cells: 2 pending, 0 running, no driver"]


def test_without_a_driver_it_waits_for_one(store: Store, plan: Plan) -> None:
    driver = ExitStack()
    enter = functools.partial(driver.enter_context, store.driver_lock())
    changes = [lambda: None, enter, lambda: finish(store, plan, 0), driver.close]
    assert "done a" in watched(store, changes).splitlines()


def test_a_store_that_vanishes_is_waited_for(store: Store, plan: Plan) -> None:
    away = store.root.with_name("away")

    def back() -> None:
        away.rename(store.root)
        for place in range(3):
            finish(store, plan, place)

    driver = driving(store)
    said = watched(store, [lambda: store.root.rename(away), lambda: None, back, driver.close])
    assert said.count("cannot be read, and is looked for again") == 1
    assert said.splitlines()[-2:] == ["2 cells: 2 done, 0 running", "2 cells: 2 done, 0 running, no driver"]


def test_a_store_that_vanishes_in_the_middle_of_a_look_is_not_one_without_a_driver(
    store: Store, plan: Plan, monkeypatch: pytest.MonkeyPatch
) -> None:
    away, looks = store.root.with_name("away"), iter(["whole", "cut"])
    whole = Store.running

    def running(self: Store) -> tuple[LiveRun, ...]:
        if next(looks, "") == "cut":
            store.root.rename(away)
        return whole(self)

    monkeypatch.setattr(Store, "running", running)
    driver = driving(store)
    said = watched(store, [lambda: None, lambda: away.rename(store.root), driver.close])
    assert "went away while it was looked at" in said
    assert said.count("no driver") == 1


def test_runs_that_failed_and_are_tried_again_are_watched_from_the_start(store: Store, plan: Plan) -> None:
    first = next(iter(plan.nodes))
    store.fail(first, "a", "the disk was full")
    driver = driving(store)
    said = watched(store, [lambda: finish(store, plan, 0), driver.close])
    assert said.splitlines()[1:3] == ["2 cells: 2 blocked, 0 running", "done a"]


def test_a_search_runs_until_it_has_a_winner_and_is_said_to_be_done_once(store: Store) -> None:
    """Trial 0 has the id of the run as planned, so its record alone says nothing of the search."""
    plan = graphs.searched(graphs.fan(["a"], ["x"]), graphs.fields(target=2))
    store.prepare().save_plan(plan)
    finish(store, plan, 0)
    driver = driving(store)
    node_id, node = list(plan.nodes.items())[1]
    other = replace(live(plan, 1, step=10), run_id="0123456789ab", name=f"{node.name}, trial 1")
    found = StudyResult(
        node=node_id, name=node.name, row=node.row, phase=node.spec.phase, tasks=node.spec.tasks, mlm=False, seed=42,
        winner=node_id, gain=0.0, importances={}, trials=(),
    )  # fmt: skip

    def step(*acts: Callable[[], object]) -> Callable[[], object]:
        return lambda: [act() for act in acts]

    looks: list[Look] = []
    said = watched(
        store,
        [
            lambda: store.beat(datetime.now(UTC), [live(plan, 1)]),
            lambda: finish(store, plan, 1),
            lambda: store.beat(datetime.now(UTC), [other]),
            lambda: looks.append(Looker(store).look()),
            step(lambda: store.save_studies([found]), lambda: store.beat(datetime.now(UTC), [])),
            driver.close,
        ],
    )
    assert [line for line in said.splitlines() if line.startswith("done")] == [f"done {node.name}"]
    assert [line.partition(",")[0] for line in said.splitlines()[-2:]] == ["1 cell: 1 done"] * 2
    assert cell_line(looks[0]) == "1 cell: 1 pending"
    picture = io.StringIO()
    for line in standing_lines(looks[0], 100):
        Console(file=picture, width=100).print(line)
    assert re.search(r"^a +● +25%$", picture.getvalue(), re.MULTILINE)


@pytest.mark.parametrize(
    "odd",
    [
        {"place": "0"}, {"planned_steps": "40"}, {"step": math.inf}, {"step": -5}, {"steps_per_second": math.nan},
        {"gpus": None}, {"step": 10**400},
    ],
    ids=["text", "digits", "infinite", "negative", "nan", "none", "huge"],
)  # fmt: skip
def test_a_note_of_runs_that_is_damaged_counts_as_none(
    store: Store, plan: Plan, odd: dict[str, object], capsys: pytest.CaptureFixture[str]
) -> None:
    with store.driver_lock():
        store.beat(datetime.now(UTC), [live(plan, 0)], to_go=90.0)
        note = store.root / "running.json"
        [run] = json.loads(note.read_text())
        note.write_text(json.dumps([run | odd]))
        assert grid(["status", "--store", str(store)]) == 0
        assert grid(["status", "--store", str(store), "--json"]) == 0
    said = json.loads(capsys.readouterr().out.splitlines()[-1])
    assert said["running"] == []
    assert said["to_go_seconds"] > 80


@pytest.mark.parametrize("to_go", [math.nan, math.inf])
def test_a_time_to_go_that_is_no_number_is_not_said(
    store: Store, plan: Plan, to_go: float, capsys: pytest.CaptureFixture[str]
) -> None:
    with store.driver_lock():
        store.beat(datetime.now(UTC), [], to_go=to_go)
        assert grid(["status", "--store", str(store), "--json"]) == 0
    assert json.loads(capsys.readouterr().out)["to_go_seconds"] is None


def test_a_clock_that_is_ahead_adds_nothing_to_the_time_to_go() -> None:
    now = datetime(2026, 11, 27, 12, tzinfo=UTC)
    driver = Driver(host="n", pid=3, started=now, beat=now + timedelta(minutes=5), to_go=60.0)
    assert driver.left(now) == 60.0
    assert driver.left(now + timedelta(minutes=5, seconds=20)) == 40.0
    assert driver.left(now + timedelta(hours=1)) == 0.0


def test_a_store_that_is_not_there_at_first_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(LedgerError, match="no sweep in"):
        watched(Store(tmp_path / "typo"), [])


def test_the_picture_on_a_terminal_has_the_matrix_and_how_far_runs_are(store: Store, plan: Plan) -> None:
    finish(store, plan, 0)
    driver = driving(store)
    store.beat(datetime.now(UTC), [live(plan, 1, step=10, steps_per_second=2.5, gpus=0.25)], to_go=90.0)
    changes = [lambda: (finish(store, plan, 1), finish(store, plan, 2)), driver.close]
    said = watched(store, changes, terminal=True)
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
