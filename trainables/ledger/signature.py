"""Signature: the last line of a text for people, a comment with the SHA-256 of what stands above it.

The first line says that there is one, so that a text which was cut is noticed too.
"""

from __future__ import annotations

import hashlib
import re

_HEAD = "# signed in its last line; whoever changes this file removes both lines\n"
_LINE = "# SHA-256 of what stands above: {}; whoever changes it removes this line\n"
_ALIKE = re.compile(r"SHA-256 of what|[0-9a-f]{64}")
"""What is left of a signature, whatever has become of its line."""
_HEAD_ALIKE = re.compile(r"signed in its|changes this file removes")
"""What is left of the first line."""


def signed(text: str) -> str:
    """The text with its signature."""
    above = _HEAD + (text if text.endswith("\n") or not text else f"{text}\n")
    return above + _LINE.format(_digest(above))


def is_as_signed(text: str) -> bool:
    """Whether a text is what was signed, or has no signature."""
    place = text.removesuffix("\n").rfind("\n") + 1
    if not _ALIKE.search(text, place) and not _HEAD_ALIKE.search(text.partition("\n")[0]):
        return True
    return text == text[:place] + _LINE.format(_digest(text[:place]))


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
