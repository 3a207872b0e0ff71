"""Rounds of a race and pairs of contenders, decided by the statistics alone."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from typing import NamedTuple

from analysis.statistics.racing import Floats, against, decide, standing
from trainables.ledger.cells import BASELINE
from trainables.ledger.race import Dropped, Rule

PLAIN = Rule()


class Paired(NamedTuple):
    """Leader minus contender in points, and the one-sided p."""

    difference: float
    p: float


def paired_test(contender: Floats, leader: Floats, *, seed_sd: float = Rule.seed_sd) -> Paired:
    """Whether one contender is worse than another beyond chance; points[S, N] of both."""
    differences, p = against(standing({"contender": contender, "leader": leader}), 1, seed_sd)
    return Paired(float(differences[0]), float(p[0]))


def race(
    scores: Mapping[str, Floats],
    *,
    target: str,
    round: int,
    rounds: int,
    dropped: Collection[Dropped] = (),
    rule: Rule = PLAIN,
) -> list[Dropped]:
    """What a round of the race for one target drops, from points[S, N] of every contender."""
    gone = {each.contender for each in dropped if each.target == target}
    found = standing(scores)
    return decide(found, target=target, round=round, rounds=rounds, gone=gone, rule=rule, baseline=BASELINE)
