"""A sweep as a submitted Ray job: a head node of its own, the code uploaded, the cluster found by itself."""

from __future__ import annotations

import json
import os
import shutil
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from tests.made import graphs
from trainables.ledger.store import Store

REPOSITORY = Path(__file__).parents[2]
DRIVER = """
import sys
from pathlib import Path
from rich.console import Console
from sweep.cluster.run import Place, run_plan
from tests.made import graphs
from trainables.phases.options import Options
from trainables.ledger.store import Store
store = Store(Path(sys.argv[1])).prepare()
options = Options(data="demo", encoder="bundled", executor=f"tests.made.executors:{sys.argv[2]}")
place = Place(address=sys.argv[3], results=store.root / "tune", name="job")
summary = run_plan(graphs.fan(["a"], ["x"]), store, options, place, Console(width=100))
print("ended:", summary.stopped or "done")
sys.exit(summary.exit_code)
"""


@pytest.fixture(scope="module")
def head(tmp_path_factory: pytest.TempPathFactory) -> Iterator[dict[str, str]]:
    """A Ray head on ports of its own, and the environment that its clients need. Killed by process id at the end."""
    home = Path(os.environ.get("TMPDIR", "/tmp")) / f"xs-{os.getpid()}"  # sockets need a short path
    environment = {**os.environ, "RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": "a" * 64, "RAY_USAGE_STATS_ENABLED": "0"}
    environment.pop("RAY_ADDRESS", None)
    log = tmp_path_factory.mktemp("head") / "log"
    for _ in range(3):  # another process may take a port between its choice and its use
        process = start_head(home, environment, log)
        try:
            if wait_for_head(process, environment):
                yield environment
                return
        finally:
            end_family(process)
            shutil.rmtree(home, ignore_errors=True)
    pytest.fail(f"the Ray head does not start:\n{log.read_text()}")


@pytest.fixture
def code(tmp_path: Path) -> Path:
    """What a user would upload: the packages and a driver, without data and environments."""
    folder = tmp_path / "code"
    for package in ("sweep", "trainables", "search_spaces", "tests"):
        shutil.copytree(REPOSITORY / package, folder / package, ignore=shutil.ignore_patterns("__pycache__", "golden"))
    (folder / "driver.py").write_text(DRIVER)
    return folder


def test_submitted_job_runs_on_the_cluster_it_was_sent_to(head: dict[str, str], code: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    job = submit(head, code, store.root, "empty")
    assert job.wait(timeout=150) == 0
    plan = graphs.fan(["a"], ["x"])
    assert set(store.run_ids()) == set(plan.nodes)
    notes = [json.loads(store.record(run_id).notes[0]) for run_id in plan.nodes]
    assert all(note["pid"] != os.getpid() for note in notes)


def test_driver_from_elsewhere_brings_its_code_along(head: dict[str, str], code: Path, tmp_path: Path) -> None:
    """Not a job: a driver on the same disk, started in another folder, joins the cluster at its address."""
    store = Store(tmp_path / "store")
    command = [sys.executable, str(code / "driver.py"), str(store.root), "empty", head["GCS"]]
    subprocess.run(command, check=True, cwd=tmp_path, env=head, timeout=150)
    assert len(store.run_ids()) == 2


def test_stopped_job_leaves_the_store_ready_for_the_next(head: dict[str, str], code: Path, tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    run_id = next(iter(graphs.fan(["a"], ["x"]).nodes))
    job = submit(head, code, store.root, "endless", "--submission-id", "endless-job")
    deadline = time.monotonic() + 120
    while not (store.root / "runs" / run_id / ".lock").exists():
        assert time.monotonic() < deadline, "the job did not start"
        time.sleep(0.1)
    subprocess.run(jobs(head, "stop", "endless-job"), env=head, check=True, stdout=subprocess.DEVNULL)
    job.wait(timeout=60)
    status = subprocess.run(jobs(head, "status", "endless-job"), env=head, check=True, capture_output=True, text=True)
    assert "stopped" in status.stdout + status.stderr
    with store.driver_lock(), store.run_lock(run_id, seconds=10):
        pass


def submit(head: dict[str, str], code: Path, store: Path, executor: str, *options: str) -> subprocess.Popen[bytes]:
    entry = [sys.executable, "driver.py", str(store), executor, "auto"]
    return subprocess.Popen(jobs(head, "submit", *options, "--working-dir", str(code), "--", *entry), env=head)


def jobs(head: dict[str, str], *arguments: str) -> list[str]:
    return [sys.executable, "-m", "ray.scripts.scripts", "job", *arguments]


def start_head(home: Path, environment: dict[str, str], log: Path) -> subprocess.Popen[bytes]:
    """All fixed ports are chosen: the default of the agent (52365) lies among those that the system gives out."""
    named = ("port", "dashboard-port", "ray-client-server-port", "dashboard-agent-listen-port")
    ports = dict(zip(named, free_ports(len(named)), strict=True))
    environment["GCS"] = f"127.0.0.1:{ports['port']}"
    environment["RAY_API_SERVER_ADDRESS"] = f"http://127.0.0.1:{ports['dashboard-port']}"
    options = ["--head", "--block", "--num-cpus=2", "--num-gpus=0", "--temp-dir", str(home)]
    options += ["--object-store-memory=100000000", *(f"--{name}={port}" for name, port in ports.items())]
    command = [sys.executable, "-m", "ray.scripts.scripts", "start", *options]
    with log.open("a") as stream:
        return subprocess.Popen(command, env=environment, stdout=stream, stderr=stream)


def wait_for_head(process: subprocess.Popen[bytes], head: dict[str, str], seconds: float = 150) -> bool:
    """Whether the head takes jobs, which is later than its dashboard answers; False when it ended or is too slow."""
    deadline = time.monotonic() + seconds
    submit_nothing = jobs(head, "submit", "--", "true")
    while process.poll() is None and time.monotonic() < deadline:
        if not subprocess.run(submit_nothing, env=head, capture_output=True, check=False).returncode:
            return True
        time.sleep(0.5)
    return False


def end_family(process: subprocess.Popen[bytes]) -> None:
    family = [process, *psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []
    for each in family:
        try:
            each.kill()
        except psutil.NoSuchProcess:
            continue
    process.wait()


def free_ports(count: int) -> list[int]:
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports
