"""The course of a race: what the race for one target runs over, round by round."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import NamedTuple

from trainables.ledger.cells import Row


class Round(NamedTuple):
    """What a round asks for: the seed's search, whole or half of its trials; and all earlier seeds."""

    seed: int
    halfway: bool


@dataclass(frozen=True, kw_only=True)
class Course:
    """What is fixed about the race for one target.

    Attributes:
        nodes: node ids by row and seed.
        rounds: in order.
        trials: of a target run; 0 where some is not searched.
        why_none: why no round can save a run, or empty.
    """

    nodes: Mapping[Row, Mapping[int, str]]
    rounds: tuple[Round, ...]
    trials: int
    why_none: str
