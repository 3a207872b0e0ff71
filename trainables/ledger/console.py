"""A console that lasts: what is only shown does not decide how a command ends."""

from __future__ import annotations

import io

from rich.console import Console

from trainables.ledger.terminal import discard


class LastingConsole(Console):
    """A console whose reader may go away, as `head` does; what is written from then on vanishes."""

    def on_broken_pipe(self) -> None:
        """Rich would end the process here."""
        self.quiet = True
        if isinstance(self.file, io.TextIOWrapper):
            discard(self.file)
