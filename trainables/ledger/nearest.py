"""The one wording for a name that is not known: what was given, the nearest right name, what is allowed."""

from __future__ import annotations

import difflib
from collections.abc import Iterable


def nearest(given: str, allowed: Iterable[str]) -> str:
    """The allowed name most like the given one, or an empty string when none is near."""
    names = {name.lower(): name for name in allowed}
    close = difflib.get_close_matches(given.lower(), names, n=1, cutoff=0.5)
    return names[close[0]] if close else ""


def unknown(what: str, given: str, allowed: Iterable[str]) -> str:
    """Message for an unknown name, for example `unknown task 'sqaud'; did you mean 'squad'? Known: qqp, squad`."""
    names = list(allowed)
    hint = nearest(given, names)
    question = f" did you mean {hint!r}?" if hint else ""
    return f"unknown {what} {given!r};{question} known: {', '.join(names)}"
