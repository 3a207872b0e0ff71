"""Records: gains of rows over the baseline that stores hold, on the rows that select; test scores stay closed."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from analysis.published.tables import dev_scores
from analysis.scores.headings import AnalysisError
from analysis.scores.load import open_store
from analysis.selection.averages import Gap, mean
from analysis.selection.results import Results
from analysis.selection.sweep import gather
from trainables.ledger.cells import BASELINE, Row
from trainables.ledger.plan import Plan
from trainables.ledger.store import Store
from trainables.tasks.registry import task

Gains = Mapping[str, Mapping[str, float]]
"""Target -> row -> points over the baseline."""


@dataclass(frozen=True, kw_only=True)
class Records:
    """What one store, or one printed table, has found.

    Attributes:
        name: of the store.
        encoder: that its runs start from.
        gains: of targets that have a baseline and two rows at least.
        languages: target -> those that it was evaluated in.
    """

    name: str
    encoder: str
    gains: Gains
    languages: Mapping[str, tuple[str, ...]]

    @property
    def rows(self) -> tuple[str, ...]:
        """Every row that has a gain, in order."""
        return tuple(dict.fromkeys(row for of_target in self.gains.values() for row in of_target))


def records_of(place: Path | str) -> Records:
    """The gains of a store; raises AnalysisError for one without a finished run, without a baseline, or without gains.

    Runs that cannot be used are left out. Of several sweeps in a store it is the last one that was planned.
    """
    store = open_store(place)
    plan = _plan(store)
    sweep = gather(store, plan)
    results = sweep.results
    if results.baseline is None:
        raise AnalysisError(f"the store {place} has no baseline, so it knows no gains; compute the row none there")
    gains = {target: found for target in results.targets if len(found := _gains(results, target)) > 1}
    if not gains:
        raise AnalysisError(f"the store {place} has no target with a baseline and two other rows, all scored on dev")
    encoder = sweep.runs[0].record.spec.encoder.name
    languages = {target: _languages(results, target) for target in gains}
    return Records(name=str(place), encoder=encoder, gains=gains, languages=languages)


def published() -> Records:
    """The paper's development scores (Table 2), of XLM-R Large."""
    table = dev_scores()
    scores: dict[str, dict[str, list[float]]] = {}
    columns = (table[name].tolist() for name in ("intermediate", "mlm", "target", "value"))
    for intermediate, mlm, target, value in zip(*columns, strict=True):
        scores.setdefault(target, {}).setdefault(str(Row(intermediate, mlm)), []).append(value)
    gains = {
        target: {row: mean(values) - mean(own[BASELINE]) for row, values in own.items() if row != BASELINE}
        for target, own in scores.items()
    }
    split = {target: task(target).languages[task(target).selection_split] for target in gains}
    return Records(name="the paper", encoder="xlm-roberta-large", gains=gains, languages=split)


def _plan(store: Store) -> Plan | None:
    return store.plan() if store.has_plan else None


def _gains(results: Results, target: str) -> dict[str, float]:
    """Row -> points over the baseline, over the seeds that both have; rows with a gap are left out."""
    assert results.baseline
    split = task(target).selection_split
    baseline = _known(results.comparable(results.baseline, target, split))
    found = {}
    for row in results.variants:
        own = _known(results.comparable(row, target, split))
        both = sorted(own.keys() & baseline.keys())
        if row != results.baseline and both:
            found[str(row)] = mean(own[seed] - baseline[seed] for seed in both)
    return found


def _known(scores: Mapping[int, float | Gap]) -> dict[int, float]:
    return {seed: score for seed, score in scores.items() if not isinstance(score, Gap)}


def _languages(results: Results, target: str) -> tuple[str, ...]:
    assert results.baseline
    scores = results.seeds_of(results.baseline, target, task(target).selection_split).values()
    return next((tuple(score.languages) for score in scores if not isinstance(score, Gap)), ())


def joined(stores: Sequence[Records]) -> dict[tuple[str, str], Mapping[str, float]]:
    """(store, target) -> row -> gain, of all stores."""
    return {(each.name, target): gains for each in stores for target, gains in each.gains.items()}
