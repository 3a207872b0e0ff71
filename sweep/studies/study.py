"""One Optuna study for each searched run: asked for settings, told dev figures, kept in a journal on disk.

A trial is a run like any other; only its learning rate, epochs and so on are Optuna's. Trial 0 is the configured run.
Ray's own `OptunaSearch` cannot serve runs with different metrics, so Optuna is driven by ask and tell.
"""

from __future__ import annotations

import dataclasses
import hashlib
import json
import math
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from types import MappingProxyType
from typing import Any

import optuna
from optuna import Trial as OptunaTrial
from optuna.importance import PedAnovaImportanceEvaluator, get_param_importances
from optuna.trial import FrozenTrial, TrialState

from sweep.studies.errors import StudyError
from sweep.studies.journal import Journal
from sweep.studies.rungs import Verdict, figures, make_pruner, verdict
from sweep.studies.samplers import distribution, make_sampler, quiet, seed, suggest
from trainables.ledger.nearest import unknown
from trainables.ledger.record import DevPoint
from trainables.ledger.space import Range, assign, assigned
from trainables.ledger.spec import RunSpec
from trainables.ledger.states import State
from trainables.ledger.studies import Trial

_RUN_ID, _REASON = "run_id", "reason"
_AGAIN = "again"
"""Mark of trials that earlier versions added for those that had failed; they stand in the place of the first."""
_FEWEST_FOR_IMPORTANCES = 4
_UPPER_HALF = 0.5
"""Importance is for reaching the better half: of a dozen trials, Optuna's upper tenth would be a single one."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Best:
    """The run that a study found best, and its dev figure."""

    run_id: str
    value: float


@dataclasses.dataclass(frozen=True, kw_only=True)
class Asked:
    """A run that a study wants, and the number of the trial."""

    spec: RunSpec
    number: int


class Study:
    """The search for the best setting of one run, by the English dev figure of its own task (protocol.md 2.6).

    A trial that was told cannot be untold in Optuna. So a failure that may pass (a full disk, a lost worker) is not
    told: the trial counts as failed until the driver ends, and another Study on the same journal asks for it again.

    The journal is the truth: another Study on the same journal goes on where this one was, with the same trials. The
    sampler of trial n is seeded from the study's name and n, so trials depend on what was told before, not on when
    a driver was restarted.

    Attributes:
        base: the configured run, with its parent; trial 0.
        name: by which the ledger knows the study: the id of the base run, and a hash of space and sampler.
        title: of the study in the journal, for people: what is searched, and the name; the name alone in journals of
            earlier versions.
    """

    def __init__(
        self,
        *,
        journal: Journal,
        base: RunSpec,
        space: Mapping[str, Range],
        trials: int,
        sampler: str = "tpe",
        startup: int = 5,
        parallel: int = 0,
        pruning: str = "off",
        label: str = "",
        figure: str = "",
        facts: Mapping[str, str] = MappingProxyType({}),
    ) -> None:
        """Open the study, or create it; opening one that exists writes nothing.

        Args:
            journal: shared by the studies of a sweep.
            base: the configured run; raises ValueError when it lies outside the space.
            space: parameter -> what is drawn for it; not empty.
            trials: how many to draw; those that repeat an earlier run count.
            sampler: short name, a key of `SAMPLERS`, that can draw from the space (`check_sampler`).
            startup: trials drawn at random before the sampler models anything, trial 0 included.
            parallel: most runs handed out and not told yet; 0 is no limit.
            pruning: one of `PRUNERS`; may be another when a study is opened again.
            label: name of the run for people; decides nothing.
            figure: what is searched for, in words; decides nothing.
            facts: what else is said of a study that is created, for programs that show the journal.

        Raises StudyError for a study of this name with other trials.
        """
        if base.optimisation is None or not space or trials < 1:
            raise ValueError(f"nothing to search: {trials} trials over {', '.join(space) or 'no parameter'}")
        self.base = base
        self._optimisation = base.optimisation
        self._space = dict(space)
        self._configured = assigned(base.optimisation, space)
        self._budget, self._sampler, self._startup, self._parallel = trials, sampler, startup, parallel
        self._pruning, self._pruner = pruning, make_pruner(pruning, startup=startup, trials=trials)
        self._journal = journal
        self._out: set[str] = set()
        self._given_up: dict[str, str] = {}
        self.name = f"{base.run_id}-{_digest({'space': _plain(space), 'sampler': sampler})[:8]}"
        self.title = f"{label} ({self.name})" if label else self.name
        self._open(figure, facts)

    def ask(self) -> Asked | None:
        """The next run; None when all trials are drawn, or as many are out as may be.

        Runs that a killed driver left come first, so that they go on from their checkpoints. A trial that repeats the
        run of an earlier one is told what that one was told, and the next is drawn.
        """
        while not self._parallel or len(self._out) < self._parallel:
            for trial in self._running():
                run_id = self._completed(trial)
                if run_id in self._out or run_id in self._given_up:
                    continue
                if not self._told_like_an_earlier(trial.number, run_id):
                    self._out.add(run_id)
                    return Asked(spec=self._spec(self._frozen()[trial.number].params), number=trial.number)
            if not self._draw():
                break
        return None

    @property
    def prunes(self) -> bool:
        """Whether trials that fall behind are ended early."""
        return self._pruner is not None

    def judge(
        self, run_id: str, curve: Sequence[DevPoint], planned_steps: int, *, ended: bool = False
    ) -> Verdict | None:
        """Note the figures of a run at the rungs that it has reached; the verdict that ends it, if there is one.

        `curve` are its dev evaluations so far, in order; `ended` says that none follows.

        Optuna's pruner decides, once a rung. It is asked about trial 0 and runs that have `ended` too, since Hyperband
        compares with those alone that it was asked about, but they are never pruned. It is not shown to the sampler,
        which would draw each bracket of Hyperband from the few trials of that bracket.
        """
        trial = next((trial for trial in self._running() if trial.user_attrs.get(_RUN_ID) == run_id), None)
        if self._pruner is None or trial is None:
            return None
        for rung, figure in sorted(figures(curve, planned_steps, ended=ended).items()):
            if rung in trial.intermediate_values:
                continue
            self._journal.storage.set_trial_intermediate_value(self._id(trial.number), rung, figure)
            trial = self._frozen()[trial.number]
            if self._pruner.prune(self._study, trial) and not ended and run_id != self.base.run_id:
                return verdict(self._pruning, rung, self.name, self._study, trial)
        return None

    def tell(self, run_id: str, value: float | None, facts: Mapping[str, float] = MappingProxyType({})) -> None:
        """Give a run's dev figure. A trial is told once; what comes later is ignored.

        `facts` are said of the trial beside it, for programs that show the journal. Anything but a finite number is a
        failure. Raises ValueError for a run that was never handed out.
        """
        if value is None or not math.isfinite(value):
            self.fail(run_id, f"no finite dev figure, got {value}", for_good=True)
            return
        for trial in self._untold(run_id):
            for key, fact in facts.items():
                self._journal.storage.set_trial_user_attr(self._id(trial.number), key, fact)
            self._study.tell(trial.number, float(value))

    def fail(self, run_id: str, reason: str, *, for_good: bool) -> None:
        """Note that a run failed: told once, as `tell`, when it would fail again (it diverges), else not told."""
        untold = self._untold(run_id)
        if untold and not for_good:
            self._given_up[run_id] = reason
            return
        for trial in untold:
            self._end(trial.number, State.FAILED, reason)

    def prune(self, run_id: str, reason: str) -> None:
        """Note that a run was ended early; told once, as `tell`."""
        for trial in self._untold(run_id):
            self._end(trial.number, State.PRUNED, reason)

    @property
    def asked(self) -> tuple[Asked, ...]:
        """All trials drawn so far, as they were asked for."""
        return tuple(Asked(spec=self._spec(trial.params), number=trial.number) for trial in self.trials)

    def withdraw(self, run_id: str) -> None:
        """Take back a run that was handed out and has not started; its trial stays drawn."""
        self._out.discard(run_id)

    @property
    def running(self) -> tuple[str, ...]:
        """Runs that this Study handed out and was not told of; those left by a killed driver count once asked for."""
        return tuple(run_id for run_id in _run_ids(self._running()) if run_id in self._out)

    @property
    def is_complete(self) -> bool:
        """Whether all trials are drawn and told, or given up."""
        return self._num_drawn >= self._budget and all(
            trial.state.is_finished() or trial.user_attrs.get(_RUN_ID) in self._given_up for trial in self._frozen()
        )

    @property
    def best(self) -> Best | None:
        """The run with the highest value, the earliest of equals; None while nothing is done."""
        done = [trial for trial in self.trials if trial.value is not None]
        if not done:
            return None
        best = max(done, key=lambda trial: (trial.value, -trial.number))
        assert best.value is not None
        return Best(run_id=best.run_id, value=best.value)

    @property
    def gain(self) -> float | None:
        """How much better than the configured run the best one is; None when either has no value."""
        own = (trial.value for trial in self.trials if trial.run_id == self.base.run_id)
        configured = next((value for value in own if value is not None), None)
        best = self.best
        return None if best is None or configured is None else best.value - configured

    @property
    def trials(self) -> tuple[Trial, ...]:
        """All trials drawn so far, in order."""
        drawn = [(_trial(trial), _AGAIN in trial.user_attrs) for trial in self._frozen() if _RUN_ID in trial.user_attrs]
        again = {trial.run_id: trial for trial, is_again in drawn if is_again}
        return tuple(self._as_it_stands(trial, again) for trial, is_again in drawn if not is_again)

    def importances(self) -> dict[str, float]:
        """Parameter -> share in reaching the better half of the trials, largest first (PED-ANOVA).

        Empty for a single parameter, for fewer than four trials that are done, and when all have the same value.
        """
        values = [trial.value for trial in self.trials if trial.value is not None]
        if len(self._space) < 2 or len(values) < _FEWEST_FOR_IMPORTANCES or len(set(values)) < 2:
            return {}
        with quiet():
            evaluator = PedAnovaImportanceEvaluator(target_quantile=_UPPER_HALF)
            found = get_param_importances(self._study, evaluator=evaluator)
        return dict(sorted(found.items(), key=lambda item: (-item[1], item[0])))

    def _open(self, figure: str, facts: Mapping[str, str]) -> None:
        storage, sampler = self._journal.storage, optuna.samplers.RandomSampler()
        found = [study.study_name for study in storage.get_all_studies()]
        there = [title for title in found if title == self.name or title.endswith(f" ({self.name})")]
        if there:
            self.title = there[0]
        else:
            created = optuna.create_study(storage=storage, study_name=self.title, direction="maximize")
            if figure:
                with quiet():
                    created.set_metric_names([figure])
            for key, fact in facts.items():
                created.set_user_attr(key, fact)
        self._study_id = storage.get_study_id_from_name(self.title)
        self._study = optuna.load_study(storage=storage, study_name=self.title, sampler=sampler)
        own = {name: distribution(range_) for name, range_ in self._space.items()}
        stored = [item for trial in self._frozen() for item in trial.distributions.items()]
        differ = sorted({f"range of {name}" for name, other in stored if other != own.get(name)})
        if self._study.direction is not optuna.study.StudyDirection.MAXIMIZE:
            differ.append("direction")
        if differ:
            raise StudyError(
                f"{self._journal.path} is a journal from another sweep: study {self.name} differs in "
                f"{', '.join(differ)}. Give another --store"
            )

    def _draw(self) -> bool:
        """Draw one more trial, unless all are."""
        found = self._frozen()
        waiting = [trial.number for trial in found if trial.state is TrialState.WAITING]
        if not waiting and self._num_drawn >= self._budget:
            return False
        if not found:
            self._study.enqueue_trial(self._configured)
        with self._seeded(waiting[0] if waiting else len(found)):
            self._fill(self._study.ask())
        return True

    def _completed(self, trial: FrozenTrial) -> str:
        """The run of a trial; one that a driver was killed while drawing gets the values it lacks."""
        if _RUN_ID not in trial.user_attrs:
            with self._seeded(trial.number):
                self._fill(OptunaTrial(self._study, self._id(trial.number)))
        return str(self._frozen()[trial.number].user_attrs[_RUN_ID])

    def _fill(self, trial: OptunaTrial) -> None:
        params = {name: suggest(trial, own) for name, own in self._space.items()}
        trial.set_user_attr(_RUN_ID, self._spec(params).run_id)

    def _told_like_an_earlier(self, number: int, run_id: str) -> bool:
        """Tell a trial that repeats an earlier run what that one was told; whether there is such a run."""
        earlier = next((trial for trial in self.trials if trial.run_id == run_id and trial.number < number), None)
        if not earlier or earlier.state is State.RUNNING:
            return False
        if earlier.value is None:
            self._end(number, earlier.state, earlier.reason)
        else:
            self._study.tell(number, earlier.value)
        return True

    def _as_it_stands(self, trial: Trial, again: Mapping[str, Trial]) -> Trial:
        """A trial with what is known beyond its own telling: it was given up, or tried again by an earlier version."""
        if trial.state is State.RUNNING and trial.run_id in self._given_up:
            reason = self._given_up[trial.run_id]
            return dataclasses.replace(trial, state=State.FAILED, reason=reason, asked_again=True)
        if trial.state is State.FAILED and trial.run_id in again:
            return dataclasses.replace(again[trial.run_id], number=trial.number)
        return trial

    def _untold(self, run_id: str) -> list[FrozenTrial]:
        """Trials of a run that wait for its value; raises ValueError when no trial has that run."""
        self._out.discard(run_id)
        self._given_up.pop(run_id, None)
        if run_id not in _run_ids(self._frozen()):
            raise ValueError(unknown("run", run_id, _run_ids(self._frozen())))
        return [trial for trial in self._running() if trial.user_attrs.get(_RUN_ID) == run_id]

    def _end(self, number: int, state: State, reason: str) -> None:
        """Tell a trial that it failed or is pruned."""
        self._journal.storage.set_trial_user_attr(self._id(number), _REASON, reason)
        self._study.tell(number, state=TrialState.PRUNED if state is State.PRUNED else TrialState.FAIL)

    @property
    def _num_drawn(self) -> int:
        """Trials that count towards the number asked for."""
        return sum(_AGAIN not in trial.user_attrs for trial in self._frozen())

    def _frozen(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False)

    def _running(self) -> list[FrozenTrial]:
        return self._study.get_trials(deepcopy=False, states=(TrialState.RUNNING,))

    def _id(self, number: int) -> int:
        return self._journal.storage.get_trial_id_from_study_id_trial_number(self._study_id, number)

    def _spec(self, params: Mapping[str, Any]) -> RunSpec:
        return dataclasses.replace(self.base, optimisation=assign(self._optimisation, params))

    @contextmanager
    def _seeded(self, number: int) -> Iterator[None]:
        """Draw with the sampler of one trial."""
        plain = self._study.sampler
        with quiet():
            self._study.sampler = make_sampler(self._sampler, seed(self.name, number), self._startup)
            try:
                yield
            finally:
                self._study.sampler = plain


def _trial(trial: FrozenTrial) -> Trial:
    states = {
        TrialState.COMPLETE: State.DONE, TrialState.FAIL: State.FAILED, TrialState.PRUNED: State.PRUNED
    }  # fmt: skip
    state = states.get(trial.state, State.RUNNING)
    return Trial(
        number=trial.number,
        params=dict(trial.params),
        run_id=trial.user_attrs[_RUN_ID],
        state=state,
        value=trial.value if state is State.DONE else None,
        reason=trial.user_attrs.get(_REASON, "") if state in (State.FAILED, State.PRUNED) else "",
    )


def _run_ids(trials: Any) -> tuple[str, ...]:
    return tuple(dict.fromkeys(trial.user_attrs[_RUN_ID] for trial in trials if _RUN_ID in trial.user_attrs))


def _plain(space: Mapping[str, Range]) -> dict[str, Any]:
    return {name: own.to_dict() for name, own in space.items()}


def _digest(values: Mapping[str, Any]) -> str:
    return hashlib.sha256(json.dumps(values, sort_keys=True, separators=(",", ":")).encode()).hexdigest()
