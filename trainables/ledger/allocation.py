"""Allocation: how a budget of search hours was spread over the runs of a sweep."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass

from trainables.ledger.seal import sealed, unsealed

FORMAT = 2
"""1 had no digest of itself; it is read too."""


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """Hours as they were spread.

    Attributes:
        hours: what was spread.
        unit: of what the hours are.
        most: phase -> most trials of one run; 0 where no number was given.
        trials: id of every node that could be searched -> trials it was given.
    """

    hours: float
    unit: str
    most: Mapping[str, int]
    trials: Mapping[str, int]

    def to_json(self) -> str:
        """Readable JSON with a digest of itself; the inverse of `from_json`."""
        return sealed({"format": FORMAT, **asdict(self)}, indent=1)

    @classmethod
    def from_json(cls, text: str) -> Allocation:
        """Read one; raises ValueError, KeyError, TypeError or AttributeError for anything else."""
        fields = unsealed(text, range(1, FORMAT + 1), sealed_since=2)
        del fields["format"]
        found = cls(**fields)
        if not all(isinstance(n, int) and n >= 0 for n in [*found.trials.values(), *found.most.values()]):
            raise ValueError("numbers of trials are whole and not negative")
        return cls(hours=float(found.hours), unit=str(found.unit), most=found.most, trials=found.trials)
