"""Notes of a run: why it failed, what befell its attempts, what was found damaged.

JSON with a digest of itself; earlier versions wrote none.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from trainables.ledger.seal import parsed, sealed, unsealed

FORMAT = 1
ATTEMPTS = "attempts"
"""Entry of the note of what befell attempts; earlier versions wrote the bare list."""


def to_json(fields: Mapping[str, Any]) -> str:
    """The inverse of `from_json`."""
    return sealed({"format": FORMAT, **fields})


def from_json(text: str) -> dict[str, Any]:
    """What a note says; raises ValueError for one that is not what was written."""
    fields = parsed(text)
    if isinstance(fields, list):
        return {ATTEMPTS: fields}
    if isinstance(fields, dict) and not {"format", "digest"} & fields.keys():
        return fields
    return unsealed(text, range(1, FORMAT + 1), sealed_since=1)
