"""What a driver does when it is told to stop: at once, or patiently."""

from __future__ import annotations

import os
import signal
import threading
import time

import pytest

from sweep.cluster import interruption as module
from sweep.cluster.interruption import EXIT_CODES, Interruption
from sweep.cluster.summary import Summary
from tests.made import graphs

STOPS = {signal.SIGINT: "interrupted", signal.SIGTERM: "stopped by SIGTERM", signal.SIGUSR1: "stopped by SIGUSR1"}


def tell(number: signal.Signals) -> None:
    """Python hears of a signal at its next instruction in the main thread."""
    os.kill(os.getpid(), number)
    time.sleep(0.01)


@pytest.mark.parametrize("number", STOPS)
def test_the_first_signal_interrupts_at_once_and_handlers_come_back(number: signal.Signals) -> None:
    before = signal.getsignal(number)
    with Interruption() as interruption:
        with pytest.raises(KeyboardInterrupt):
            tell(number)
        assert interruption.reason == STOPS[number]
        assert signal.getsignal(number) not in (before, None)
    assert signal.getsignal(number) == before


@pytest.mark.parametrize("number", STOPS)
def test_the_exit_code_is_that_of_the_signal(number: signal.Signals) -> None:
    """As shells have it: 130, 143, 138."""
    plan = graphs.fan(["a"], [])
    summary = Summary(plan=plan, done=(), stopped=STOPS[number], interrupted=(3, 2))
    assert summary.exit_code == EXIT_CODES[STOPS[number]] == {"INT": 130, "TERM": 143, "USR1": 138}[number.name[3:]]
    assert "2 of the 3 runs on the way go on from a checkpoint, the others anew" in summary.ending
    assert summary.ending.endswith("the same command continues")


@pytest.mark.parametrize("number", STOPS)
def test_patiently_the_first_signal_is_only_noted_until_the_time_is_up(number: signal.Signals) -> None:
    with Interruption() as interruption, interruption.patiently(0.5):
        tell(number)
        assert interruption.reason == STOPS[number], "and no KeyboardInterrupt"
        with pytest.raises(KeyboardInterrupt):
            time.sleep(30)


@pytest.mark.parametrize("second", STOPS)
def test_a_second_signal_ends_the_process(second: signal.Signals) -> None:
    exits: list[int] = []
    with Interruption(exit_process=exits.append) as interruption, interruption.patiently(60):
        tell(signal.SIGTERM)
        tell(second)
    assert exits == [128 + second]


def test_a_main_thread_that_does_not_leave_is_ended(monkeypatch: pytest.MonkeyPatch) -> None:
    """It hears of KeyboardInterrupt and goes on all the same, as inside Ray's core."""
    monkeypatch.setattr(module, "LEAVE_SECONDS", 0.2)
    exits: list[int] = []
    ended = threading.Event()

    def leave(code: int) -> None:
        exits.append(code)
        ended.set()

    with Interruption(exit_process=leave) as interruption, interruption.patiently(0.1):
        tell(signal.SIGUSR1)
        with pytest.raises(KeyboardInterrupt):
            time.sleep(30)
        assert ended.wait(30)
    assert exits == [138]


def test_others_can_interrupt_too_and_then_a_signal_ends_the_process() -> None:
    """The watchdog, from its thread, also while runs have time to come to rest."""
    exits: list[int] = []
    with Interruption(exit_process=exits.append) as interruption, interruption.patiently(60):
        tell(signal.SIGTERM)
        threading.Timer(0.1, interruption.now).start()
        with pytest.raises(KeyboardInterrupt):
            time.sleep(30)
        assert exits == []
        tell(signal.SIGINT)
    assert exits == [130]
