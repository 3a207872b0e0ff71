"""The console: the one way to print. What it is given is text; nothing in it is markup, emoji or a control code.

What is only shown does not decide how a command ends: a reader who goes away, as `head` does, is no error.
"""

from __future__ import annotations

import io
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from trainables.ledger.plain import plain_lines
from trainables.ledger.terminal import discard


class PlainConsole(Console):
    """A rich console whose colours come from styles alone.

    What a renderable holds is made plain when it is drawn, so that no way around this exists; who lines text up in
    columns makes it plain earlier, so that the widths are right.
    """

    def __init__(self, **options: Any) -> None:
        super().__init__(**{"highlight": False} | options | {"markup": False, "emoji": False})

    def render_str(self, text: str, **options: Any) -> Text:
        """A string as text."""
        return super().render_str(plain_lines(text), **options | {"markup": False, "emoji": False})

    def render(self, renderable: RenderableType, options: ConsoleOptions | None = None) -> Iterable[Segment]:
        """All that is printed comes through here."""
        for segment in super().render(renderable, options):
            yield segment if segment.control else segment._replace(text=plain_lines(segment.text))

    def on_broken_pipe(self) -> None:
        """What is written from then on vanishes; rich would end the process here."""
        self.quiet = True
        if isinstance(self.file, io.TextIOWrapper):
            discard(self.file)


def silent_console() -> PlainConsole:
    """One that shows nothing, for what is only said beside an answer that other programs read."""
    return PlainConsole(quiet=True)


def make_console(width: int = 0, *, soft_wrap: bool = False) -> PlainConsole:
    """The terminal, or a log file with room for `width` columns."""
    console = PlainConsole(soft_wrap=soft_wrap)
    if width and not console.is_terminal:
        console.width = width
    return console
