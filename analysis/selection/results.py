"""Results: every cell of one sweep with what became of it. Tables, selection and report read nothing else."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from functools import cached_property

from analysis.scores.headings import heading, row_order, target_order
from analysis.scores.lineage import seen_of_runs
from analysis.scores.load import Run, score_table
from analysis.selection.averages import Gap, TaskScore, over_seeds, overall, task_scores
from trainables.ledger.cells import BASELINE, Cell, Row
from trainables.ledger.race import RaceRecord
from trainables.ledger.record import Finding
from trainables.ledger.standing import Standing
from trainables.ledger.states import State
from trainables.tasks.registry import is_own, task
from trainables.tasks.task import Split

ScoreOrGap = TaskScore | Gap


@dataclass(frozen=True, kw_only=True)
class Results:
    """All cells of one sweep.

    Attributes:
        variants: rows in the order of Table 2; the baseline first when it is there.
        targets: columns in the order of Table 2.
        seeds: every cell is expected with each of them.
        cells: score or gap by cell and split.
        dropped: why a race has dropped a row from a target.
        intermediates: row -> signs that an intermediate run that makes its encoder has collapsed.
    """

    variants: tuple[Row, ...]
    targets: tuple[str, ...]
    seeds: tuple[int, ...]
    cells: Mapping[tuple[Cell, Split], ScoreOrGap]
    dropped: Mapping[tuple[Row, str], str] = field(default_factory=dict)
    intermediates: Mapping[Row, tuple[Finding, ...]] = field(default_factory=dict)

    def seeds_of(self, variant: Row, target: str, split: Split) -> dict[int, ScoreOrGap]:
        """Seed -> score or gap of one cell."""
        return {seed: self.cells[Cell(*variant, target, seed), split] for seed in self.seeds}

    def score(self, variant: Row, target: str, split: Split) -> ScoreOrGap:
        """Mean over the seeds of one cell; a Gap when any seed is one."""
        return over_seeds(self.seeds_of(variant, target, split))

    def dev(self, variant: Row, target: str) -> ScoreOrGap:
        """Score on the split that selects: dev, or the only set of a task that has one."""
        return self.score(variant, target, task(target).selection_split)

    def dev_beside(self, variant: Row, other: Row, target: str) -> ScoreOrGap:
        """Dev score of `variant` as `score_beside` has it."""
        return self.score_beside(variant, other, target, task(target).selection_split)

    def score_beside(self, variant: Row, other: Row, target: str, split: Split) -> ScoreOrGap:
        """Score of `variant` over the seeds that `other` has (all where a race has not dropped it), without the
        languages whose labels the encoder of `other` has seen.
        """
        shown = self.score(other, target, split)
        if not isinstance(shown, TaskScore):
            return self.score(variant, target, split)
        own, beside = (self.seeds_of(each, target, split) for each in (variant, other))
        if shown.cut_short:
            own = {seed: score for seed, score in own.items() if isinstance(beside[seed], TaskScore)}
        found = over_seeds(own)
        return unseen(found, shown) if isinstance(found, TaskScore) else found

    def comparable(self, variant: Row, target: str, split: Split) -> dict[int, float | Gap]:
        """Seed -> score that can be put beside those of other rows, whatever languages its mean is over.

        Where labels of some languages were seen: the baseline's score plus the gain over the baseline in the other
        languages. A Gap where that needs a baseline and there is none.
        """
        own = self.seeds_of(variant, target, split)
        baseline = self.seeds_of(self.baseline, target, split) if self.baseline else {}
        return {seed: comparable(score, baseline.get(seed)) for seed, score in own.items()}

    @cached_property
    def averaged_targets(self) -> tuple[str, ...]:
        """Targets the overall average is over: all but those that have no data in any row.

        Tasks of one's own are no part of XTREME's average; where there are no others, it is over them.
        """
        held = tuple(
            target
            for target in self.targets
            if any(_state(self.dev(variant, target)) is not State.NO_DATA for variant in self.variants)
        )
        return tuple(target for target in held if not is_own(target)) or held

    def dev_average(self, variant: Row) -> float | Gap:
        """Overall dev average of a row."""
        return self.average_beside(variant, variant)

    def average_beside(self, variant: Row, other: Row) -> float | Gap:
        """Overall dev average of `variant` over the seeds that `other` has on each target."""
        found = {target: self.dev_beside(variant, other, target) for target in self.targets}
        return overall(found, self.averaged_targets)

    @property
    def baseline(self) -> Row | None:
        """The row that the others are compared with, if the sweep has it."""
        return next((variant for variant in self.variants if variant.intermediate == BASELINE), None)

    def count(self) -> dict[State, int]:
        """Cells by state; states that no cell has are left out."""
        counts = dict.fromkeys(State, 0)
        for variant in self.variants:
            for target in self.targets:
                for score in self.seeds_of(variant, target, task(target).selection_split).values():
                    counts[_state(score)] += 1
        return {state: count for state, count in counts.items() if count}


def unseen(score: TaskScore, other: TaskScore) -> ScoreOrGap:
    """A score without the languages whose labels were seen before another one; a Gap where none is left."""
    if not set(other.seen) - set(score.seen):
        return score
    left = [language for language in score.averaged if language not in other.seen]
    if left:
        return score.over(left)
    return Gap(reason="one of the two encoders has seen labels in each of the languages", state=State.NO_DATA)


def comparable(score: ScoreOrGap, baseline: ScoreOrGap | None) -> float | Gap:
    """A score as `Results.comparable` has it, beside the baseline's of the same seed, if there is one."""
    if isinstance(score, Gap):
        return score
    if not score.seen:
        return score.value
    if not isinstance(baseline, TaskScore):
        without = f"without {', '.join(score.seen)}, whose labels its encoder has seen, it needs a baseline to compare"
        return Gap(reason=without, state=State.NO_DATA)
    beside = unseen(baseline, score)
    return beside if isinstance(beside, Gap) else baseline.value + (score.value - beside.value)


def collect(
    runs: Sequence[Run],
    status: Mapping[Cell, Standing] | None = None,
    race: RaceRecord | None = None,
    unusable: Mapping[Cell, Standing] | None = None,
) -> Results:
    """Results of the runs of one sweep.

    The grid is every row, target and seed that `status` names, or that has a run when there is no status: a fine-tuning
    may measure targets that were not asked for. A cell that has a run is done, whatever the status says; a cell of the
    grid that neither has is pending, or dropped by the race. `unusable` are cells whose run is finished and left out.
    """
    told = dict(status or {})
    if race:
        told |= {cell: Standing(State.DROPPED, reason) for cell, reason in race.cells.items()}
    told |= unusable or {}
    scored = _with_lineage(_with_findings(task_scores(score_table(runs)), runs), runs)
    finished = {cell for run in runs for cell in run.cells}
    known = (set(status or ()) or finished) | set(unusable or ())
    variants = tuple(sorted({cell.row for cell in known}, key=row_order))
    targets = tuple(sorted({cell.target for cell in known}, key=target_order))
    seeds = tuple(sorted({cell.seed for cell in known}))
    for target in targets:
        heading(target)
    cells: dict[tuple[Cell, Split], ScoreOrGap] = {}
    for variant in variants:
        for target in targets:
            for seed in seeds:
                cell = Cell(*variant, target, seed)
                for split in (Split.DEV, Split.TEST):
                    cells[cell, split] = scored.get((cell, split)) or _absent(cell, cell in finished, told)
    dropped = {key: str(decision) for key, decision in race.decisions.items()} if race else {}
    return Results(
        variants=variants,
        targets=targets,
        seeds=seeds,
        cells=cells,
        dropped=dropped,
        intermediates=_of_intermediates(runs),
    )


def findings_of(run: Run, target: str, split: Split) -> tuple[Finding, ...]:
    """Signs of collapse that bear on a score; those of a test set only on the scores of that test set."""
    return tuple(
        finding
        for finding in run.record.findings
        if finding.task == target and (finding.split != Split.TEST or split is Split.TEST)
    )


def _with_findings(
    scored: Mapping[tuple[Cell, Split], ScoreOrGap], runs: Sequence[Run]
) -> dict[tuple[Cell, Split], ScoreOrGap]:
    by_cell = {cell: run for run in runs if run.record.findings for cell in run.cells}
    return {
        (cell, split): replace(score, findings=findings_of(by_cell[cell], cell.target, split))
        if isinstance(score, TaskScore) and cell in by_cell
        else score
        for (cell, split), score in scored.items()
    }


def _with_lineage(
    scored: Mapping[tuple[Cell, Split], ScoreOrGap], runs: Sequence[Run]
) -> dict[tuple[Cell, Split], ScoreOrGap]:
    """Scores without the languages whose labels the stages before have seen."""
    seen = seen_of_runs(runs)
    return {
        (cell, split): score.without(seen[cell].before, seen[cell].trained) if isinstance(score, TaskScore) else score
        for (cell, split), score in scored.items()
    }


def _of_intermediates(runs: Sequence[Run]) -> dict[Row, tuple[Finding, ...]]:
    records = {made.run_id: (run.variant, made) for run in runs if (made := run.intermediate)}
    found: dict[Row, tuple[Finding, ...]] = {}
    for variant, made in records.values():
        if made.findings:
            found[variant] = (*found.get(variant, ()), *made.findings)
    return found


def _absent(cell: Cell, finished: bool, told: Mapping[Cell, Standing]) -> Gap:
    if finished:
        return Gap(reason=f"the run left no scores of {heading(cell.target)} on this split", state=State.INCOMPLETE)
    state, reason = told.get(cell, Standing(State.PENDING, "no finished run"))
    if state is State.PENDING:
        reason = reason or "not finished"
    if state is State.DONE:
        state, reason = State.PENDING, "told to be done, but its record is not among these runs"
    return Gap(reason=reason.strip() or f"{state}, no reason noted", state=state)


def _state(score: ScoreOrGap) -> State:
    return score.state if isinstance(score, Gap) else State.DONE
