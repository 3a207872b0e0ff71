"""A sweep as users start it, under Ray in processes of its own, of which some can be killed."""

from __future__ import annotations

import contextlib
import signal
import subprocess
import sys
import time
from pathlib import Path

import psutil

ENDS_SECONDS = 420.0
"""A sweep that takes longer counts as hung."""
LEAVES_SECONDS = 20.0
"""How long the processes of a dead driver may take to end by themselves."""
PARTS = {"worker": "Trainable", "raylet": "raylet/raylet", "GCS": "gcs_server"}
"""What the command line of a process holds. A worker is `ray::RunTrainable` at rest and `ray::RunTrainable: NAME OF
RUN` at work."""


class RaySweep:
    """One driver after another for the same store; every process that is killed is a descendant of such a driver."""

    def __init__(self, *, words: list[str], store: Path) -> None:
        self.store = store
        self._words = words
        self._log = store.with_name(f"{store.name}.log")
        self._family: dict[int, psutil.Process] = {}
        self._driver: subprocess.Popen[bytes] | None = None

    def start(self) -> RaySweep:
        """Give the command; what it says begins anew."""
        self._log.parent.mkdir(parents=True, exist_ok=True)
        with self._log.open("wb") as log:
            command = [sys.executable, "-m", "sweep.grid", "run", *self._words, "--store", str(self.store)]
            self._driver = subprocess.Popen(command, stdout=log, stderr=log, start_new_session=True)
        return self

    @property
    def driver(self) -> subprocess.Popen[bytes]:
        """The driver that was started last."""
        assert self._driver
        return self._driver

    @property
    def said(self) -> str:
        """What the driver has said so far."""
        return self._log.read_text(encoding="utf-8", errors="replace")

    def part(self, name: str) -> psutil.Process | None:
        """A process of this driver: `driver`, or one of PARTS that is alive."""
        self._look()
        if name == "driver":
            return self._family.get(self.driver.pid)
        for process in self._family.values():
            with contextlib.suppress(psutil.Error):
                is_dead = process.status() == psutil.STATUS_ZOMBIE
                if not is_dead and PARTS[name] in " ".join([process.name(), *process.cmdline()]):
                    return process
        return None

    def hit(self, name: str, signal_number: int) -> bool:
        """Send a signal to such a process; False when the driver has ended and there is none."""
        while self.driver.poll() is None:
            if process := self.part(name):
                with contextlib.suppress(psutil.Error):
                    process.send_signal(signal_number)
                    return True
            time.sleep(0.05)
        return False

    def wait_for_work(self) -> bool:
        """Wait until a worker of this driver has begun a run; False when the driver has ended before."""
        began = time.time()
        while self.driver.poll() is None and time.time() - began < ENDS_SECONDS:
            worker = self.part("worker")
            if worker and any(_changed(path) > began for path in self.store.glob("runs/*/.lock")):
                return True
            time.sleep(0.1)
        return False

    def wait(self, seconds: float = ENDS_SECONDS) -> int | None:
        """The exit code of the driver; None when it does not end, and is killed."""
        until = time.monotonic() + seconds
        while self.driver.poll() is None and time.monotonic() < until:
            self._look()
            time.sleep(0.2)
        if self.driver.poll() is None:
            self.driver.kill()
            self.driver.wait()
            return None
        return self.driver.returncode

    def clean(self) -> int:
        """End what has not ended by itself some time after its driver; how many processes that were."""
        if self.driver.poll() is None:
            self._look()
            self.driver.kill()
            self.driver.wait()
        _, alive = psutil.wait_procs(list(self._family.values()), timeout=LEAVES_SECONDS)
        for process in alive:
            with contextlib.suppress(psutil.Error):
                process.send_signal(signal.SIGKILL)  # psutil compares the time of its start: another with its id lives
        self._family = {}
        return len(alive)

    def _look(self) -> None:
        with contextlib.suppress(psutil.Error):
            own = psutil.Process(self.driver.pid)
            for process in (own, *own.children(recursive=True)):
                self._family.setdefault(process.pid, process)


def _changed(path: Path) -> float:
    try:
        return path.stat().st_mtime
    except OSError:
        return 0.0
