"""Watch: a look at a store drawn again and again; in a pipe, a line for whatever has changed."""

from __future__ import annotations

import time
from collections.abc import Callable

from rich.console import Console, Group, RenderableType
from rich.live import Live
from rich.text import Text

from sweep.terminal.look import Look
from sweep.terminal.standing import cell_line, look_lines
from sweep.terminal.wording import duration
from trainables.ledger.errors import LedgerError
from trainables.ledger.plain import plain
from trainables.ledger.states import State

LOOK_SECONDS = 2.0
"""Time between two looks."""
SAY_SECONDS = 60.0
"""Longest time without a line in a pipe."""
_UNREADABLE = (LedgerError, OSError)
_SAID = (State.DONE, State.FAILED, State.BLOCKED, State.DROPPED)


def watch(
    look: Callable[[], Look], store: str, console: Console, *, sleep: Callable[[float], object] = time.sleep
) -> Look:
    """Show a store until its driver has left, or nothing is left to compute and there is none; the last look.

    Without a driver it waits for one as long as something is left to compute. A store that cannot be read after the
    first look is waited for. Raises LedgerError or OSError where the first look fails.
    """
    found, was_driven = look(), False
    screen = _Terminal(console, store) if console.is_terminal else _Lines(console, store)
    try:
        while True:
            screen.show(found)
            if found.is_over or (was_driven and not found.is_driven_now):
                return found
            was_driven = was_driven or found.is_driven_now
            later = None
            while later is None:
                sleep(LOOK_SECONDS)
                try:
                    later = look()
                except _UNREADABLE as error:
                    screen.complain(f"the store cannot be read, and is looked for again: {plain(str(error))}")
            found = later
    finally:
        screen.close()


class _Terminal:
    """One picture that is drawn over."""

    def __init__(self, console: Console, store: str) -> None:
        self._console = console
        self._store = store
        self._last: RenderableType = Text("")
        self._live = Live(console=console, auto_refresh=False, transient=True)
        self._live.start()

    def show(self, look: Look) -> None:
        self._last = Group(Text(f"store: {self._store}"), *look_lines(look, self._console.width))
        self._live.update(self._last, refresh=True)

    def complain(self, why: str) -> None:
        self._live.update(Group(self._last, Text(why, style="yellow")), refresh=True)

    def close(self) -> None:
        self._live.stop()


class _Lines:
    """A line for each run that changes its state, and one for the whole when something has changed or time is up."""

    def __init__(self, console: Console, store: str) -> None:
        self._console = console
        self._states: dict[str, State] = {}
        self._was_driven = False
        self._said_at = 0.0
        self._complained = False
        self._say(f"store: {store}")

    def show(self, look: Look) -> None:
        self._complained = False
        states = {run_id: look.state(run_id) for run_id in look.plan.nodes}
        changed = [run_id for run_id, state in states.items() if self._states and self._states.get(run_id) != state]
        for run_id in changed:
            if states[run_id] in _SAID:
                reason = plain(look.states[run_id].reason)
                self._say(f"{states[run_id]} {plain(look.plan.nodes[run_id].name)}{f': {reason}' if reason else ''}")
        is_new = bool(changed) or not self._states or look.is_driven_now != self._was_driven
        if is_new or time.monotonic() - self._said_at > SAY_SECONDS:
            self._say(_headline(look))
        self._states, self._was_driven = states, look.is_driven_now

    def complain(self, why: str) -> None:
        if not self._complained:
            self._complained = True
            self._say(why)

    def close(self) -> None:
        """Nothing to put back."""

    def _say(self, line: str) -> None:
        self._said_at = time.monotonic()
        self._console.print(Text(line), soft_wrap=True)


def _headline(look: Look) -> str:
    """One line on the whole."""
    parts = [cell_line(look), f"{len(look.running) if look.is_driven_now else 0} running"]
    if not look.is_driven_now:
        parts.append("no driver")
    if look.to_go:
        parts.append(f"about {duration(look.to_go)} to go")
    return ", ".join(parts)
