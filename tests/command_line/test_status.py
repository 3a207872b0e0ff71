"""`status`: whether a driver is alive, what it runs, how far that is, and when it was last heard of."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta

import pytest

from sweep.command_line.main import grid
from sweep.terminal.pulse import driver_lines
from tests.made import graphs
from trainables.ledger.alive import Driver, LiveRun
from trainables.ledger.store import Store

NOW = datetime(2026, 11, 26, 12, tzinfo=UTC)


def before(seconds: float) -> datetime:
    return NOW - timedelta(seconds=seconds)


def driver(beat: float, host: str = "here") -> Driver:
    return Driver(host=host, pid=7, started=before(7200), beat=before(beat))


RUNS = (
    LiveRun(run_id="a", name="qqp [/x] #1", node="n1", stage="train", step=30, planned_steps=40, spoke=before(2)),
    LiveRun(run_id="b", name="none -> xnli #1", node="", stage="load", step=0, planned_steps=0, spoke=before(90)),
)


def lines(given: Driver | None, runs: tuple[LiveRun, ...] = (), *, is_driven: bool) -> list[str]:
    return [str(line) for line in driver_lines(given, runs, is_driven=is_driven, here="here", now=NOW)]


def test_a_driver_at_work_and_its_runs() -> None:
    assert lines(driver(3), RUNS, is_driven=True) == [
        "driver: process 7 on here, for 2.0 h, last heard of 3 s ago",
        "  qqp [/x] #1: train, 75% (30 of 40 steps) on n1, spoke 2 s ago",
        "  none -> xnli #1: load, spoke 1.5 min ago",
    ]


def test_a_driver_that_holds_the_store_and_says_nothing() -> None:
    assert lines(driver(300), is_driven=True) == [
        "driver: process 7 on here, for 2.0 h, last heard of 5.0 min ago: it hangs, or cannot write"
    ]


def test_a_driver_that_was_killed() -> None:
    assert lines(driver(4), RUNS[:1], is_driven=False) == [
        "driver: none; the last one (process 7 on here, begun 2.0 h ago) was killed, it was last heard of 4 s ago; "
        "the same command continues",
        "  was at qqp [/x] #1, train, 75% (30 of 40 steps)",
    ]


@pytest.mark.parametrize(("beat", "lives"), [(4, True), (61, False)])
def test_a_lock_on_another_host_may_not_show(beat: float, lives: bool) -> None:
    [said] = lines(driver(beat, host="there"), is_driven=False)
    assert said.startswith(
        "driver: process 7 on there, for" if lives else "driver: none; the last one (process 7 on there"
    )


def test_no_driver() -> None:
    assert lines(None, is_driven=False) == ["driver: none"]
    assert lines(None, is_driven=True) == ["driver: one is at work, of which nothing can be read"]


def test_the_command_reads_the_files_and_the_lock(store: Store, capsys: pytest.CaptureFixture[str]) -> None:
    store.save_plan(graphs.fan(["a"], ["x"]))
    arguments = ["status", "--store", str(store.root)]
    assert grid(arguments) == 0
    assert "driver: none\n" in capsys.readouterr().out
    with store.driver_lock():
        store.beat(datetime.now(UTC), RUNS)
        assert grid(arguments) == 0
    said = capsys.readouterr().out
    assert "driver: process" in said
    assert "qqp [/x] #1: train, 75% (30 of 40 steps) on n1" in said
    (store.root / "driver.json").write_text(driver(0).to_json())
    assert grid(arguments) == 0
    assert "driver: none; the last one (process 7 on here" in capsys.readouterr().out
    (store.root / "driver.json").write_text(json.dumps({"host": "h", "pid": 7}))
    assert grid(arguments) == 0
    assert "driver: none\n" in capsys.readouterr().out
