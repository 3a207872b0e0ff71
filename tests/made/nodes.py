"""A Ray cluster of several nodes on this machine: processes with ports of their own, killed by their ids."""

from __future__ import annotations

import contextlib
import itertools
import os
import shutil
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path

import psutil

TOKEN = "a" * 64
RAY = ("-m", "ray.scripts.scripts")
_PORTS = ("port", "dashboard-port", "ray-client-server-port", "dashboard-agent-listen-port")


class Nodes:
    """A head without cores of its own, and nodes that come and go.

    Attributes:
        environment: what a client needs, the token among it.
        address: of the head, host:port.
    """

    def __init__(self, log: Path) -> None:
        self.log = log
        self._home = Path(tempfile.mkdtemp(prefix="xs-", dir=os.environ.get("TMPDIR", "/tmp")))  # sockets: short paths
        self._ports = dict(zip(_PORTS, free_ports(len(_PORTS)), strict=True))
        self.address = f"127.0.0.1:{self._ports['port']}"
        left = {name: value for name, value in os.environ.items() if name != "RAY_ADDRESS"}
        self.environment = left | {
            "RAY_AUTH_MODE": "token",
            "RAY_AUTH_TOKEN": TOKEN,
            "RAY_USAGE_STATS_ENABLED": "0",
            "RAY_API_SERVER_ADDRESS": f"http://127.0.0.1:{self._ports['dashboard-port']}",
            "PATH": os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]]),
        }
        self.head: subprocess.Popen[bytes] | None = None
        self.others: list[subprocess.Popen[bytes]] = []
        self._numbers = itertools.count(1)

    def start_head(self, *, cpus: int = 0) -> None:
        """Start the head, again after it was killed; raises RuntimeError where it does not take jobs in time."""
        options = ["--head", f"--num-cpus={cpus}", "--temp-dir", str(self._home / "h")]
        options += [f"--{name}={port}" for name, port in self._ports.items()]
        self.head = self._start(options, sys.executable, self.log)
        deadline = time.monotonic() + 150
        while self.head.poll() is None and time.monotonic() < deadline:
            if not self.ray("job", "submit", "--", "true").returncode:
                return
            time.sleep(0.5)
        raise RuntimeError(f"the Ray head does not start:\n{self.log.read_text()}")

    def add(self, *, cpus: int = 1, python: str = sys.executable) -> subprocess.Popen[bytes]:
        """Start one more node, and wait until it is one; again where it takes longer than the 30 s that Ray gives it.

        It has folders of its own: in those of the head it would unpack a job's code once more.
        """
        for _ in range(3):
            log = self.log.with_name(f"node-{next(self._numbers)}.log")
            [port] = free_ports(1)
            options = [f"--address={self.address}", f"--num-cpus={cpus}", f"--dashboard-agent-listen-port={port}"]
            node = self._start([*options, "--temp-dir", str(self._home / log.stem)], python, log)
            while node.poll() is None:
                if "Ray runtime started" in log.read_text():
                    self.others.append(node)
                    return node
                time.sleep(0.2)
        raise RuntimeError(f"the node does not start:\n{log.read_text()}")

    def lose_all(self) -> None:
        """Kill every node, the head last."""
        for node in [*self.others, *([self.head] if self.head else [])]:
            end_family(node)
        self.head, self.others = None, []

    def close(self) -> None:
        """Kill what is left, and remove what Ray has written."""
        self.lose_all()
        shutil.rmtree(self._home, ignore_errors=True)

    def ray(self, *words: str) -> subprocess.CompletedProcess[str]:
        """A command of Ray."""
        command = [sys.executable, *RAY, *words]
        return subprocess.run(command, env=self.environment, capture_output=True, text=True, check=False, timeout=120)

    def _start(self, options: Sequence[str], python: str, log: Path) -> subprocess.Popen[bytes]:
        general = ["start", "--block", "--num-gpus=0", "--object-store-memory=100000000"]
        with log.open("a") as stream:
            command = [python, *RAY, *general, *options]
            return subprocess.Popen(command, env=self.environment, stdout=stream, stderr=stream)


@contextlib.contextmanager
def cluster(log: Path) -> Iterator[Nodes]:
    """A running head. Three tries: another process may take a port between its choice and its use."""
    for last in (False, False, True):
        nodes = Nodes(log)
        try:
            nodes.start_head()
        except RuntimeError:
            nodes.close()
            if last:
                raise
        else:
            break
    try:
        yield nodes
    finally:
        nodes.close()


@contextlib.contextmanager
def running(
    command: Sequence[str], log: Path, *, folder: Path, environment: Mapping[str, str]
) -> Iterator[subprocess.Popen[bytes]]:
    """A process that says what it says into a file; whatever is left of it at the end is killed."""
    with log.open("a") as stream:
        process = subprocess.Popen(command, cwd=folder, env=environment, stdout=stream, stderr=stream)
    try:
        yield process
    finally:
        end_family(process)


def end_family(process: subprocess.Popen[bytes]) -> None:
    """Kill a process and all below it."""
    family = [process, *psutil.Process(process.pid).children(recursive=True)] if process.poll() is None else []
    for each in family:
        with contextlib.suppress(psutil.NoSuchProcess):
            each.kill()
    process.wait()


def free_ports(count: int) -> list[int]:
    """Ports that nothing uses now."""
    sockets = [socket.socket() for _ in range(count)]
    for each in sockets:
        each.bind(("127.0.0.1", 0))
    ports = [each.getsockname()[1] for each in sockets]
    for each in sockets:
        each.close()
    return ports


def wait_for(condition: Callable[[], object], seconds: float = 180, said: Callable[[], str] = str) -> None:
    """Wait until something holds; `said` adds to the message where it never does."""
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, f"waited too long: {said()}"
        time.sleep(0.1)


def without(environment: Mapping[str, str], *names: str) -> dict[str, str]:
    """An environment less some variables."""
    return {name: value for name, value in environment.items() if name not in names}
