"""Words of a command line: numbers and paths among them, and what is said of those that cannot be."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from typing import Any, NoReturn, TypeVar

from trainables.ledger.bounds import Bounds
from trainables.ledger.places import plain, possible_path
from trainables.ledger.terminal import printable

Read = TypeVar("Read")


class Parser(argparse.ArgumentParser):
    """An ArgumentParser that may be told anything."""

    def error(self, message: str) -> NoReturn:
        """Show usage and message, and exit with 2."""
        super().error(printable(message))


def number(bounds: Bounds) -> Callable[[str], Any]:
    """The type of an option whose value is a number within bounds."""
    return _checked(bounds.read)


def path(text: str) -> Path:
    """The type of an option whose value is a path."""
    return Path(_checked(possible_path)(text))


def text(given: str) -> str:
    """The type of an option whose value is a text."""
    return _checked(plain)(given)


def _checked(read: Callable[[str], Read]) -> Callable[[str], Read]:
    """What argparse takes as a type: its message is that of the ValueError, after what was given."""

    def checked(given: str) -> Read:
        try:
            return read(given)
        except ValueError as error:
            shown = repr(given) if len(given) <= 100 else f"{given[:100]!r}..."
            raise argparse.ArgumentTypeError(f"given {shown}; {error}") from error

    return checked
