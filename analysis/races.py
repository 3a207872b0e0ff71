"""The record of a race across the grid, `race.json` in its store: the rule, the rounds, what was dropped and why.

A sweep writes it at every decision (`sweep/races.py`) and reads it when it is started again; report and status read it.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterator, Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from analysis.cells import RACE_FILE, AnalysisError, CellKey, Variant, heading, variant_title
from analysis.racing import Dropped, Guarantee, Rule

FORMAT = 1
_MLM = "+mlm"


@dataclass(frozen=True, kw_only=True)
class Decision:
    """One contender that was dropped: `dropped` says against whom, `seed` and `halfway` after which round, `at` when.

    `halfway` is after half of a seed's search trials, else the seed was complete.
    """

    dropped: Dropped
    seed: int
    halfway: bool
    at: str

    def __str__(self) -> str:
        each = self.dropped
        return f"dropped {self.when}: {each.difference:.1f} points behind {each.leader}, p {_p(each.p)}"

    @property
    def when(self) -> str:
        """The round, for example `after seed 42`."""
        return f"half-way through the search of seed {self.seed}" if self.halfway else f"after seed {self.seed}"


@dataclass(frozen=True, kw_only=True)
class TargetRace:
    """The race for one target.

    Attributes:
        target: column.
        contenders: rows that started, for example `ccg+mlm`.
        rounds: planned.
        compared: digest of the runs and searches that take part; empty in records that do not say.
        trials: of a target run's search; 0 where there is none.
        held: finished.
        why_none: why no (further) round is held, or empty.
        dropped: in the order of the rounds.
    """

    target: str
    contenders: tuple[str, ...]
    rounds: int
    compared: str = ""
    trials: int = 0
    held: int = 0
    why_none: str = ""
    dropped: tuple[Decision, ...] = ()


@dataclass(frozen=True, kw_only=True)
class RaceRecord:
    """All races of a sweep; `saved` is the number of runs that were not needed, by phase."""

    rule: Rule
    seeds: tuple[int, ...]
    races: tuple[TargetRace, ...]
    saved: Mapping[str, int] = field(default_factory=dict)

    def to_json(self) -> str:
        """Readable JSON; `from_json` is the inverse."""
        return json.dumps({"format": FORMAT} | asdict(self), indent=1)

    @classmethod
    def from_json(cls, text: str) -> RaceRecord:
        """Read a record; raises ValueError, KeyError or TypeError for anything else."""
        fields: dict[str, Any] = json.loads(text)
        if fields["format"] != FORMAT:
            raise ValueError(f"race format {fields['format']!r}, this version reads {FORMAT}")
        rule = fields["rule"]
        return cls(
            rule=Rule(alpha=rule["alpha"], guarantee=Guarantee(rule["guarantee"]), seed_sd=rule["seed_sd"]),
            seeds=tuple(map(int, fields["seeds"])),
            races=tuple(_target_race(race) for race in fields["races"]),
            saved={str(phase): int(runs) for phase, runs in fields["saved"].items()},
        )

    @property
    def decisions(self) -> dict[tuple[str, str], Decision]:
        """(row, target) -> how it was dropped."""
        return {(each.dropped.contender, race.target): each for race in self.races for each in race.dropped}

    @property
    def reasons(self) -> dict[tuple[Variant, str], str]:
        """(variant, target) -> why it was dropped."""
        return {(variant_of(row), target): str(each) for (row, target), each in self.decisions.items()}

    @property
    def cells(self) -> dict[CellKey, str]:
        """Cells that get no run any more, unless they have one: those of later seeds than the drop; with the reason."""
        return {
            CellKey(*variant_of(row), target, seed): str(each)
            for (row, target), each in self.decisions.items()
            for seed in self.seeds[self.seeds.index(each.seed) + 1 :]
        }


def variant_of(row: str) -> Variant:
    """`squad+mlm` as a variant."""
    return Variant(row.removesuffix(_MLM), row.endswith(_MLM))


def read_race(folder: Path) -> RaceRecord | None:
    """The race of a store; None where none was held. Raises AnalysisError for a file that is something else."""
    path = folder / RACE_FILE
    try:
        found = RaceRecord.from_json(path.read_text(encoding="utf-8"))
        if unknown := [each for each in found.decisions.values() if each.seed not in found.seeds]:
            raise ValueError(f"seed {unknown[0].seed} is none of {', '.join(map(str, found.seeds))}")
        return found
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise AnalysisError(
            f"{path} is not the record of a race ({type(error).__name__}: {error}); move it away, and the races are "
            "decided again from the store"
        ) from error


def race_section(record: RaceRecord | None) -> str:
    """Markdown: the rule, what was dropped from which target, where there was no race, how many runs were saved."""
    if record is None:
        return ""
    rule = record.rule
    guarantee = {
        Guarantee.PAIR: "that the best intermediate is dropped for the sake of one given rival",
        Guarantee.FAMILY: "that the best intermediate is dropped at all",
    }
    parts = [
        f"An intermediate that is beaten beyond chance on the rows that select for a target gets no further runs "
        f"there. The chance {guarantee[rule.guarantee]} is at most {rule.alpha:g} a target, if runs that differ by the "
        f"seed have a standard deviation of about {rule.seed_sd:g} points. The baseline is never dropped."
    ]
    if record.decisions:
        parts.append("\n".join(_table(record)))
    else:
        parts.append("Nothing was dropped.")
    saved = ", ".join(f"{runs} {phase}" for phase, runs in record.saved.items() if runs)
    parts.append(f"Runs saved: {sum(record.saved.values())}{f' ({saved})' if saved else ''}.")
    standing: dict[str, list[str]] = defaultdict(list)
    for race in record.races:
        standing[race.why_none or f"{race.held} of {race.rounds} rounds held"].append(heading(race.target))
    parts.append("\n".join(f"- {', '.join(targets)}: {what}" for what, targets in standing.items()))
    return "\n\n".join(parts)


def _table(record: RaceRecord) -> Iterator[str]:
    yield "| target | dropped | when | behind | points | p | level | rows |"
    yield "| --- | --- | --- | --- | ---: | ---: | ---: | ---: |"
    for race in record.races:
        for decision in race.dropped:
            each = decision.dropped
            yield (
                f"| {heading(race.target)} | {variant_title(variant_of(each.contender))} | {decision.when} "
                f"| {variant_title(variant_of(each.leader))} | {each.difference:.1f} | {_p(each.p)} "
                f"| {each.level:.3g} | {each.rows:,} |"
            )


def _p(p: float) -> str:
    return f"{p:.2g}" if p >= 1e-4 else "below 0.0001"


def _target_race(fields: Mapping[str, Any]) -> TargetRace:
    dropped = (
        Decision(dropped=Dropped(**each["dropped"]), seed=each["seed"], halfway=each["halfway"], at=each["at"])
        for each in fields["dropped"]
    )
    return TargetRace(**{**fields, "contenders": tuple(fields["contenders"]), "dropped": tuple(dropped)})
