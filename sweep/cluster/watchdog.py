"""Watchdog: ends a sweep whose Ray has died; Tune would wait for ever, Ray's core end the process with a C++ line."""

from __future__ import annotations

import contextlib
import logging
import os
import threading
import time
from collections.abc import Callable, Iterable
from types import TracebackType
from typing import Any

import psutil
import ray

from sweep.cluster.interruption import interrupt_main
from sweep.cluster.reach import answers

log = logging.getLogger(__name__)

DEAD_SECONDS = 20.0
"""How long every node may be gone before the sweep gives up."""
LOOK_SECONDS = 0.5
BIRTH_SECONDS = 120.0
"""How long Ray may take to start or to be joined."""
LEAVE_SECONDS = 10.0
"""How long the main thread may then go on without hearing of it, inside Ray's core, before the process is ended."""
VITAL = ("gcs_server", "raylet")
"""Names of the processes without which a Ray on this machine is dead."""


class Watchdog:
    """Interrupts the main thread when Ray has died: a process of its own at once, a cluster's nodes after a while.

    `why` then says what has died. `interrupt` raises KeyboardInterrupt in the main thread.
    """

    def __init__(
        self,
        dead_seconds: float = DEAD_SECONDS,
        exit_process: Callable[[int], Any] = os._exit,
        interrupt: Callable[[], None] = interrupt_main,
    ) -> None:
        self.why = ""
        self._dead_seconds = dead_seconds
        self._exit = exit_process
        self._interrupt = interrupt
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="watchdog", daemon=True)
        self._own = vital_children()
        self._head = ray.get_runtime_context().gcs_address if ray.is_initialized() else ""

    def __enter__(self) -> Watchdog:
        self._thread.start()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, at: TracebackType | None) -> None:
        if kind and not self.why and issubclass(kind, Exception):
            self._find_out()
        self._stop.set()

    def _watch(self) -> None:
        alive_at = time.monotonic()
        at = f" at {self._head}" if self._head else ""
        while not self._stop.wait(min(LOOK_SECONDS, self._dead_seconds / 10)):
            if self._find_out():
                self._bark()
                return
            if self._alive():
                alive_at = time.monotonic()
            elif time.monotonic() - alive_at > self._dead_seconds:
                self.why = f"the Ray cluster{at} has died: its head does not answer, or no node is left"
                self._bark()
                return

    def _find_out(self) -> str:
        """Which of Ray's processes on this machine has died, if one has."""
        dead = [name for name, process in self._own if not is_alive(process)]
        if dead:
            self.why = f"Ray on this machine has died: its {' and '.join(dead)} ended (killed, or out of memory?)"
        return self.why

    def _bark(self) -> None:
        log.error("%s; nothing computed is lost, and the same command continues once Ray runs", self.why)
        self._interrupt()
        if not self._stop.wait(min(self._dead_seconds, LEAVE_SECONDS)):
            self._exit(1)  # the main thread is stuck inside Ray

    def _alive(self) -> bool:
        if self._head and not answers(self._head):
            return False  # to ask Ray would take a minute
        try:
            return any(node["Alive"] for node in ray.nodes())
        except Exception:  # whatever Ray raises when its head is gone
            return False


class Birth:
    """Watches over `ray.init`: it waits for half a minute, or without end, for a process that has died meanwhile.

    `why` says what has died. Where Ray's core does not hear of the interruption, the process is ended.
    """

    def __init__(
        self,
        interrupt: Callable[[], None],
        exit_process: Callable[[int], Any] = os._exit,
        birth_seconds: float = BIRTH_SECONDS,
        leave_seconds: float = LEAVE_SECONDS,
    ) -> None:
        self.why = ""
        self._interrupt = interrupt
        self._exit = exit_process
        self._birth_seconds = birth_seconds
        self._leave_seconds = leave_seconds
        self._born = threading.Event()
        self._thread = threading.Thread(target=self._watch, name="birth", daemon=True)

    def __enter__(self) -> Birth:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._born.set()
        self._thread.join()

    def _watch(self) -> None:
        began, seen = time.monotonic(), dict[psutil.Process, str]()
        while not self._born.wait(LOOK_SECONDS / 5):
            seen |= {process: name for name, process in vital_children()}
            dead = [name for process, name in seen.items() if not is_alive(process)]
            if dead:
                self.why = f"its {' and '.join(dead)} ended at once"
            elif time.monotonic() - began > self._birth_seconds:
                self.why = f"it was not ready within {self._birth_seconds:g} s"
            if self.why:
                self._leave(seen)
                return

    def _leave(self, seen: Iterable[psutil.Process]) -> None:
        self._interrupt()
        if self._born.wait(self._leave_seconds):
            return
        log.error(
            "Ray cannot be started or reached: %s; the main thread is stuck in it, so the process ends here", self.why
        )
        for process in seen:
            end_family(process)
        self._exit(2)


def vital_children() -> list[tuple[str, psutil.Process]]:
    """Ray's processes that this one has started, by name."""
    return [(name, child) for child in psutil.Process().children() if (name := _name(child)) in VITAL]


def is_alive(process: psutil.Process) -> bool:
    """Whether a process runs; one that has ended and was not asked after does not."""
    try:
        return process.is_running() and process.status() != psutil.STATUS_ZOMBIE
    except psutil.NoSuchProcess:
        return False


def _name(process: psutil.Process) -> str:
    try:
        return process.name()
    except psutil.NoSuchProcess:
        return ""


def end_family(process: psutil.Process) -> None:
    """Kill a process and all below it."""
    with contextlib.suppress(psutil.NoSuchProcess):
        for each in (*process.children(recursive=True), process):
            with contextlib.suppress(psutil.NoSuchProcess):
                each.kill()
