"""Seal: a file that carries the SHA-256 of itself, so that no changed byte passes for what was written.

In JSON the digest is the last entry of the outermost object; it is that of all bytes before its own line. Of other
bytes it stands in front of them.
"""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Mapping
from typing import Any

_LAST_LINE = re.compile(r',\n "digest": "([0-9a-f]{64})"\n\}', re.ASCII)
_SURROGATE = re.compile("[\\ud800-\\udfff]")
_LAST_LINE_LENGTH = len(',\n "digest": ""\n}') + 64


class SealError(ValueError):
    """A sealed file that is not, byte for byte, what was written."""


class FormatError(ValueError):
    """A file in a format that this version does not read: of another version, or something else."""


def sealed(fields: Mapping[str, Any], *, indent: int | None = None) -> str:
    """The fields as a JSON object with its digest; raises ValueError for numbers that are not finite."""
    text = json.dumps(fields, indent=indent, ensure_ascii=False, allow_nan=False)
    text = _SURROGATE.sub(lambda lone: f"\\u{ord(lone[0]):04x}", text)  # no UTF-8 has them
    body = text.removesuffix("}").rstrip()
    return f'{body},\n "digest": "{_digest(body)}"\n}}'


def unsealed(text: str, formats: range, *, sealed_since: int) -> dict[str, Any]:
    """The fields of an object in one of the formats (its entry `format`), without the digest.

    Formats before `sealed_since` have none. Raises SealError for bytes that are not as they were written, FormatError
    for another format, ValueError for anything that is no such object.
    """
    fields = parsed(text)
    if not isinstance(fields, dict):
        raise ValueError(f"holds a {type(fields).__name__}, not an object")
    found = fields.get("format")
    if type(found) is not int or found not in formats:
        raise FormatError(f"format {found!r}, this version reads {_listed(formats)}")
    if found < sealed_since and "digest" not in fields:
        return fields
    start = max(0, len(text) - _LAST_LINE_LENGTH)
    last = _LAST_LINE.search(text, start)
    if last is None or last.end() != len(text) or last[1] != _digest(text[: last.start()]):
        raise SealError("damaged: it is not what was written (its digest differs)")
    del fields["digest"]
    return fields


def sealed_bytes(content: bytes) -> bytes:
    """Bytes behind their SHA-256, for what is no JSON; the inverse of `unsealed_bytes`."""
    return hashlib.sha256(content).digest() + content


def unsealed_bytes(written: bytes) -> bytes:
    """The bytes behind their digest; raises SealError for any that are not as they were written."""
    found, content = written[: hashlib.sha256().digest_size], written[hashlib.sha256().digest_size :]
    if hashlib.sha256(content).digest() != found:
        raise SealError("damaged: it is not what was written (its digest differs)")
    return content


def parsed(text: str) -> Any:
    """JSON; raises ValueError for text that is none, however deep it is nested."""
    try:
        return json.loads(text)
    except RecursionError as error:
        raise ValueError("it is nested too deep") from error


def _listed(formats: range) -> str:
    return f"{formats[0]} to {formats[-1]}" if len(formats) > 1 else str(formats[0])


def _digest(text: str) -> str:
    return hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
