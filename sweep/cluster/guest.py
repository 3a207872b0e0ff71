"""Guest: a callback of Tune that the user has asked for, guarded, and what it sees of the runs."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from typing import Any

from ray import tune
from ray.tune.experiment import Trial
from rich.console import Console

from sweep.cluster.guard import Guarded
from sweep.cluster.parameters import Value, parameters
from trainables.report import Advanced, read

TRAINING_SECONDS = 10.0
"""Reports of training are handed on at most this often for a run: a tracker writes each figure to a database or to the
network while the whole sweep waits, and a worker reports every second."""


class Seen:
    """A trial as guests see it: under the name of its run, with the parameters of the run; else as Tune has it."""

    def __init__(self, trial: Trial) -> None:
        self._trial = trial
        self.config: dict[str, Value] = parameters(trial.config)
        self.evaluated_params = self.config

    def __str__(self) -> str:
        return str(self.config["name"])

    def __getattr__(self, name: str) -> Any:
        return getattr(self._trial, name)


def _passed_on(hook: str) -> Callable[..., None]:
    """A hook that hands on what Tune says."""

    def call(self: Guest, *arguments: Any, **named: Any) -> None:
        getattr(self.inner, hook)(*arguments, **self.shown(named))

    call.__name__ = hook
    call.__doc__ = f"Hand on `{hook}`."
    return call


class Guest(Guarded):
    """Hands what Tune says of the runs to another callback, of which an exception ends no sweep.

    That callback sees trials as `Seen`, and results with the names of `trainables/report.py` among those of Tune. Every
    dev evaluation and every end reaches it, and of the reports between them some.
    """

    def __init__(self, name: str, inner: tune.Callback, console: Console) -> None:
        super().__init__(console)
        self.inner = inner
        self.what = f"the callback {name}"
        self._seen: dict[str, Seen] = {}
        self._next: dict[str, float] = {}

    setup = _passed_on("setup")
    on_step_begin = _passed_on("on_step_begin")
    on_step_end = _passed_on("on_step_end")
    on_trial_start = _passed_on("on_trial_start")
    on_trial_restore = _passed_on("on_trial_restore")
    on_trial_save = _passed_on("on_trial_save")
    on_trial_complete = _passed_on("on_trial_complete")
    on_trial_recover = _passed_on("on_trial_recover")
    on_trial_error = _passed_on("on_trial_error")
    on_checkpoint = _passed_on("on_checkpoint")
    on_experiment_end = _passed_on("on_experiment_end")

    def on_trial_result(
        self, iteration: int, trials: list[Trial], trial: Trial, result: dict[str, Any], **info: Any
    ) -> None:
        """Hand on a report, unless it is one of training soon after another."""
        report, now = read(result), time.monotonic()
        if isinstance(report, Advanced) and report.dev_point is None:
            if now < self._next.get(trial.trial_id, 0.0):
                return
            self._next[trial.trial_id] = now + TRAINING_SECONDS
        own = {name: value for name, value in result.items() if name != "config"}
        named = {"iteration": iteration, "trials": trials, "trial": trial, "result": own, **info}
        self.inner.on_trial_result(**self.shown(named))

    def shown(self, named: Mapping[str, Any]) -> dict[str, Any]:
        """What Tune says, with trials as guests see them."""
        shown = dict(named)
        if "trials" in shown:
            shown["trials"] = [self._of(trial) for trial in shown["trials"]]
        if "trial" in shown:
            shown["trial"] = self._of(shown["trial"])
        return shown

    def _of(self, trial: Trial) -> Seen:
        if trial.trial_id not in self._seen:
            self._seen[trial.trial_id] = Seen(trial)
        return self._seen[trial.trial_id]
