"""Averages that refuse gaps (protocol.md 5.5 and 8.15).

First over the languages of a task, for each metric; then over its metrics (F1 with EM); then over seeds; then over
tasks. All unweighted and unrounded. What should be there and is not makes a `Gap` that names it, never a smaller mean.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from analysis.scores.headings import AnalysisError, heading
from trainables.ledger.cells import Cell
from trainables.ledger.record import Finding, Record
from trainables.ledger.spec import Phase
from trainables.ledger.states import State
from trainables.tasks.registry import task
from trainables.tasks.task import Split, Task

if TYPE_CHECKING:
    from pandas import DataFrame

Bounds = tuple[float, float]
ANYTHING: Bounds = (0.0, 100.0)
"""Where a score in percent lies of which nothing is known."""


@dataclass(frozen=True, kw_only=True)
class Gap:
    """The place of an average that cannot be given.

    Attributes:
        reason: what is missing, for a reader.
        state: what became of the cells behind it.
        bounds: lowest and highest value the average can still take, in percent.
    """

    reason: str
    state: State = State.INCOMPLETE
    bounds: Bounds = ANYTHING

    def __str__(self) -> str:
        return self.reason


@dataclass(frozen=True, kw_only=True)
class TaskScore:
    """Score of one target on one split, all expected languages included.

    Attributes:
        target: task name.
        split: which rows.
        metrics: reported metric -> mean over the languages.
        languages: language -> metric -> value, `seen` ones too; holds the extra metrics too.
        extras: metric that is measured but not averaged into the score (POS accuracy) -> mean over the languages.
        num_seeds: how many runs it is the mean of.
        capped: whether fewer rows were read than the data has.
        restricted: the languages the run was restricted to; empty means none.
        cut_short: whether a race dropped it, so that seeds are missing.
        findings: signs that a run behind it has collapsed.
        trained: languages whose labels its own training has seen; they stand in the means, as in the paper.
        seen: languages that have scores and whose labels a stage before has seen; they stand in no mean.
    """

    target: str
    split: Split
    metrics: Mapping[str, float]
    languages: Mapping[str, Mapping[str, float]]
    extras: Mapping[str, float] = field(default_factory=dict)
    num_seeds: int = 1
    capped: bool = False
    restricted: tuple[str, ...] = ()
    cut_short: bool = False
    findings: tuple[Finding, ...] = ()
    trained: tuple[str, ...] = ()
    seen: tuple[str, ...] = ()

    @property
    def value(self) -> float:
        """The task score: mean of the reported metrics (QA: of average F1 and average EM)."""
        return mean(self.metrics.values())

    @property
    def bounds(self) -> Bounds:
        """A known score is its own bound."""
        return self.value, self.value

    @property
    def averaged(self) -> tuple[str, ...]:
        """Languages that the means are over."""
        return tuple(language for language in self.languages if language not in self.seen)

    @property
    def zero_shot(self) -> tuple[str, ...]:
        """Languages whose labels nothing behind the score has seen."""
        return tuple(language for language in self.averaged if language not in self.trained)

    def means(self, languages: Sequence[str]) -> dict[str, float]:
        """Reported metric -> mean over some of its languages, at least one."""
        return {name: mean(self.languages[code][name] for code in languages) for name in self.metrics}

    def over(self, languages: Sequence[str]) -> TaskScore:
        """The same with its means over some of its languages, at least one."""
        extras = {name: mean(self.languages[code][name] for code in languages) for name in self.extras}
        return replace(self, metrics=self.means(languages), extras=extras)

    def without(self, seen: Sequence[str], trained: Sequence[str] = ()) -> TaskScore | Gap:
        """The same without the languages whose labels a stage before has seen; a Gap where no language is left."""
        found = tuple(language for language in self.languages if language in seen)
        marked = replace(self, seen=found, trained=tuple(trained))
        if not found:
            return marked
        if not marked.averaged:
            return Gap(reason=f"its encoder has seen labels in all of its languages ({', '.join(found)})",
                       state=State.NO_DATA)  # fmt: skip
        return marked.over(marked.averaged)


def mean(values: Iterable[float]) -> float:
    """Unweighted mean, the same for every order of the values."""
    listed = list(values)
    return math.fsum(listed) / len(listed)


def mean_over(values: Mapping[str, float], expected: Sequence[str], things: str) -> float | Gap:
    """Mean of `values` over exactly the `expected` names.

    Names that are missing make a Gap such as `2 of 7 languages of MLQA missing: ar, hi`; names that are not expected
    do not count. `things` is what the names are, for example `languages of MLQA`.
    """
    if not expected:
        return Gap(reason=f"no {things} expected")
    missing = [name for name in expected if name not in values]
    if not missing:
        return mean(values[name] for name in expected)
    known = math.fsum(values[name] for name in expected if name in values)
    bounds = (known / len(expected), (known + 100.0 * len(missing)) / len(expected))
    return Gap(reason=f"{len(missing)} of {len(expected)} {things} missing: {', '.join(missing)}", bounds=bounds)


def overall(scores: Mapping[str, TaskScore | Gap], targets: Sequence[str]) -> float | Gap:
    """Unweighted mean over the task scores of `targets`; a Gap when any of them is one or is not there."""
    known = {name: score.value for name, score in scores.items() if isinstance(score, TaskScore)}
    found = mean_over({heading(name): value for name, value in known.items()}, [heading(t) for t in targets], "targets")
    if not isinstance(found, Gap) or not targets:
        return found
    gaps = [score for name in targets if isinstance(score := scores.get(name, Gap(reason="")), Gap)]
    bounds = [scores[name].bounds if name in scores else ANYTHING for name in targets]
    return Gap(
        reason=found.reason,
        state=worst(gap.state for gap in gaps),
        bounds=(mean(low for low, _ in bounds), mean(high for _, high in bounds)),
    )


def over_seeds(scores: Mapping[int, TaskScore | Gap]) -> TaskScore | Gap:
    """Mean of one cell over its seeds; a Gap when any seed is one. Needs at least one seed.

    Seeds that a race has dropped are left out, and the score says so.
    """
    gaps = {seed: score for seed, score in scores.items() if isinstance(score, Gap)}
    done = [score for score in scores.values() if isinstance(score, TaskScore)]
    cut_short = bool(done and gaps) and all(gap.state is State.DROPPED for gap in gaps.values())
    if gaps and not cut_short:
        several = len(scores) > 1
        reasons = [f"seed {seed}: {gap.reason}" if several else gap.reason for seed, gap in gaps.items()]
        bounds = [score.bounds for score in scores.values()]
        return Gap(
            reason="; ".join(reasons),
            state=worst(gap.state for gap in gaps.values()),
            bounds=(mean(low for low, _ in bounds), mean(high for _, high in bounds)),
        )
    first = done[0]
    extras = [name for name in first.extras if all(name in score.extras for score in done)]
    return TaskScore(
        target=first.target,
        split=first.split,
        metrics={name: mean(score.metrics[name] for score in done) for name in first.metrics},
        extras={name: mean(score.extras[name] for score in done) for name in extras},
        languages={
            language: {
                name: mean(score.languages[language][name] for score in done)
                for name in first.languages[language]
                if all(name in score.languages[language] for score in done)
            }
            for language in first.languages
        },
        num_seeds=len(done),
        capped=any(score.capped for score in done),
        restricted=first.restricted,
        cut_short=cut_short,
        findings=tuple(finding for score in done for finding in score.findings),
        trained=first.trained,
        seen=first.seen,
    )


def worst(states: Iterable[State]) -> State:
    """What to say of several cells together: what may still come first, then what never will."""
    order = [State.PENDING, State.FAILED, State.BLOCKED, State.NO_DATA, State.DROPPED, State.INCOMPLETE, State.DONE]
    return min(states, key=order.index)


def expected_languages(of: Task, split: Split, restricted: Sequence[str] = ()) -> tuple[str, ...]:
    """Languages a score of this task needs: all that have this split, or those of the restriction among them."""
    have = of.languages.get(split, ())
    return tuple(language for language in have if language in restricted) if restricted else tuple(have)


def task_scores(frame: DataFrame) -> dict[tuple[Cell, Split], TaskScore | Gap]:
    """Score of every cell of a score table (`load.score_table`) on every split its task has.

    A cell must come from one run; two are an AnalysisError (`sweeps.one_sweep` says how to choose).
    """
    values: dict[Cell, dict[str, dict[str, dict[str, float]]]] = {}
    facts: dict[Cell, tuple[str, bool, str]] = {}
    targets = frame[(frame["phase"] != Phase.INTERMEDIATE.value) & frame["split"].isin([Split.DEV, Split.TEST])]
    names = ["intermediate", "mlm", "target", "seed", "split", "metric", "language", "value", "run_id", "capped"]
    for row in zip(*(targets[name] for name in [*names, "restricted"]), strict=True):
        intermediate, mlm, target, seed, split, metric, language, value, run_id, capped, restricted = row
        cell = Cell(str(intermediate), bool(mlm), str(target), int(seed))
        fact = facts.setdefault(cell, (run_id, bool(capped), restricted))
        if fact[0] != run_id:
            raise AnalysisError(f"two runs, {fact[0]} and {run_id}, hold scores of {cell}; choose one sweep first")
        by_metric = values.setdefault(cell, defaultdict(lambda: defaultdict(dict)))[split]
        by_metric[metric][language] = float(value)
    return {
        (cell, split): _task_score(cell.target, split, values[cell].get(split.value, {}), capped, restricted)
        for cell, (_, capped, restricted) in facts.items()
        for split in (Split.DEV, Split.TEST)
        if _task(cell.target).languages.get(split)
    }


def score_of(record: Record, target: str, split: Split) -> TaskScore | Gap:
    """Score of one run on a target, as `task_scores` has it; raises AnalysisError for an unknown target."""
    values: defaultdict[str, dict[str, float]] = defaultdict(dict)
    for score in record.scores:
        if score.task == target and score.split == split:
            values[score.metric][score.language] = score.value
    return _task_score(target, split, values, capped=False, restricted=",".join(record.spec.data.languages))


def _task_score(
    target: str, split: Split, values: Mapping[str, Mapping[str, float]], capped: bool, restricted: str
) -> TaskScore | Gap:
    """`values` is metric -> language -> percent."""
    of = _task(target)
    only = tuple(restricted.split(",")) if restricted else ()
    expected = expected_languages(of, split, only)
    if not expected:
        return Gap(reason=f"{of.title} has none of the languages {restricted}", state=State.NO_DATA)
    whole = {
        language: {metric: found[language] for metric, found in values.items() if language in found}
        for language in expected
        if all(language in values.get(metric, {}) for metric in of.metrics)
    }
    averages = {
        metric: mean_over({k: v[metric] for k, v in whole.items()}, expected, f"languages of {of.title}")
        for metric in of.metrics
    }
    gaps = [average for average in averages.values() if isinstance(average, Gap)]
    if gaps:
        bounds = (mean(gap.bounds[0] for gap in gaps), mean(gap.bounds[1] for gap in gaps))
        return Gap(reason=gaps[0].reason, bounds=bounds)
    extras = {
        metric: mean(found[language] for language in expected)
        for metric, found in values.items()
        if metric not in of.metrics and all(language in found for language in expected)
    }
    metrics = {metric: average for metric, average in averages.items() if not isinstance(average, Gap)}
    return TaskScore(
        target=target, split=split, metrics=metrics, languages=whole, extras=extras, capped=capped, restricted=only
    )


def _task(name: str) -> Task:
    try:
        return task(name)
    except ValueError as error:
        raise AnalysisError(str(error)) from error
