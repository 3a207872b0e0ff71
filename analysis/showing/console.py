"""The console: the one way to print. What it is given is text; nothing in it is markup, emoji or a control code."""

from __future__ import annotations

import argparse
import logging
from collections.abc import Iterable
from typing import Any

from rich.console import Console, ConsoleOptions, RenderableType
from rich.segment import Segment
from rich.text import Text

from trainables.ledger.plain import PlainFormatter, plain_lines


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


def make_console(width: int = 0, *, soft_wrap: bool = False) -> PlainConsole:
    """The terminal, or a log file with room for `width` columns."""
    console = PlainConsole(soft_wrap=soft_wrap)
    if width and not console.is_terminal:
        console.width = width
    return console


def complain(message: str, style: str = "") -> None:
    """Say on stderr what is wrong."""
    PlainConsole(stderr=True, soft_wrap=True).print(message, style=style or None)


def plain_log() -> None:
    """Make plain what is logged where nobody has said where to."""
    if logging.lastResort:
        logging.lastResort.setFormatter(PlainFormatter("%(message)s"))


class Parser(argparse.ArgumentParser):
    """A parser whose complaints quote the command line as plain text."""

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(plain_lines(message), file)
