"""Where a command writes: a terminal, a file, or nobody any more."""

from __future__ import annotations

import io

from rich.console import Console

from trainables.ledger.terminal import discard


class _Lasting(Console):
    """A console whose reader may go away: what is only shown does not decide how a sweep ends."""

    def on_broken_pipe(self) -> None:
        self.quiet = True
        if isinstance(self.file, io.TextIOWrapper):
            discard(self.file)


def make_console() -> Console:
    """The terminal, or a log file with room for the table."""
    console = _Lasting(highlight=False)
    return console if console.is_terminal else _Lasting(highlight=False, width=120)
