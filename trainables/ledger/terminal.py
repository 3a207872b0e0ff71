"""What may be written to a terminal or a log: any text, whatever is in it and whatever the encoding."""

from __future__ import annotations

import codecs
import io
import logging
import os
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from types import MappingProxyType

from trainables.ledger.plain import PlainFormatter, plain_lines

_SUBSTITUTES = MappingProxyType({
    "·": ".", "○": "o", "▶": ">", "●": "*", "✗": "x", "⊘": "#", "↓": "v", "–": "-", "─": "-", "†": "+", "‡": "=",
    "°": "'", "…": "~",
})  # fmt: skip
"""Symbols of tables and boards -> one character each that every encoding has."""
_HANDLER = "xstilts-substitute"


def complain(message: str) -> None:
    """Write a message to stderr, in red on a terminal. Needs nothing but Python, and never fails."""
    text = plain_lines(message).strip() or "no reason is known"
    with suppress(OSError, ValueError, AttributeError):
        red = sys.stderr.isatty() and "NO_COLOR" not in os.environ
        sys.stderr.write(f"\x1b[1;31m{text}\x1b[0m\n" if red else f"{text}\n")
        sys.stderr.flush()


def plain_log() -> None:
    """Make plain what is logged where nobody has said where to."""
    if logging.lastResort:
        logging.lastResort.setFormatter(PlainFormatter("%(message)s"))


@contextmanager
def lenient_output() -> Iterator[None]:
    """For the time of a command, characters that stdout or stderr cannot encode are replaced.

    A reader that has gone away, such as `head`, is no error.
    """
    codecs.register_error(_HANDLER, _substitute)
    streams = [each for each in (sys.stdout, sys.stderr) if isinstance(each, io.TextIOWrapper) and not each.closed]
    before = [(stream, stream.errors) for stream in streams]
    for stream in streams:
        stream.reconfigure(errors=_HANDLER)
    try:
        yield
    finally:
        for stream, errors in before:
            try:
                stream.reconfigure(errors=errors)  # writes out what is buffered
            except BrokenPipeError:
                discard(stream)
            except (OSError, ValueError):
                pass


def discard(stream: io.TextIOWrapper) -> None:
    """Let what is written from now on vanish, and what is still buffered."""
    with suppress(OSError, ValueError):
        nowhere = os.open(os.devnull, os.O_WRONLY)
        os.dup2(nowhere, stream.fileno())
        os.close(nowhere)


def _substitute(error: UnicodeError) -> tuple[str, int]:
    if not isinstance(error, UnicodeEncodeError):
        raise error
    lost = error.object[error.start : error.end]
    return "".join(_SUBSTITUTES.get(char, "?") for char in lost), error.end
