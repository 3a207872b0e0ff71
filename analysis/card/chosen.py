"""Which run is meant: that of the selected row of a target, or the one with an id."""

from __future__ import annotations

from dataclasses import dataclass

from analysis.scores.headings import AnalysisError, heading, row_title
from analysis.scores.load import Run, load_usable
from analysis.scores.sweeps import one_run_per_cell
from analysis.selection.averages import TaskScore
from analysis.selection.selection import Choice
from analysis.selection.sweep import Sweep
from trainables.ledger.cells import Cell
from trainables.ledger.nearest import unknown
from trainables.ledger.store import Store


@dataclass(frozen=True, kw_only=True)
class Chosen:
    """A run, and why it is this one.

    Attributes:
        target: for which it was selected; empty for a run that was named.
        why: one sentence for the card; empty for a run that was named.
    """

    run: Run
    target: str = ""
    why: str = ""


def selected_run(sweep: Sweep, target: str, seed: int | None = None) -> Chosen:
    """The run of the selected row; of its seeds the one with the best score on the split that selects.

    Ties go to the first seed. Raises AnalysisError for a target or seed that the sweep does not have, and while the
    selection does not stand.
    """
    results = sweep.results
    if target not in results.targets:
        raise AnalysisError(f"--target: {unknown('target of this sweep', target, results.targets)}")
    if seed is not None and seed not in results.seeds:
        raise AnalysisError(f"--seed {seed}: no run has this seed; seeds here: {', '.join(map(str, results.seeds))}")
    selection = sweep.selections[target]
    if not isinstance(choice := selection.choice, Choice):
        raise AnalysisError(
            f"the selection of {heading(target)} does not stand: {choice.reason}. `run` computes what is missing; a "
            "run of your own choice is exported with --run"
        )
    row = choice.best.variant
    scores = {
        number: score.value
        for number, score in results.seeds_of(row, target, selection.split).items()
        if isinstance(score, TaskScore) and seed in (None, number)
    }
    if not scores:
        gap = results.seeds_of(row, target, selection.split)[seed or results.seeds[0]]
        raise AnalysisError(f"--seed {seed}: {row_title(row)} has no score of {heading(target)} with it: {gap}")
    best = max(scores, key=lambda number: (scores[number], -results.seeds.index(number)))
    run = one_run_per_cell(sweep.runs)[Cell(*row, target, best)]
    of_seeds = f"; of its {len(scores)} seeds {best} is the best on {selection.split}" if len(scores) > 1 else ""
    others = len(choice.candidates) - 1
    why = (
        f"Selected for {heading(target)} on {selection.split} scores: {row_title(row)} has the highest of "
        f"{others + 1} candidates ({choice.best.score:.1f}, mean over the seeds){of_seeds}."
    )
    return Chosen(run=run, target=target, why=why)


def named_run(store: Store, run_id: str) -> Chosen:
    """The finished run with an id; raises AnalysisError, with the nearest id, where there is none."""
    finished = store.run_ids()
    if run_id not in finished:
        if run_id in store.begun_ids():
            reason = store.failure(run_id)
            raise AnalysisError(f"--run {run_id}: it is not finished{f' ({reason})' if reason else ''}")
        raise AnalysisError(f"--run: {unknown('run of this store', run_id, finished)}")
    loaded = load_usable(store, [run_id])
    if why := loaded.unusable.get(run_id):
        raise AnalysisError(f"--run {run_id}: it cannot be used: {why}")
    [run] = loaded.runs
    return Chosen(run=run)
