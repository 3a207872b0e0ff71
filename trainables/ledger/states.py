"""State: where a run, a cell or a trial stands; one vocabulary for the graph, the store, the board and the tables."""

from __future__ import annotations

from enum import StrEnum


class State(StrEnum):
    """Where something stands. A graph that runs tells WAITING, READY and RUNNING apart; a store says PENDING."""

    WAITING = "waiting"
    """A parent is not done."""
    READY = "ready"
    """All parents are done; no room yet."""
    RUNNING = "running"
    """Started, not ended; of a trial: drawn, and not told yet."""
    PENDING = "pending"
    """Not finished yet, as far as a store can tell."""
    DONE = "done"
    """Its record exists."""
    INCOMPLETE = "incomplete"
    """Its record lacks scores that are expected."""
    FAILED = "failed"
    """It ended without a record."""
    BLOCKED = "blocked"
    """A run that it starts from failed."""
    PRUNED = "pruned"
    """Ended early because it fell behind the other trials of its search."""
    NO_DATA = "no data"
    """The rows it needs do not exist here."""
    DROPPED = "dropped"
    """A race has dropped it, or all that starts from it."""

    @property
    def absent(self) -> bool:
        """Whether waiting will not bring a score."""
        return self in (State.FAILED, State.BLOCKED, State.NO_DATA, State.DROPPED)
