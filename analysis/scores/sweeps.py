"""One sweep out of a store that may hold several: runs that may stand in one table, and how to choose among others.

Numbers are comparable only if nothing but the row differs. Within a column (runs of the same targets) and within the
runs of one row every setting must agree except the seed and the parent; over the whole table the encoder, the data
source and, by phase, the caps must agree, unless the row itself says them (`panx@sw:1000`). Anything else is an error
that names what differs, never a choice made silently. The exact runs of a plan need no such check: a search may give
each cell its own hyperparameters.
"""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from analysis.scores.headings import AnalysisError, heading, row_title
from analysis.scores.load import Run
from trainables.ledger.cells import Cell
from trainables.ledger.nearest import unknown
from trainables.ledger.recipe import recipe_of
from trainables.ledger.spec import Phase

_OF_A_RUN = ("seed", "parent", "phase")
_SWAPS = "swaps."
"""Runs of language adapters, of the same seed; rows that have none are in the same table."""
_EVERYWHERE = ("encoder.name", "encoder.revision", "data.source")
_BY_PHASE = ("data.train_rows", "data.eval_rows")
_MLM = ("mlm.languages", "mlm.sentences", "mlm.alpha", "mlm.mask_probability")


@dataclass(frozen=True, kw_only=True)
class Difference:
    """A setting that differs among runs that would stand in one table: `runs` counts them by value."""

    scope: str
    setting: str
    runs: Mapping[str, int]

    def __str__(self) -> str:
        counts = ", ".join(f"{value or 'none'} ({count} runs)" for value, count in self.runs.items())
        of = f" of {self.scope}" if self.scope else ""
        return f"{self.setting}{of}: {counts}"

    @property
    def choice(self) -> str:
        """A `--where` that keeps the most frequent value."""
        value = max(self.runs, key=lambda name: self.runs[name])
        return f"{self.scope}:{self.setting}={value}" if self.scope else f"{self.setting}={value}"


def settings(run: Run) -> dict[str, str]:
    """Settings of a run as text, by dotted name, for example `optimisation.learning_rate`."""
    flat: dict[str, str] = {}

    def add(name: str, value: object) -> None:
        if isinstance(value, Mapping):
            for key, item in value.items():
                add(f"{name}.{key}" if name else str(key), item)
        elif isinstance(value, list | tuple):
            flat[name] = ",".join(str(item) for item in value)
        elif value is not None:
            flat[name] = value if isinstance(value, str) else json.dumps(value)

    add("", run.record.spec.to_dict())
    return flat


def scope(run: Run) -> str:
    """What a run is compared within: its intermediate task (`squad+mlm`) or its targets (`xquad,mlqa`)."""
    return str(run.variant) if run.record.spec.phase is Phase.INTERMEDIATE else ",".join(run.record.spec.tasks)


def differences(runs: Iterable[Run]) -> list[Difference]:
    """What keeps these runs out of one table; empty when they are one sweep. Settings of the whole table first."""
    counts: dict[tuple[str, str, bool], dict[str, int]] = defaultdict(lambda: defaultdict(int))
    for run in runs:
        flat, own, phase, said = settings(run), scope(run), run.record.spec.phase, _said_by_its_row(run)
        makes_encoder = phase is Phase.INTERMEDIATE
        for name, value in flat.items():
            if name in said:
                counts[own, name, makes_encoder][value] += 1
            elif name in _EVERYWHERE or name in _MLM:
                counts["", name, False][value] += 1
            elif name in _BY_PHASE:
                counts[phase.value, name, False][value] += 1
            elif name not in _OF_A_RUN and not name.startswith(_SWAPS):
                counts[own, name, makes_encoder][value] += 1
    found = [
        Difference(scope=own, setting=name, runs=dict(values))
        for (own, name, _), values in counts.items()
        if len(values) > 1
    ]
    return sorted(found, key=lambda item: item.scope != "")


def where(runs: Sequence[Run], conditions: Sequence[str]) -> list[Run]:
    """Runs that meet all conditions `SETTING=VALUE` or `SCOPE:SETTING=VALUE`, and whose parents do.

    A condition binds runs that have the setting; with a scope (`squad+mlm`, `xnli`, or a phase) only those in it.
    Raises AnalysisError for a condition that cannot be read or that no run meets.
    """
    kept = list(runs)
    for condition in conditions:
        path, equals, value = condition.partition("=")
        own, _, setting = path.rpartition(":")
        if not equals or not setting:
            raise AnalysisError(f"cannot read the condition {condition!r}; write SETTING=VALUE or SCOPE:SETTING=VALUE")
        flats = [settings(run) for run in kept]
        known = sorted({name for flat in flats for name in flat})
        if setting not in known:
            raise AnalysisError(unknown("setting", setting, known))
        bound = [_in_scope(run, own) and setting in flat for run, flat in zip(kept, flats, strict=True)]
        met = [not b or flat[setting] == value for b, flat in zip(bound, flats, strict=True)]
        if not any(b and m for b, m in zip(bound, met, strict=True)):
            values = sorted({flat[setting] for b, flat in zip(bound, flats, strict=True) if b})
            raise AnalysisError(f"no run has {condition}; values here: {', '.join(values) or 'none in this scope'}")
        dropped = {run.record.run_id for run, m in zip(kept, met, strict=True) if not m}
        kept = [r for r in kept if r.record.run_id not in dropped and r.record.spec.parent not in dropped]
    return kept


def one_sweep(runs: Sequence[Run]) -> list[Run]:
    """These runs, if they may stand in one table; otherwise AnalysisError with what differs and how to choose."""
    found = differences(runs)
    if found:
        lines = "\n".join(f"  {item}" for item in found[:12])
        more = f"\n  and {len(found) - 12} more" if len(found) > 12 else ""
        raise AnalysisError(
            f"these runs are more than one sweep and cannot stand in one table. They differ in\n{lines}{more}\n"
            f"Choose with --where, for example: --where {found[0].choice}"
        )
    one_run_per_cell(runs)
    return list(runs)


def one_run_per_cell(runs: Iterable[Run]) -> dict[Cell, Run]:
    """The run of every cell; AnalysisError when two runs claim the same cell."""
    cells: dict[Cell, Run] = {}
    for run in runs:
        for cell in run.cells:
            if cell in cells:
                raise AnalysisError(_two_runs(cell, cells[cell], run))
            cells[cell] = run
    return cells


def _two_runs(cell: Cell, first: Run, second: Run) -> str:
    own = [settings(run) for run in (first, second)]
    parents = [settings(Run(record=run.parent)) if run.parent else {} for run in (first, second)]
    differ = [
        f"{kind}{name}: {one.get(name, 'none')} against {other.get(name, 'none')}"
        for kind, (one, other) in (("", own), ("intermediate ", parents))
        for name in sorted({*one, *other})
        if one.get(name) != other.get(name) and not (name == "parent" and parents[0] != parents[1])
    ]
    return (
        f"two runs for one cell, {row_title(cell.row)} -> {heading(cell.target)} seed {cell.seed}: "
        f"{first.record.run_id} and {second.record.run_id}. They differ in {'; '.join(differ)}. "
        "Choose with --where, or pass the run ids of one plan"
    )


def _said_by_its_row(run: Run) -> frozenset[str]:
    """Settings that the row of an intermediate run decides, so that those of another row are no other sweep's."""
    if run.record.spec.phase is not Phase.INTERMEDIATE or not (stages := recipe_of(run.variant).stages):
        return frozenset()
    last = stages[-1]
    names = {"data.train_rows"} if last.rows else set()
    names |= {"mlm.languages"} if last.mlm_languages or last.is_mlm_alone else set()
    return frozenset(names)


def _in_scope(run: Run, own: str) -> bool:
    phase = run.record.spec.phase
    if not own or own in (scope(run), phase.value):
        return True
    return phase is not Phase.INTERMEDIATE and own in run.record.spec.tasks
