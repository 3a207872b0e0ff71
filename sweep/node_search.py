"""The search of one node of the graph: what it asks for, what it was told, what it has found."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

from sweep.nodes import Node
from sweep.rungs import figures
from sweep.studies import Best, Study, Trial, TrialState
from trainables.pruned import Pruned
from trainables.record import DevPoint, Record
from trainables.spec import RunSpec


@dataclass(kw_only=True)
class Search:
    """One node of the plan while its best setting is looked for.

    Attributes:
        node: as planned.
        base: its configured run, which starts from the winner of its parent.
        study: None where there is a single trial.
        live: ids of runs handed out and not ended.
        reason: why the single trial failed.
        best: the winner, once the search is complete.
        mattered: importances of the parameters, once they were asked for and the search is complete.
        stopped: whether a race wants no further trials; the winner is then the best of those that were told.
    """

    node: Node
    base: RunSpec
    study: Study | None
    live: set[str] = field(default_factory=set)
    reason: str = ""
    best: Best | None = None
    mattered: Mapping[str, float] | None = None
    asked: bool = False
    stopped: bool = False

    def ask(self) -> RunSpec | None:
        """The next run, if there is one to start now."""
        if self.stopped:
            return None
        if self.study:
            return self.study.ask()
        first, self.asked = not self.asked, True
        return self.base if first else None

    def tell(self, run_id: str, record: Record) -> None:
        """A run is finished."""
        value = dev_figure(record)
        if self.study:
            self.study.report(run_id, figures(record.dev_curve, record.planned_steps, ended=True), ended=True)
            self.study.tell(run_id, value)
        else:
            self.best = Best(run_id=run_id, value=value or 0.0)

    def fail(self, run_id: str, reason: str) -> None:
        """A run failed."""
        if self.study:
            self.study.fail(run_id, reason)
        else:
            self.reason = reason

    def report(self, node: Node, curve: Sequence[DevPoint], planned_steps: int) -> Pruned | None:
        """A live run was evaluated on dev, last of all now; the note of its pruning, if it ends here."""
        verdict = self.study.report(node.run_id, figures(curve, planned_steps)) if self.study else None
        return verdict.note(node, curve, planned_steps) if verdict else None

    def prune(self, run_id: str, reason: str) -> None:
        """A run was ended early."""
        assert self.study
        self.study.prune(run_id, reason)

    @property
    def is_complete(self) -> bool:
        """Whether nothing is left to try."""
        if self.study and self.stopped:
            return not self.study.running
        return self.study.is_complete if self.study else bool(self.best or self.reason)

    def importances(self) -> Mapping[str, float]:
        """What mattered, for the report."""
        if self.mattered is not None or not self.study:
            return self.mattered or {}
        found = self.study.importances()
        self.mattered = found if self.is_complete else None
        return found

    @property
    def trials(self) -> tuple[Trial, ...]:
        """What was tried, for the report; without what a stopped search did not start."""
        trials = self.study.trials if self.study else ()
        return tuple(t for t in trials if t.state is not TrialState.RUNNING) if self.stopped else trials

    @property
    def why_failed(self) -> str:
        """Reasons of its failed trials."""
        failed = [trial for trial in self.trials if trial.state is TrialState.FAILED]
        pruned = len(self.trials) - len(failed)
        others = f" that were not pruned ({pruned} were)" if pruned else ""
        return f"all {len(failed)} trials{others} failed; the first: {failed[0].reason}" if failed else self.reason


def dev_figure(record: Record) -> float | None:
    """The figure that a search maximises: selection on English dev at the best checkpoint; None without training."""
    return next((point.selection for point in record.dev_curve if point.step == record.best_step), None)
