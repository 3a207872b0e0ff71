"""How a driver is ended: by Ctrl-C, by SIGTERM, and by a cluster all of whose nodes have died."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from sweep.cluster.interruption import Interruption
from sweep.cluster.session import Watchdog
from tests.made import graphs
from trainables.ledger.store import Store


def test_sigterm_ends_the_sweep_and_its_workers(store: Store) -> None:
    """A driver of its own, whose only run never ends, is told to stop."""
    script = f"""
import sys
from pathlib import Path
from rich.console import Console
from sweep.cluster.run import Place, run_plan
from tests.made import graphs
from trainables.phases.options import Options
from trainables.ledger.store import Store
store = Store(Path({str(store.root)!r}))
plan = graphs.fan(["a"], ["x"])
options = Options(data="demo", encoder="bundled", executor="tests.made.executors:endless")
summary = run_plan(plan, store, options, Place(results=store.root, name="n", cpus=1), Console())
assert summary.not_started == tuple(plan.nodes)
sys.exit(summary.exit_code)
"""
    driver = subprocess.Popen([sys.executable, "-c", script], cwd=Path(__file__).parents[2])
    try:
        working = store.root / "runs" / next(iter(graphs.fan(["a"], ["x"]).nodes)) / ".lock"
        wait_for(working.exists)
        time.sleep(0.5)
        begun = time.monotonic()
        driver.send_signal(signal.SIGTERM)
        assert driver.wait(timeout=60) == 143
        assert time.monotonic() - begun < 10
    finally:
        with contextlib.suppress(ProcessLookupError):
            driver.kill()
            driver.wait()
    with store.run_lock(working.parent.name, seconds=10):
        pass


def test_first_ctrl_c_interrupts_and_handlers_come_back() -> None:
    before = signal.getsignal(signal.SIGINT)
    with Interruption() as interruption:
        with pytest.raises(KeyboardInterrupt):
            os.kill(os.getpid(), signal.SIGINT)
        assert interruption.reason == "interrupted"
        assert signal.getsignal(signal.SIGINT) not in (before, None)
    assert signal.getsignal(signal.SIGINT) == before


@pytest.fixture
def dead_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a killed raylet Ray answers after about 15 s that its node is dead; tried by hand, too slow for a test."""
    monkeypatch.setattr("sweep.cluster.session.ray.nodes", lambda: [{"Alive": False}])


@pytest.mark.usefixtures("dead_cluster")
@pytest.mark.parametrize("before", [signal.default_int_handler, signal.SIG_IGN], ids=["in front", "in background"])
def test_watchdog_interrupts_when_every_node_is_dead(before: signal.Handlers) -> None:
    """Inside an `Interruption`, as the driver has it: what a shell starts in the background ignores SIGINT."""
    exits: list[int] = []
    watchdog = Watchdog(dead_seconds=1.0, exit_process=exits.append)
    with handled_by(before), Interruption(), pytest.raises(KeyboardInterrupt), watchdog:
        time.sleep(60)
    assert watchdog.barked
    time.sleep(1.5)
    assert exits == [], "the main thread has left in time"


@pytest.mark.usefixtures("dead_cluster")
def test_watchdog_ends_the_process_when_the_main_thread_is_stuck_inside_ray() -> None:
    exits: list[int] = []
    watchdog = Watchdog(dead_seconds=0.2, exit_process=exits.append)
    with Interruption(), watchdog:
        with pytest.raises(KeyboardInterrupt):
            time.sleep(60)
        wait_for(lambda: exits == [1])
    assert watchdog.barked


@contextlib.contextmanager
def handled_by(handler: signal.Handlers) -> Iterator[None]:
    """SIGINT goes to another handler for a while."""
    before = signal.signal(signal.SIGINT, handler)
    try:
        yield
    finally:
        signal.signal(signal.SIGINT, before)


def wait_for(condition: Callable[[], bool], seconds: float = 120) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "waited too long"
        time.sleep(0.05)
