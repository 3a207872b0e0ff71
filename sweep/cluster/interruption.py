"""Interruption: leaving a sweep when told to."""

from __future__ import annotations

import contextlib
import os
import signal
import threading
from collections.abc import Callable, Iterator
from types import FrameType
from typing import Any

REST_SECONDS = 20.0
"""How long runs have to leave a checkpoint."""
LEAVE_SECONDS = 20.0
"""How long the main thread has to leave after that, before the process is ended."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGUSR1)
REASONS = {number: f"stopped by {number.name}" for number in SIGNALS} | {signal.SIGINT: "interrupted"}
EXIT_CODES = {reason: 128 + number for number, reason in REASONS.items()}
"""As a shell has them for processes that a signal ends."""


class Interruption:
    """Turns Ctrl-C, SIGTERM and SIGUSR1 into KeyboardInterrupt in the main thread; a second one ends the process.

    Inside `patiently` the first signal only sets `reason`, so that runs can leave a checkpoint; KeyboardInterrupt
    follows when their time is up. Ray's own handler for SIGTERM aborts the process, and Tune's for SIGUSR1 kills the
    workers after 15 s. Records and checkpoints are written atomically, so nothing is lost either way.
    """

    def __init__(self, exit_process: Callable[[int], Any] = os._exit) -> None:
        self.reason = ""
        self._exit = exit_process
        self._code = 1
        self._patience = 0.0
        self._is_due = False
        self._leaves = False
        self._left = threading.Event()
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        self.listen()
        return self

    def __exit__(self, *exception: object) -> None:
        self._left.set()
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def listen(self) -> None:
        """Take over the signals; again after `ray.init`, which takes SIGTERM, and after Tune, which takes SIGUSR1."""
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                handler = signal.signal(number, self._hear)
                self._before.setdefault(number, handler)

    @contextlib.contextmanager
    def patiently(self, seconds: float = REST_SECONDS) -> Iterator[None]:
        """For the time of a block, the first signal leaves it that many seconds."""
        self._patience = seconds
        try:
            yield
        finally:
            self._patience = 0.0

    def now(self) -> None:
        """Raise KeyboardInterrupt in the main thread, from any thread."""
        self._is_due = True
        interrupt_main()

    def stop(self, reason: str) -> None:
        """Have the sweep stop for a reason that is no signal, as a first signal does; from any thread."""
        if self.reason:
            return
        self.reason = reason
        if not self._patience:
            self.now()
        threading.Thread(target=self._hurry, args=(self._patience,), name="interruption", daemon=True).start()

    def leave(self) -> None:
        """Raise KeyboardInterrupt; from then on every signal ends the process. For the main thread."""
        self._leaves = True
        raise KeyboardInterrupt  # Ray replaces an exception of any other type by this one

    def _hear(self, number: int, frame: FrameType | None) -> None:
        if self._is_due and not self._leaves:
            self.leave()
        if self._leaves or self.reason:
            self._exit(128 + number)
            return
        self.reason = REASONS[signal.Signals(number)]
        self._code = 128 + number
        if not self._patience:
            self.leave()
        threading.Thread(target=self._hurry, args=(self._patience,), name="interruption", daemon=True).start()

    def _hurry(self, patience: float) -> None:
        if not self._left.wait(patience) and not self._leaves:
            self.now()
        if not self._left.wait(LEAVE_SECONDS):
            self._exit(self._code)  # the main thread is stuck inside Ray


def interrupt_main() -> None:
    """What Ctrl-C does to the main thread, from any thread."""
    if main := threading.main_thread().ident:
        signal.pthread_kill(main, signal.SIGINT)
