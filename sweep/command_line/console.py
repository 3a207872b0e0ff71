"""Where a command writes: a terminal, a file, or nobody any more."""

from __future__ import annotations

from rich.console import Console

from trainables.ledger.console import LastingConsole


def make_console() -> Console:
    """The terminal, or a log file with room for the table."""
    console = LastingConsole(highlight=False)
    return console if console.is_terminal else LastingConsole(highlight=False, width=120)
