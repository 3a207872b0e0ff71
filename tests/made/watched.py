"""A sweep that is watched: an executor that says what training is like, and callbacks of a user."""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from ray import tune

from tests.made.executors import killed_once, scores_of
from trainables.ledger.record import DevPoint, Record
from trainables.ledger.spec import RunSpec
from trainables.ledger.store import Store
from trainables.phases.options import Options
from trainables.report import Advanced, Pace

PACE = Pace(loss=0.5, learning_rate=1e-5, steps_per_second=2.0, tokens_per_second=50.0, tokens=400, peak_bytes=10**6)
HEARD = "XSTILTS_TEST_HEARD"
"""Variable that names the file to which `Listening` writes."""


def paced(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Say what training is like, then finish; `bad` runs fail, `killed` ones lose their worker once.

    The record says under which name the process was known while it trained.
    """
    yield Advanced(stage="train", step=4, planned_steps=8, pace=PACE)
    if "bad" in name:
        raise ValueError("labels are missing")
    if "killed" in name:
        yield from killed_once(spec, name, store, options)
        return
    yield Advanced(stage="train", step=8, planned_steps=8, selection=61.5, metrics={"x.accuracy": 60.0}, pace=PACE)
    record = Record(
        run_id=spec.run_id, name=name, spec=spec, scores=scores_of(spec, 60.0), steps=8, planned_steps=8, tokens=400,
        dev_curve=(DevPoint(step=8, selection=61.5, metrics={}),), best_step=8, peak_bytes=10**6,
        notes=(Path("/proc/self/cmdline").read_text().rstrip("\0"),),
    )  # fmt: skip
    store.finish(record)
    yield record


class Broken(tune.Callback):
    """Raises at every result."""

    def on_trial_result(self, *arguments: Any, **named: Any) -> None:
        """Raise."""
        raise RuntimeError("the tracker cannot be reached")


class Listening(tune.Callback):
    """Writes down whom it hears of."""

    def on_trial_result(self, iteration: int, trials: list, trial: Any, result: dict[str, Any], **info: Any) -> None:
        """Note the run, its learning rate and the names of its figures."""
        figures = ",".join(sorted(name for name in result if name.startswith(("dev/", "train/"))))
        with Path(os.environ[HEARD]).open("a") as file:
            file.write(f"{trial}|{trial.config['optimisation.learning_rate']}|{len(trials)}|{figures}\n")


class NoCallback:
    """A class of a user that is something else."""


class NeedsMore(tune.Callback):
    """A callback that cannot be made without arguments."""

    def __init__(self, project: str) -> None:
        self.project = project
