"""Words of a command line: numbers and paths among them, and what is said of those that cannot be."""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path
from types import MappingProxyType
from typing import Any, TypeVar

from trainables.ledger.bounds import POSITIVE, Bounds
from trainables.ledger.paths import clean_text, possible_path
from trainables.ledger.plain import plain_lines
from trainables.ledger.s3.place import is_s3, possible_place, without_keys

Read = TypeVar("Read")
_TIMES = MappingProxyType({"min": 60, "s": 1, "h": 3600, "d": 86400})


class Parser(argparse.ArgumentParser):
    """A parser whose complaints quote the command line as plain text."""

    def _print_message(self, message: str, file: Any = None) -> None:
        super()._print_message(plain_lines(message), file)


def number(bounds: Bounds) -> Callable[[str], Any]:
    """The type of an option whose value is a number within bounds."""
    return checked(bounds.read)


def numbers(bounds: Bounds, most: int) -> Callable[[str], tuple[Any, ...]]:
    """The type of an option whose value is one or several numbers within bounds, each once, `most` at most."""

    def read(text: str) -> tuple[float, ...]:
        try:
            found = tuple(dict.fromkeys(bounds.read(part.strip()) for part in text.split(",")))
        except ValueError:
            raise ValueError(f"allowed: {bounds}, or several with commas between them") from None
        if len(found) > most:
            raise ValueError(f"allowed: at most {most} numbers")
        return found

    return checked(read)


def seconds(text: str) -> float:
    """The type of an option whose value is a length of time: `90s`, `30min`, `2h` or `3d`; in seconds."""

    def read(text: str) -> float:
        for unit, length in _TIMES.items():
            if text.endswith(unit):
                return POSITIVE.read(text.removesuffix(unit).strip()) * length
        raise ValueError(f"allowed: a number with its unit ({', '.join(_TIMES)}), for example 2h")

    return float(checked(read)(text))


def path(text: str) -> Path:
    """The type of an option whose value is a path."""
    return Path(checked(possible_path)(text))


def place(text: str) -> Path | str:
    """The type of an option whose value is the place of a store: a folder, or an address in a bucket."""
    return checked(possible_place)(text) if is_s3(text) else path(text)


def text(given: str) -> str:
    """The type of an option whose value is a text."""
    return checked(clean_text)(given)


def checked(read: Callable[[str], Read]) -> Callable[[str], Read]:
    """What argparse takes as a type: its message is that of the ValueError, after what was given."""

    def found(given: str) -> Read:
        try:
            return read(given)
        except ValueError as error:
            given = without_keys(given)
            shown = repr(given) if len(given) <= 100 else f"{given[:100]!r}..."
            raise argparse.ArgumentTypeError(f"given {shown}; {error}") from error

    return found
