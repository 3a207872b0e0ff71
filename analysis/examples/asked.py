"""Which two runs are to be compared row by row: names that a user gives, and the runs of the sweep they mean."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from analysis.scores.headings import AnalysisError, heading, row_title
from analysis.scores.load import Run
from analysis.scores.sweeps import one_run_per_cell
from analysis.selection.averages import Gap
from analysis.selection.sweep import Sweep
from trainables.ledger.cells import BASELINE, Cell, Row
from trainables.ledger.nearest import unknown
from trainables.tasks.registry import task
from trainables.tasks.task import Split


@dataclass(frozen=True, kw_only=True)
class Asked:
    """A row of the table and the baseline, on one split of one target in one language.

    Attributes:
        baseline: finished run of the baseline.
        run: finished run of the row, of the same seed.
        has_seeds: the sweep has several.
    """

    target: str
    language: str
    row: Row
    seed: int
    split: Split
    baseline: Run
    run: Run
    has_seeds: bool

    @property
    def is_test(self) -> bool:
        """Whether its rows are a test set that does not select."""
        return self.split is not task(self.target).selection_split


def asked(
    sweep: Sweep,
    *,
    target: str,
    language: str,
    intermediate: str,
    mlm: bool = False,
    seed: int | None = None,
    open_test: bool = False,
) -> Asked:
    """The runs that the names mean; `seed` None takes the lowest that both runs have.

    Raises AnalysisError, with the nearest right name, for what the sweep does not have.
    """
    results = sweep.results
    if target not in results.targets:
        raise AnalysisError(unknown("target of this sweep", target, results.targets))
    row = _row(results.variants, intermediate, mlm)
    if results.baseline is None:
        raise AnalysisError("this sweep has no baseline (--intermediates none), so nothing can be fixed or broken")
    if seed is not None and seed not in results.seeds:
        raise AnalysisError(f"no run has seed {seed}; seeds here: {', '.join(map(str, results.seeds))}")
    found = _runs(sweep, row, target, [seed] if seed is not None else list(results.seeds))
    split = Split.TEST if open_test else task(target).selection_split
    known = _languages(found[1], found[2], target, split)
    if language not in known:
        raise AnalysisError(unknown(f"language of {heading(target)} here", language, known or ["none"]))
    return Asked(
        target=target, language=language, row=row, seed=found[0], split=split, baseline=found[1], run=found[2],
        has_seeds=len(results.seeds) > 1,
    )  # fmt: skip


def _row(variants: Sequence[Row], intermediate: str, mlm: bool) -> Row:
    rows = [row for row in variants if row.intermediate != BASELINE]
    names = list(dict.fromkeys(row.intermediate for row in rows))
    if intermediate == BASELINE:
        raise AnalysisError(f"--intermediate {BASELINE} is what rows are compared with; allowed: {', '.join(names)}")
    if intermediate not in names:
        raise AnalysisError(unknown("intermediate task of this sweep", intermediate, names or ["none"]))
    if (row := Row(intermediate, mlm)) not in rows:
        hint = "add --mlm" if not mlm else "leave --mlm out"
        raise AnalysisError(f"this sweep has {heading(intermediate)} {'without' if mlm else 'with'} MLM only; {hint}")
    return row


def _runs(sweep: Sweep, row: Row, target: str, seeds: Sequence[int]) -> tuple[int, Run, Run]:
    """Seed, baseline's run and the row's of the first seed that both have."""
    runs = one_run_per_cell(sweep.runs)
    baseline = Row(BASELINE, False)
    for seed in seeds:
        pair = [runs.get(Cell(*each, target, seed)) for each in (baseline, row)]
        if pair[0] and pair[1]:
            return seed, pair[0], pair[1]
    split = task(target).selection_split
    reasons = [
        f"{row_title(each)} #{seed}: {score}"
        for seed in seeds
        for each in (baseline, row)
        if isinstance(score := sweep.results.cells[Cell(*each, target, seed), split], Gap)
    ]
    raise AnalysisError(f"{heading(target)}: there are no two finished runs to compare ({'; '.join(reasons)})")


def _languages(baseline: Run, run: Run, target: str, split: Split) -> list[str]:
    """Languages that both runs were scored in, in the order of the task."""
    scored = [
        {score.language for score in each.record.scores if (score.task, score.split) == (target, split)}
        for each in (baseline, run)
    ]
    return [language for language in task(target).languages.get(split, ()) if language in scored[0] & scored[1]]
