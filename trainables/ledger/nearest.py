"""The one wording for a name that is not known: what was given, the nearest right name, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable

_LONGEST = 100
"""Characters of a given name that messages show; no longer text is near any name."""


def nearest(given: str, allowed: Iterable[str]) -> str:
    """The allowed name most like the given one, or an empty string when none is near."""
    if len(given) > _LONGEST:
        return ""
    names = {name.lower(): name for name in allowed}
    close = difflib.get_close_matches(given.lower(), names, n=1, cutoff=0.5)
    return names[close[0]] if close else ""


def unknown(what: str, given: str, allowed: Iterable[str]) -> str:
    """Message for an unknown name, for example `unknown task 'sqaud'; did you mean 'squad'? Known: qqp, squad`."""
    names = list(allowed)
    hint = nearest(given, names)
    question = f" did you mean {hint!r}?" if hint else ""
    shown = given if len(given) <= _LONGEST else f"{given[:_LONGEST]}..."
    return f"unknown {what} {shown!r};{question} known: {', '.join(names)}"
