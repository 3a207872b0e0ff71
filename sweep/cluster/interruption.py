"""Interruption: leaving a sweep when told to."""

from __future__ import annotations

import os
import signal
import threading
from types import FrameType
from typing import Any


class Interruption:
    """Turns Ctrl-C and SIGTERM into KeyboardInterrupt in the main thread; a second one ends the process at once.

    Ray's own handler for SIGTERM aborts the process, and Tune's waits up to 15 s for busy workers; here the caller
    leaves at once and takes the workers along. Records and checkpoints are written atomically, so nothing is lost.
    """

    SIGNALS = (signal.SIGINT, signal.SIGTERM)

    def __init__(self) -> None:
        self.reason = ""
        self._before: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Interruption:
        self.listen()
        return self

    def __exit__(self, *exception: object) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)

    def listen(self) -> None:
        """Take over the signals; to be called again after `ray.init`, which takes SIGTERM for itself."""
        if threading.current_thread() is threading.main_thread():
            for number in self.SIGNALS:
                handler = signal.signal(number, self._leave)
                self._before.setdefault(number, handler)

    def _leave(self, number: int, frame: FrameType | None) -> None:
        for each in self.SIGNALS:
            signal.signal(each, _exit_at_once)
        self.reason = "interrupted" if number == signal.SIGINT else f"stopped by {signal.Signals(number).name}"
        raise KeyboardInterrupt  # Ray replaces an exception of any other type by this one


def _exit_at_once(number: int, frame: FrameType | None) -> None:
    os._exit(128 + number)
