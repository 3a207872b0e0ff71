"""A run, a space and a made-up objective, for tests of studies."""

from __future__ import annotations

import json
import math
import resource
from contextlib import contextmanager

from sweep.studies.journal import Journal
from sweep.studies.study import Study
from trainables.ledger.space import Choices, Interval
from trainables.ledger.spec import DataRef, EncoderRef, MlmSettings, Optimisation, Phase, RunSpec
from trainables.ledger.states import State

BASE = RunSpec(
    phase=Phase.INTERMEDIATE,
    tasks=("qqp",),
    encoder=EncoderRef(name="bundled:2", revision="r"),
    data=DataRef(source="demo", fingerprint="f"),
    seed=42,
    optimisation=Optimisation(learning_rate=1e-5, epochs=3, batch_sizes={"qqp": 24, "mlm": 8}, max_length=64),
    mlm=MlmSettings(languages=("en",)),
)
RATE = Interval(parameter="learning_rate", low=3e-6, high=3e-5, log=True)
EPOCHS = Interval(parameter="epochs", low=1, high=6)
SPACE = {"learning_rate": RATE, "epochs": EPOCHS}
FEW = {"epochs": Choices(parameter="epochs", choices=(1, 2, 3))}
PEAK = -4.7
"""log10 of the best learning rate; 1e-5 is 0.3 decades below."""


def opener(path, **defaults):
    """Opens studies on one journal, each time as a new driver would."""

    def make(**settings):
        given = {"base": BASE, "space": SPACE, "trials": 8, "startup": 3} | defaults | settings
        return Study(journal=Journal(path), **given)

    return make


def quality(learning_rate):
    """A parabola in the logarithm: 80 at the best learning rate, 10 less a decade away."""
    return 80 - 10 * (math.log10(learning_rate) - PEAK) ** 2


def dev_figure(spec):
    """What a run of these tests reaches."""
    return quality(spec.optimisation.learning_rate)


def ask(study):
    """The spec of the next run; None when there is none."""
    asked = study.ask()
    return asked.spec if asked else None


def told(study):
    """Runs that have ended, with a value or without."""
    return tuple(dict.fromkeys(trial.run_id for trial in study.trials if trial.state is not State.RUNNING))


def run_to_the_end(study, value=dev_figure):
    """Ask and tell until nothing is left; the runs asked for, in order."""
    asked = []
    while (wanted := study.ask()) is not None:
        asked.append(wanted.spec)
        study.tell(wanted.spec.run_id, value(wanted.spec))
    return asked


@contextmanager
def full_disk(path, room=30):
    """For a while a file takes no more than so many bytes; what is written beyond them raises OSError."""
    soft, hard = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (path.stat().st_size + room, hard))
    try:
        yield
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, (soft, hard))


def told_values(path):
    """Trial id -> all values that a journal says it was told."""
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    ends = [(line["trial_id"], line["values"]) for line in lines if line.get("values")]
    return {trial_id: [value for other, [value] in ends if other == trial_id] for trial_id, _ in ends}
