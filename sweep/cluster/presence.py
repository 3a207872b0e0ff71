"""Presence: whether the store of a sweep can be reached; waits for one that cannot."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console
from rich.text import Text

from sweep.terminal.wording import duration
from trainables.ledger.store import Store

LOOK_SECONDS = 0.5


class Presence:
    """Watches over a store that a disk, or a person, may take away.

    Nothing is written while it is away: a folder of the same name that is made meanwhile is another one.

    Attributes:
        gone: why the sweep cannot go on, once the store was away for too long; or empty.
    """

    def __init__(self, store: Store, seconds: float, console: Console, *, is_left: Callable[[], bool]) -> None:
        """`seconds` is how long a store may be away; `is_left` says that the sweep was told to stop meanwhile."""
        self.gone = ""
        self._store = store
        self._seconds = seconds
        self._console = console
        self._is_left = is_left

    @property
    def is_there(self) -> bool:
        """Whether it can be reached now."""
        return not self.gone and self._store.is_in_place

    def wait(self) -> bool:
        """Whether it can be reached, after waiting for it."""
        if self.is_there:
            return True
        if self.gone:
            return False
        self._say(f"the store {self._store} cannot be reached; it is waited for, {duration(self._seconds)} at most")
        began = time.monotonic()
        while not self._store.is_in_place:
            if time.monotonic() - began > self._seconds:
                self.gone = f"the store {self._store} could not be reached for {duration(self._seconds)}"
                return False
            if self._is_left():
                return False
            time.sleep(LOOK_SECONDS)
        self._say(f"the store is there again, after {duration(time.monotonic() - began)}")
        return True

    def _say(self, what: str) -> None:
        self._console.print(Text(what, style="yellow"), soft_wrap=True)
