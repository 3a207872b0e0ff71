"""Which runs live, which are silent for too long, and when a sweep that is halted is at rest."""

from __future__ import annotations

import io
from datetime import UTC, datetime
from types import SimpleNamespace

from rich.console import Console

from sweep.cluster.driver import why_lost
from sweep.cluster.heartbeat import Heartbeat
from sweep.cluster.pulse import Halt, Pulse
from sweep.cluster.searcher import WORKER_LOST
from trainables.ledger.store import Store
from trainables.report import Advanced, Failed, Finished

HERE = {"hostname": "node7", "pid": 4}


def training(step: int) -> dict:
    return HERE | Advanced(stage="train", step=step, planned_steps=40).to_result()


def test_a_run_is_silent_from_its_start_or_its_last_word() -> None:
    pulse = Pulse(hang_seconds=10.0)
    pulse.start("a", "A", 0.0)
    pulse.start("b", "B", 0.0)
    pulse.hear("b", training(3), 5.0)
    assert pulse.silent(10.0) == []
    assert pulse.silent(10.1) == ["a"]
    assert pulse.silent(11.0) == [], "each is named once"
    assert pulse.silent(15.1) == ["b"]


def test_a_driver_that_waits_for_its_store_takes_no_worker_for_hung(store: Store, monkeypatch) -> None:
    """At 8 s the driver stops listening for 1000 s; then the run may be silent for the 2 of its 10 s that are left."""
    clock = SimpleNamespace(monotonic=lambda: clock.now, now=0.0)
    monkeypatch.setattr("sweep.cluster.heartbeat.time", clock)
    pulse, halt = Pulse(hang_seconds=10.0), Halt(asked=lambda: False, is_computed=lambda run_id: False)
    heartbeat = Heartbeat(pulse, halt, store, Console(file=io.StringIO()), tries_again=lambda run_id: False)
    pulse.start("a", "A", 0.0)
    ended = []
    for clock.now in (8.0, 1008.0, 1009.5, 1011.0):
        heartbeat.on_step_end(0, [])
        ended.append("a" in pulse.hung)
    assert ended == [False, False, False, True]


def test_the_next_attempt_has_its_own_time() -> None:
    pulse = Pulse(hang_seconds=10.0)
    for attempt in range(3):
        pulse.start("a", "A", 100.0 * attempt)
        assert pulse.silent(100.0 * attempt + 11) == ["a"]
        pulse.end("a")
    assert pulse.silent(1000.0) == []
    assert why_lost(pulse, "a") == ("its worker was lost three times, 3 of them ended for having said nothing for 10 s")
    assert why_lost(pulse, "b") == WORKER_LOST


def test_what_others_may_read() -> None:
    pulse = Pulse(hang_seconds=10.0)
    pulse.start("a", "A", 100.0)
    pulse.start("b", "B", 100.0)
    pulse.hear("a", training(10), 107.0)
    pulse.hear("a", HERE | Failed(reason="no").to_result(), 108.0)
    pulse.hear("gone", training(10), 108.0)
    first, second = pulse.live(110.0)
    assert (first.run_id, first.name, first.node, first.stage, first.step, first.planned_steps) == (
        "a", "A", "node7", "train", 10, 40
    )  # fmt: skip
    assert (second.run_id, second.stage, second.step, second.planned_steps) == ("b", "start", 0, 0)
    now = datetime.now(UTC)
    assert [round((now - run.spoke).total_seconds()) for run in (first, second)] == [2, 10]


def test_a_halted_sweep_rests_when_what_trained_has_let_go_of_its_run() -> None:
    asked, computed = [False], {"a"}
    halt = Halt(asked=lambda: asked[0], is_computed=lambda run_id: run_id in computed)
    pulse = Pulse(hang_seconds=10.0)
    pulse.start("a", "A", 0.0)
    pulse.start("b", "B", 0.0)
    pulse.hear("a", training(3), 1.0)
    pulse.hear("b", HERE | Advanced(stage="load").to_result(), 1.0)
    halt.begin()
    assert not halt.begun
    asked[0] = True
    halt.begin()
    assert halt.begun
    assert not halt.rests(pulse), "a has not been stopped"
    halt.resting.add("a")
    pulse.end("a")
    assert not halt.rests(pulse), "a writes its checkpoint"
    computed.clear()
    assert halt.rests(pulse), "b has nothing to keep"


def test_the_end_of_a_run_is_no_stage() -> None:
    pulse = Pulse(hang_seconds=10.0)
    pulse.start("a", "A", 0.0)
    pulse.hear("a", HERE | Finished(run_id="a", step=40, planned_steps=40).to_result(), 1.0)
    assert (pulse.runs["a"].step, pulse.runs["a"].stage) == (40, "start")
