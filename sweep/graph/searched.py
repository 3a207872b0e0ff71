"""The runs of a node that is searched: the trials of its study."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping
from functools import cached_property

from sweep.graph.node import NO_RECORD, Run
from sweep.studies.study import Study
from trainables.ledger.plan import Node
from trainables.ledger.record import DevPoint, Record
from trainables.ledger.spec import RunSpec
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.ledger.studies import StudyResult, Trial


class Searched:
    """The trials of a node, from its study; those that the store already holds are told at once.

    `node` has the configured run, which starts from the winner of its parent, as `node.spec`; `planned` is its id in
    the plan.
    """

    def __init__(self, node: Node, planned: str, study: Study, store: Store) -> None:
        self.live: set[str] = set()
        self._node = node
        self._planned = planned
        self._study = study
        self._store = store
        self._stopped = False
        self._complete = False
        self._winner = ""
        self._why_none = ""
        self._again = ""
        self._runs: dict[str, Run] = {}
        self._curves: defaultdict[str, dict[int, DevPoint]] = defaultdict(dict)
        self._pruned: dict[str, str] = {}
        self._importances: Mapping[str, float] | None = None

    def ask(self) -> Run | None:
        while not self._stopped and (asked := self._study.ask()):
            run_id = asked.spec.run_id
            if self._store.is_finished(run_id):
                self._tell(run_id, self._store.record(run_id))
            elif reason := self._pruned_before(run_id):
                self._prune(run_id, reason)
            else:
                name = f"{self._node.name}, trial {asked.number}"
                self._runs[run_id] = Run(run_id=run_id, name=name, spec=asked.spec, number=asked.number)
                return self._runs[run_id]
        return self._mislaid()

    def finish(self, run_id: str) -> State:
        self._tell(run_id, self._store.record(run_id))
        return State.DONE

    def fail(self, run_id: str) -> State:
        if reason := self._pruned.pop(run_id, ""):
            self._prune(run_id, reason)
            return State.PRUNED
        reason = self._store.failure(run_id) or NO_RECORD
        self._study.fail(run_id, reason, for_good=self._store.diverged(run_id))
        if run_id == self._again:
            self._why_none = reason
        return State.FAILED

    def report(self, run_id: str, point: DevPoint, planned_steps: int) -> bool:
        """Nothing ends at its last evaluation. A run that lost its worker reports its earlier evaluations again."""
        curve = self._curves[run_id]
        curve[point.step] = point
        if point.step >= planned_steps:
            return False
        evaluated = [curve[step] for step in sorted(curve)]
        if not (verdict := self._study.judge(run_id, evaluated, planned_steps)):
            return False
        run = self._runs[run_id]
        self._store.prune(verdict.note(run.name, run.spec, evaluated, planned_steps))
        self._pruned[run_id] = str(verdict)
        return True

    def stop(self) -> list[str]:
        if self._stopped:
            return []
        self._stopped = True
        withdrawn = [run_id for run_id in self._study.running if run_id not in self.live]
        for run_id in withdrawn:
            self._study.withdraw(run_id)
        return withdrawn

    @property
    def winner(self) -> str:
        """The best trial, once nothing is left to try; none while what it left is damaged."""
        if not self._winner and self.is_complete and (best := self._study.best) and not self._why_none:
            self._why_none = self._store.damage(best.run_id)
            self._winner = "" if self._why_none else best.run_id
        return self._winner

    @cached_property
    def _winner_spec(self) -> RunSpec:
        return self._store.record(self.winner).spec

    @property
    def winner_spec(self) -> RunSpec | None:
        return self._winner_spec if self.winner else None

    @property
    def is_complete(self) -> bool:
        """Once true for good: what is left untold is asked for by the next driver."""
        if not self._complete:
            ended = not self._study.running if self._stopped else self._study.is_complete
            self._complete = ended and (bool(self._why_none) or not self._missing_winner)
        return self._complete

    @property
    def is_settled(self) -> bool:
        """The next start asks again for trials that failed for a reason that may pass."""
        return bool(self.winner) and not any(trial.asked_again for trial in self.trials)

    @property
    def _missing_winner(self) -> str:
        """The best trial where its record is gone or broken: it was told once, so the study does not ask for it."""
        best = self._study.best
        return best.run_id if best and not self._store.is_finished(best.run_id) else ""

    def _mislaid(self) -> Run | None:
        """The best trial again, once nothing else is left to try and its record cannot be read."""
        ended = not self._study.running if self._stopped else self._study.is_complete
        if not ended or self._again or not (run_id := self._missing_winner):
            return None
        self._again = run_id
        [asked] = [each for each in self._study.asked if each.spec.run_id == run_id][:1]
        name = f"{self._node.name}, trial {asked.number}"
        self._runs[run_id] = Run(run_id=run_id, name=name, spec=asked.spec, number=asked.number)
        return self._runs[run_id]

    @property
    def trials(self) -> tuple[Trial, ...]:
        """Without what a stopped search did not start."""
        trials = self._study.trials
        return tuple(t for t in trials if t.state is not State.RUNNING) if self._stopped else trials

    @property
    def why_failed(self) -> str:
        if self._why_none:
            return self._why_none
        failed = [trial for trial in self.trials if trial.state is State.FAILED]
        if not failed:
            return ""
        pruned = len(self.trials) - len(failed)
        others = f" that were not pruned ({pruned} were)" if pruned else ""
        return f"all {len(failed)} trials{others} failed; the first: {failed[0].reason}"

    def result(self) -> StudyResult | None:
        node = self._node
        return StudyResult(
            node=self._planned, name=node.name, row=node.row, phase=node.spec.phase, tasks=node.spec.tasks,
            mlm=node.spec.mlm is not None, seed=node.spec.seed, winner=self.winner, gain=self._study.gain,
            importances=self._mattered(), trials=self.trials,
        )  # fmt: skip

    def _mattered(self) -> Mapping[str, float]:
        if self._importances is not None:
            return self._importances
        found = self._study.importances()
        self._importances = found if self.is_complete else None
        return found

    def _tell(self, run_id: str, record: Record) -> None:
        self._study.judge(run_id, record.dev_curve, record.planned_steps, ended=True)
        self._study.tell(run_id, dev_figure(record), facts_of(record))

    def _prune(self, run_id: str, reason: str) -> None:
        self._store.discard(run_id)
        self._study.prune(run_id, reason)

    def _pruned_before(self, run_id: str) -> str:
        """Why this very study has pruned a run, when the driver was killed before it was told; or empty."""
        noted = self._store.pruned(run_id) if self._study.prunes else None
        return noted.reason if noted and noted.study == self._study.name else ""


def facts_of(record: Record) -> dict[str, float]:
    """What is said of a finished trial beside its figure."""
    return {"seconds": round(sum(record.seconds.values()), 1), "best_step": record.best_step, "steps": record.steps}


def dev_figure(record: Record) -> float | None:
    """The figure that a search maximises: selection on English dev at the best checkpoint; None without training."""
    return next((point.selection for point in record.dev_curve if point.step == record.best_step), None)
