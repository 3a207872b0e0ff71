"""What two sweeps were made with, where it differs: settings of their runs, versions, commits, devices."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass

from analysis.comparing.side import Side
from analysis.scores.load import Run
from analysis.scores.sweeps import scope, settings
from trainables.ledger.cells import Cell
from trainables.ledger.record import Record

_OF_A_RUN = ("parent", "seed")
"""Settings that say which run it is; what its parent is made with is compared by itself."""


@dataclass(frozen=True, kw_only=True)
class SettingChange:
    """A setting with other values in A than in B, among runs that both have.

    Attributes:
        setting: dotted name.
        scopes: what the runs train on or are measured on (`sweeps.scope`).
        runs: how many pairs of runs.
    """

    setting: str
    a: str
    b: str
    scopes: tuple[str, ...]
    runs: int


@dataclass(frozen=True, kw_only=True)
class Provenance:
    """Something about the runs that differs as a whole, for example the version of a library."""

    what: str
    a: tuple[str, ...]
    b: tuple[str, ...]


def setting_changes(a: Side, b: Side, cells: Sequence[Cell]) -> tuple[SettingChange, ...]:
    """Settings that differ between the runs of the common cells, and between the runs that these start from."""
    pairs: dict[tuple[str, str], tuple[Run, Run]] = {}
    for cell in cells:
        for own, other in _pairs(a.runs[cell], b.runs[cell]):
            pairs[own.record.run_id, other.record.run_id] = own, other
    scopes: dict[tuple[str, str, str], list[str]] = defaultdict(list)
    for own, other in pairs.values():
        first, second = settings(own), settings(other)
        for name in dict.fromkeys((*first, *second)):
            one, two = first.get(name, "none"), second.get(name, "none")
            if one != two and name not in _OF_A_RUN:
                scopes[name, one, two].append(scope(own))
    return tuple(
        SettingChange(setting=name, a=one, b=two, scopes=tuple(dict.fromkeys(found)), runs=len(found))
        for (name, one, two), found in scopes.items()
    )


def provenance(a: Side, b: Side) -> tuple[Provenance, ...]:
    """Encoder, data, device, commit and versions of all runs, where they differ."""
    own, other = (_facts(side) for side in (a, b))
    return tuple(
        Provenance(what=what, a=tuple(sorted(own[what])), b=tuple(sorted(other[what])))
        for what in dict.fromkeys((*own, *other))
        if own[what] != other[what]
    )


def _pairs(own: Run, other: Run) -> Iterator[tuple[Run, Run]]:
    for stages in zip(own.stages, other.stages, strict=False):
        yield Run(record=stages[0]), Run(record=stages[1])
    yield own, other


def _facts(side: Side) -> defaultdict[str, set[str]]:
    found: defaultdict[str, set[str]] = defaultdict(set)
    for record in _records(side):
        found["encoder"].add(f"{record.spec.encoder.name} ({record.spec.encoder.revision})")
        found["data"].add(record.spec.data.source)
        found["commit"].add(record.commit or "not noted")
        found["device"].add(record.device or "not noted")
        for name, version in record.versions.items():
            found[f"version of {name}"].add(version)
    return found


def _records(side: Side) -> Iterator[Record]:
    for run in side.sweep.runs:
        yield run.record
        yield from run.stages
