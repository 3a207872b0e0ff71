"""Rungs: the fractions of training at which trials are compared, and the pruner of Optuna that compares them.

A trial has reached rung k at its first dev evaluation at or after k eighths of its own planned steps; its figure there
is the best dev figure up to that evaluation, since a run keeps its best checkpoint. So trials are compared at equal
fractions, to less than the time between two evaluations, whatever their epochs. A run that stopped for want of
improvement keeps its figure at the later rungs.
"""

from __future__ import annotations

import datetime
import math
from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from statistics import median

import optuna
from optuna import Study as OptunaStudy
from optuna.pruners import BasePruner
from optuna.trial import FrozenTrial, TrialState

from search_spaces.search_fields import PRUNERS
from trainables.ledger.nearest import unknown
from trainables.ledger.record import DevPoint, Pruned
from trainables.ledger.spec import RunSpec

RUNGS = 8
"""Parts of a training run; the last of them is its end, where there is nothing to prune."""
FIRST_RUNG = 2
"""Where `median` begins to compare: at an eighth, the warm-up of the learning rate is hardly over."""


@dataclass(frozen=True, kw_only=True)
class Verdict:
    """Why a trial is pruned.

    Attributes:
        study: name of the study.
        rung: at which it was compared.
        figure: its best dev figure by then.
        pruner: short name.
        median: of the finished trials at this rung, where the pruner compares with it.
    """

    study: str
    rung: int
    figure: float
    pruner: str
    median: float | None

    @property
    def fraction(self) -> Fraction:
        """Of its training."""
        return Fraction(self.rung, RUNGS)

    def __str__(self) -> str:
        against = f"by {self.pruner}" if self.median is None else f"median {self.median:.1f}"
        return f"pruned at {self.fraction} of training: {self.figure:.1f}, {against}"

    def note(self, name: str, spec: RunSpec, curve: Sequence[DevPoint], planned_steps: int) -> Pruned:
        """What the store keeps of a run with these dev evaluations."""
        return Pruned(
            run_id=spec.run_id,
            name=name,
            spec=spec,
            study=self.study,
            dev_curve=tuple(curve),
            planned_steps=planned_steps,
            fraction=float(self.fraction),
            figure=self.figure,
            pruner=self.pruner,
            median=self.median,
            reason=str(self),
            pruned_at=datetime.datetime.now(datetime.UTC).isoformat(),
        )


def figures(curve: Sequence[DevPoint], planned_steps: int, *, ended: bool = False) -> dict[int, float]:
    """Rung -> figure, for all rungs that a run with these dev evaluations, in order, has reached.

    `ended` says that no evaluation follows. An evaluation without a finite figure is passed over.
    """
    found: dict[int, float] = {}
    best = -math.inf
    for point in curve:
        if not math.isfinite(point.selection):
            continue
        best = max(best, point.selection)
        for rung in range(1, RUNGS):
            if point.step * RUNGS >= rung * planned_steps:
                found.setdefault(rung, best)
    if ended and math.isfinite(best):
        found |= {rung: best for rung in range(1, RUNGS) if rung not in found}
    return found


def make_pruner(name: str, *, startup: int, trials: int) -> BasePruner | None:
    """Optuna's pruner by short name; None when it is `off`.

    `median` waits for `startup` finished trials, or for half of the budget where that is fewer. The resource of
    `hyperband` are the rungs.
    """
    if name not in PRUNERS:
        raise ValueError(unknown("pruning", name, PRUNERS))
    enough = max(1, min(startup, trials // 2))
    made: dict[str, BasePruner | None] = {
        "off": None,
        "median": optuna.pruners.MedianPruner(n_startup_trials=enough, n_warmup_steps=FIRST_RUNG),
        "hyperband": optuna.pruners.HyperbandPruner(min_resource=1, max_resource=RUNGS),
    }
    return made[name]


def verdict(name: str, rung: int, study_name: str, study: OptunaStudy, trial: FrozenTrial) -> Verdict:
    """What a pruner has decided about a trial of a study, which the ledger knows by `study_name`."""
    complete = study.get_trials(deepcopy=False, states=(TrialState.COMPLETE,))
    others = [other.intermediate_values[rung] for other in complete if rung in other.intermediate_values]
    return Verdict(
        study=study_name,
        rung=rung,
        figure=trial.intermediate_values[rung],
        pruner=name,
        median=median(others) if name == "median" else None,
    )
