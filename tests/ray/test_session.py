"""Sessions one after another, and how a driver is ended: by signals, which leave a checkpoint, or by Ray's death."""

from __future__ import annotations

import contextlib
import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil
import pytest
import ray
from ray.cluster_utils import Cluster

from sweep.cluster.interruption import Interruption
from sweep.cluster.session import ray_session
from sweep.cluster.watchdog import Watchdog
from tests.made import graphs
from trainables.ledger.store import Store

DRIVER = """
import sys
from pathlib import Path
from rich.console import Console
from sweep.cluster.errors import RayError
from sweep.cluster.run import Place, run_plan
from tests.made import graphs
from trainables.phases.options import Options
from trainables.ledger.store import Store
store = Store(Path(sys.argv[1])).prepare()
options = Options(data="demo", encoder="bundled", executor=f"tests.made.executors:{sys.argv[2]}")
place = Place(results=store.root, name="n", cpus=1)
try:
    summary = run_plan(graphs.fan(["a"], []), store, options, place, Console(width=100))
except RayError as error:
    sys.exit(f"RayError: {error}")
print("ending:", summary.ending or "done", flush=True)
sys.exit(summary.exit_code)
"""
[RUN_ID] = graphs.fan(["a"], []).nodes


@contextlib.contextmanager
def driver(store: Store, executor: str) -> Iterator[subprocess.Popen[str]]:
    """A driver of its own for one run; what it says, errors included, can be read when it has ended."""
    command = [sys.executable, "-c", DRIVER, str(store.root), executor]
    process = subprocess.Popen(
        command, cwd=Path(__file__).parents[2], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
    )
    try:
        yield process
    finally:
        with contextlib.suppress(ProcessLookupError):
            process.kill()
        process.wait()


def own(process: subprocess.Popen[str], name: str) -> psutil.Process:
    """A process of that name below a driver, once there is one."""

    def found() -> list[psutil.Process]:
        return [each for each in psutil.Process(process.pid).children(recursive=True) if each.name() == name]

    wait_for(lambda: bool(found()))
    return found()[0]


def test_a_run_that_has_nothing_to_keep_is_not_waited_for(store: Store) -> None:
    """It notices nothing for a minute, longer than a run in training is waited for."""
    with driver(store, "endless") as process:
        wait_for(lambda: [run.stage for run in store.running()] == ["load"])
        process.send_signal(signal.SIGTERM)
        assert process.wait(timeout=15) == 143
    with store.run_lock(RUN_ID, seconds=10):
        pass


@pytest.mark.timeout(180)
def test_actors_start_in_a_cluster_without_tokens_after_a_ray_of_its_own_that_had_them(tmp_path: Path) -> None:
    mode = "RAY_AUTH_MODE"
    before = os.environ.get(mode)
    with ray_session("local", tmp_path / "one.log", cpus=1):
        assert os.environ[mode] == "token", "Ray's own choice for a Ray of its own"
    assert os.environ.get(mode) == before
    os.environ[mode] = "disabled"
    cluster = Cluster(initialize_head=True, head_node_args={"num_cpus": 1})
    try:
        cluster.add_node(num_cpus=1)
        with ray_session(cluster.address, tmp_path / "other.log"):
            actors = [ray.remote(num_cpus=1)(Process).remote() for _ in range(2)]
            assert len({*ray.get([actor.pid.remote() for actor in actors], timeout=60)}) == 2
    finally:
        cluster.shutdown()


class Process:
    """An actor that says which process it is."""

    def pid(self) -> int:
        return os.getpid()


@pytest.mark.timeout(180)
def test_told_to_stop_by_any_signal_a_sweep_goes_on_from_where_it_was(store: Store) -> None:
    """One run of some minutes, stopped three times after some seconds of it: it never begins anew."""
    begins = store.root / "runs" / RUN_ID / "begins"
    kept = [0]
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1):
        with driver(store, "counting") as process:
            wait_for(lambda: any(run.step > kept[-1] for run in store.running()))
            process.send_signal(number)
            said, _ = process.communicate(timeout=30)
        assert process.returncode == 128 + number
        assert "1 of the 1 runs on the way go on from a checkpoint" in said
        assert "failed" not in said
        kept.append(int(store.checkpoint(RUN_ID).read_text()))
    (begins.parent / "hurry").touch()
    with driver(store, "counting") as process:
        said, _ = process.communicate(timeout=60)
    assert process.returncode == 0, said
    assert kept == sorted(set(kept)), "each went on"
    assert [int(line) for line in begins.read_text().split()] == kept
    assert store.is_finished(RUN_ID)
    assert store.driver() is None


@pytest.mark.parametrize(("name", "moment"), [("gcs_server", "early"), ("raylet", "later"), ("gcs_server", "later")])
def test_a_ray_that_dies_is_one_message(store: Store, name: str, moment: str) -> None:
    """Killed as soon as it is there, where Ray would wait for half a minute, or while a run is on its way."""
    with driver(store, "counting") as process:
        if moment == "later":
            wait_for(lambda: bool(store.running()))
        own(process, name).kill()
        said, _ = process.communicate(timeout=60)
    where = store.root / "n" / "ray.log"
    if moment == "early":
        assert process.returncode in (1, 2)
        assert said.startswith("Ray")
        assert f"its {name} ended at once" in said
        assert said.count("\n") == 1
    else:
        assert (
            f"Ray on this machine has died: its {name} ended (killed, or out of memory?); Ray's messages are in {where}"
            in said
        )
        assert said.count("has died") == 2, "when it happens, and at the end"
    assert "Traceback" not in said
    assert "(raylet)" not in said
    with store.driver_lock(), store.run_lock(RUN_ID, seconds=30):
        pass


@pytest.fixture
def dead_cluster(monkeypatch: pytest.MonkeyPatch) -> None:
    """With a killed raylet Ray answers after about 15 s that its node is dead; tried by hand, too slow for a test."""
    monkeypatch.setattr("sweep.cluster.watchdog.ray.nodes", lambda: [{"Alive": False}])


@pytest.mark.usefixtures("dead_cluster")
@pytest.mark.parametrize("before", [signal.default_int_handler, signal.SIG_IGN], ids=["in front", "in background"])
def test_watchdog_interrupts_when_every_node_is_dead(before: signal.Handlers) -> None:
    """Inside an `Interruption`, as the driver has it: what a shell starts in the background ignores SIGINT."""
    exits: list[int] = []
    watchdog = Watchdog(dead_seconds=1.0, exit_process=exits.append)
    with handled_by(before), Interruption(), pytest.raises(KeyboardInterrupt), watchdog:
        time.sleep(60)
    assert watchdog.why
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
    assert watchdog.why


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
