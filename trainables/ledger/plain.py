r"""Plain text: what comes from data, errors and names, made safe to show. Every way to show text builds on it.

A terminal obeys control characters, and a reader is deceived by characters that reorder text, hide it or break lines.
They become visible escapes such as `\x1b` and `\u202e`; everything else stays as it is, in any script.
"""

from __future__ import annotations

import logging
import re

_CONTROLS = r"\x00-\x08\x0b-\x1f\x7f-\x9f"
_BREAKS = r"\u2028\u2029"
_REORDERING = r"\u202a-\u202e\u2066-\u2069"
_HIDDEN = r"\ufeff\ufff9-\ufffb\U000e0000-\U000e007f"
_SURROGATES = r"\ud800-\udfff"
_UNSAFE = re.compile(f"[{_CONTROLS}{_BREAKS}{_REORDERING}{_HIDDEN}{_SURROGATES}]")
_BREAKS_AROUND = "\t\n\v\f\r"
_BREAK = r"\t\n\v\f\r"
_LINES = re.compile(rf" *[{_BREAK}][ {_BREAK}]*")


def plain(text: str, longest: int = 0) -> str:
    """The text in one line, a blank for every line break or tab; cut to `longest` characters if given."""
    line = _UNSAFE.sub(_escape, _LINES.sub(" ", text.strip(_BREAKS_AROUND)))
    return f"{line[: longest - 1]}…" if longest and len(line) > longest else line


def plain_lines(text: str) -> str:
    """The text with its lines and tabs as they are."""
    return _UNSAFE.sub(_escape, text.replace("\r\n", "\n"))


class PlainFormatter(logging.Formatter):
    """Log lines: a message is one line, whatever it is about; a traceback keeps its lines."""

    def formatMessage(self, record: logging.LogRecord) -> str:  # noqa: N802 - the name is logging's
        """The line itself."""
        return plain(super().formatMessage(record))

    def format(self, record: logging.LogRecord) -> str:
        """The line and what follows it."""
        return plain_lines(super().format(record))


def _escape(match: re.Match[str]) -> str:
    code = ord(match[0])
    if code < 0x100:
        return f"\\x{code:02x}"
    return f"\\u{code:04x}" if code < 0x10000 else f"\\U{code:08x}"
