"""Signature: the last line of a text for people, a comment with the SHA-256 of what stands above it."""

from __future__ import annotations

import hashlib
import re

_LINE = "# SHA-256 of what stands above: {}; whoever changes it removes this line\n"
_ALIKE = re.compile(r"SHA-256 of what|[0-9a-f]{64}")
"""What is left of a signature, whatever has become of its line."""


def signed(text: str) -> str:
    """The text with its signature."""
    above = text if text.endswith("\n") or not text else f"{text}\n"
    return above + _LINE.format(hashlib.sha256(above.encode()).hexdigest())


def is_as_signed(text: str) -> bool:
    """Whether a text is what was signed, or has no signature."""
    place = text.removesuffix("\n").rfind("\n") + 1
    return not _ALIKE.search(text, place) or text == signed(text[:place])
