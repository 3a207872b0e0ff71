"""The record of a race across the grid: the rule, the rounds, what was dropped and why."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from enum import StrEnum
from typing import Any

from trainables.ledger.cells import Cell, Row
from trainables.ledger.seal import sealed, unsealed

FORMAT = 3
"""1 named rows by words, 2 had no digest of itself; they are read too."""
_FORMATS = range(1, FORMAT + 1)


class Guarantee(StrEnum):
    """What stays below alpha over all rounds of one race, whatever the true scores are."""

    PAIR = "pair"
    """The chance that the best contender is dropped for the sake of one given rival.

    The levels of the rounds add up to alpha (Bonferroni over the rounds). All K - 1 rivals together may drop it K - 1
    times as often; that is the worst case, in which they are all as good as the best and little is lost.
    """

    FAMILY = "family"
    """The chance that the best contender is dropped at all (Bonferroni over the rounds and the K - 1 rivals).

    It holds even when all contenders are equal, and costs about a third of the saving (`benchmarks/racing.py`).
    """


@dataclass(frozen=True, kw_only=True)
class Rule:
    """When a contender counts as beaten.

    Attributes:
        alpha: error that `guarantee` speaks of, between 0 and 1.
        guarantee: which error that is.
        seed_sd: standard deviation, in points, assumed between runs that differ by the seed: the upper end of what is
            expected, for the first round knows nothing else. Where runs really differ by twice as much, the best
            contender is dropped far more often than alpha says; take more for small training sets.
    """

    alpha: float = 0.05
    guarantee: Guarantee = Guarantee.PAIR
    seed_sd: float = 1.0

    def __post_init__(self) -> None:
        if not 0 < self.alpha < 1:
            raise ValueError(f"alpha must be between 0 and 1, got {self.alpha}")
        if not 0 <= self.seed_sd < float("inf"):
            raise ValueError(f"seed_sd must be a number of points from 0 up, got {self.seed_sd}")

    def level(self, round: int, rounds: int, contenders: int) -> float:
        """What p must not exceed in a round; 0 in the last one, which leaves nothing to save.

        Alpha is shared out in proportion to the rounds that a drop would save; the shares add up to 1. `contenders` is
        K, counted at the start of the race.
        """
        if not 1 <= round <= rounds:
            raise ValueError(f"round must be from 1 to {rounds}, got {round}")
        if round == rounds:
            return 0.0
        share = 2 * (rounds - round) / (rounds * (rounds - 1))
        return self.alpha * share / (max(contenders - 1, 1) if self.guarantee is Guarantee.FAMILY else 1)


@dataclass(frozen=True, kw_only=True)
class Dropped:
    """A contender that gets no further runs on a target.

    Attributes:
        contender: row, for example `ccg+mlm`.
        target: column.
        round: runs that each contender had.
        leader: row with the best mean dev score then.
        difference: leader minus contender, points.
        p: one-sided chance of such a difference if the contender were as good as the leader.
        level: what p had to stay within.
        rows: dev rows compared.
    """

    contender: str
    target: str
    round: int
    leader: str
    difference: float
    p: float
    level: float
    rows: int


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One row that was dropped from a target.

    Attributes:
        row: that was dropped.
        leader: row that it was too far behind.
        dropped: the figures; names are those of the rows.
        seed: of the round.
        halfway: the round was held after half of the seed's search trials; else the seed was complete.
        at: ISO time.
    """

    row: Row
    leader: Row
    dropped: Dropped
    seed: int
    halfway: bool
    at: str

    def __str__(self) -> str:
        each = self.dropped
        return f"dropped {self.when}: {each.difference:.1f} points behind {self.leader}, p {shown_p(each.p)}"

    @property
    def when(self) -> str:
        """The round, for example `after seed 42`."""
        return f"half-way through the search of seed {self.seed}" if self.halfway else f"after seed {self.seed}"


@dataclass(frozen=True, kw_only=True)
class TargetRace:
    """The race for one target.

    Attributes:
        target: column.
        contenders: rows that started.
        rounds: planned.
        compared: digest of the runs and searches that take part; empty in records that do not say.
        trials: of a target run's search; 0 where there is none.
        held: finished.
        why_none: why no (further) round is held, or empty.
        dropped: in the order of the rounds.
    """

    target: str
    contenders: tuple[Row, ...]
    rounds: int
    compared: str = ""
    trials: int = 0
    held: int = 0
    why_none: str = ""
    dropped: tuple[Decision, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RaceRecord:
    """All races of a sweep.

    Attributes:
        rule: when a row counts as beaten.
        seeds: in the order of the sweep.
        races: one a target.
        saved: runs that were not needed, by phase.
        sweep: id of the sweep; empty in records of format 1.
    """

    rule: Rule
    seeds: tuple[int, ...]
    races: tuple[TargetRace, ...]
    saved: Mapping[str, int] = field(default_factory=dict)
    sweep: str = ""

    def to_json(self) -> str:
        """Readable JSON with a digest of itself; `from_json` is the inverse."""
        return sealed({"format": FORMAT} | asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> RaceRecord:
        """Read a record of this format or an earlier one; raises ValueError, KeyError or TypeError for others."""
        fields = unsealed(text, _FORMATS, sealed_since=3)
        rule = fields["rule"]
        found = cls(
            rule=Rule(alpha=rule["alpha"], guarantee=Guarantee(rule["guarantee"]), seed_sd=rule["seed_sd"]),
            seeds=tuple(map(int, fields["seeds"])),
            races=tuple(_target_race(race, fields["format"]) for race in fields["races"]),
            saved={str(phase): int(runs) for phase, runs in fields["saved"].items()},
            sweep=str(fields.get("sweep", "")),
        )
        if unknown := [each for each in found.decisions.values() if each.seed not in found.seeds]:
            raise ValueError(f"seed {unknown[0].seed} is none of {', '.join(map(str, found.seeds))}")
        return found

    @property
    def decisions(self) -> dict[tuple[Row, str], Decision]:
        """(row, target) -> how it was dropped."""
        return {(each.row, race.target): each for race in self.races for each in race.dropped}

    @property
    def cells(self) -> dict[Cell, str]:
        """Cells that get no run any more, unless they have one: those of later seeds than the drop; with the reason."""
        return {
            Cell(*row, target, seed): str(each)
            for (row, target), each in self.decisions.items()
            for seed in self.seeds[self.seeds.index(each.seed) + 1 :]
        }


def shown_p(p: float) -> str:
    """A chance in short."""
    return f"{p:.2g}" if p >= 1e-4 else "below 0.0001"


def _target_race(fields: Mapping[str, Any], format: int) -> TargetRace:
    dropped = tuple(_decision(each, format) for each in fields["dropped"])
    contenders = tuple(_row(row, format) for row in fields["contenders"])
    return TargetRace(**{**fields, "contenders": contenders, "dropped": dropped})


def _decision(fields: Mapping[str, Any], format: int) -> Decision:
    dropped = Dropped(**fields["dropped"])
    rows = (dropped.contender, dropped.leader) if format == 1 else (fields["row"], fields["leader"])
    row, leader = (_row(each, format) for each in rows)
    return Decision(
        row=row, leader=leader, dropped=dropped, seed=fields["seed"], halfway=fields["halfway"], at=fields["at"]
    )


def _row(written: Any, format: int) -> Row:
    """A row as a pair; in format 1 it was a word such as `squad+mlm`."""
    return Row(written.removesuffix("+mlm"), written.endswith("+mlm")) if format == 1 else Row(*written)
