"""Numbers of a plan in words."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable

from trainables.ledger.standing import Standing
from trainables.ledger.states import State

_CELL_STATES = (State.DONE, State.FAILED, State.BLOCKED, State.NO_DATA, State.DROPPED, State.PENDING)

_MINUTE, _HOUR, _DAY = 60, 3600, 86400


def duration(seconds: float) -> str:
    """About so long, for example `3.0 min` or `1.5 days`."""
    for unit, name in ((_DAY, "days"), (_HOUR, "h"), (_MINUTE, "min")):
        if seconds >= unit:
            return f"{seconds / unit:.1f} {name}"
    return f"{seconds:.0f} s"


def in_states(standings: Iterable[Standing]) -> str:
    """How many cells are in which state when nothing is running, for example `3 done, 1 no data`."""
    counts = Counter(found.state for found in standings)
    return ", ".join(f"{counts[state]} {state}" for state in _CELL_STATES if counts[state])
