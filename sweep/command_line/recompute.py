"""`run --recompute`: finished runs of a sweep that are to be computed again."""

from __future__ import annotations

from collections.abc import Sequence

from rich.console import Console
from rich.text import Text

from sweep.command_line.setup import Setup
from trainables.ledger.nearest import unknown


def recompute(setup: Setup, run_ids: Sequence[str], console: Console) -> None:
    """Put the records of runs aside, so that the sweep computes them; the caller holds the store.

    Raises ValueError, before anything is changed, for a run that is none of this sweep's or is not finished.
    """
    store = setup.store
    trials = {trial.run_id for study in store.studies() for trial in study.trials}
    ours = {*setup.plan.nodes, *(study.winner for study in store.studies() if study.winner)}
    finished = set(store.run_ids())
    for run_id in run_ids:
        if run_id in trials - ours:
            raise ValueError(
                f"--recompute {run_id}: it is a trial that its search did not choose, so nothing starts from it; "
                "allowed: runs of the table and the winners of searches"
            )
        if run_id not in ours:
            raise ValueError(
                f"--recompute: {unknown('run of this sweep', run_id, sorted(ours & finished) or ['none'])}"
            )
        if run_id not in finished:
            raise ValueError(f"--recompute {run_id}: it is not finished, so `run` computes it as it is")
    for run_id in run_ids:
        store.recompute(run_id)
        console.print(Text(f"run {run_id} is computed again; its record was put aside"))
