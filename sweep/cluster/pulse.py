"""Pulse: which runs live, how far each is, and when it was last heard of. Pure state, no Ray, no clock of its own.

Times are seconds of any one clock.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from trainables.ledger.alive import LiveRun
from trainables.report import Advanced, Finished, read

TRAINING = "train"
STARTING = "start"


@dataclass(kw_only=True)
class Beating:
    """A live run. `ends` is set once its worker is being ended for its silence; `trained` is when and where it began to
    train.
    """

    name: str
    spoke: float
    started: float
    place: int = -1
    gpus: float = 0.0
    trained: tuple[float, int] | None = None
    node: str = ""
    stage: str = STARTING
    step: int = 0
    planned_steps: int = 0
    ends: bool = False

    @property
    def steps_per_second(self) -> float:
        """Of its training, since it began to train; dev evaluations count as time."""
        if not self.trained or self.spoke <= self.trained[0]:
            return 0.0
        return (self.step - self.trained[1]) / (self.spoke - self.trained[0])


@dataclass(kw_only=True)
class Pulse:
    """The live runs of a sweep.

    Attributes:
        hang_seconds: longest silence of a run before its worker counts as hung.
        runs: by their ids.
        hung: how often the worker of a run was ended for its silence.
        was_training: runs that were stopped in the middle of their training.
    """

    hang_seconds: float
    runs: dict[str, Beating] = field(default_factory=dict)
    hung: Counter[str] = field(default_factory=Counter)

    def start(self, run_id: str, name: str, now: float, *, place: int = -1, gpus: float = 0.0) -> None:
        """A worker has taken a run, of a place in the plan; until its first word it counts as heard of now."""
        self.runs[run_id] = Beating(name=name, spoke=now, started=now, place=place, gpus=gpus)

    def hear(self, run_id: str, result: dict[str, Any], now: float) -> None:
        """A worker has spoken of a run."""
        if (run := self.runs.get(run_id)) is None:
            return
        run.spoke, run.node = now, str(result.get("hostname", ""))
        report = read(result)
        if isinstance(report, Advanced | Finished):
            run.step, run.planned_steps = report.step, report.planned_steps
        if isinstance(report, Advanced):
            run.stage = report.stage
            if report.stage == TRAINING and not run.trained:
                run.trained = now, report.step

    def end(self, run_id: str) -> None:
        """A run has ended, or its worker was lost."""
        self.runs.pop(run_id, None)

    def excuse(self, seconds: float, now: float) -> None:
        """Nobody has listened for so long, which is no silence of the runs."""
        for run in self.runs.values():
            run.spoke = min(run.spoke + seconds, now)

    def silent(self, now: float) -> list[str]:
        """Runs that have just been silent for too long; each is named once."""
        found = [run_id for run_id, run in self.runs.items() if not run.ends and now - run.spoke > self.hang_seconds]
        for run_id in found:
            self.runs[run_id].ends = True
            self.hung[run_id] += 1
        return found

    def live(self, now: float) -> list[LiveRun]:
        """What others may read of it."""
        clock = datetime.now(UTC)

        def at(time: float) -> datetime:
            return clock - timedelta(seconds=now - time)

        return [
            LiveRun(
                run_id=run_id,
                name=run.name,
                node=run.node,
                stage=run.stage,
                step=run.step,
                planned_steps=run.planned_steps,
                spoke=at(run.spoke),
                place=run.place,
                started=at(run.started),
                steps_per_second=run.steps_per_second,
                gpus=run.gpus,
            )
            for run_id, run in self.runs.items()
        ]


@dataclass(kw_only=True)
class Halt:
    """The end of a sweep that was told to stop: every run ends at its next word; those that train leave a checkpoint.

    `begin` is told at the start of a step of Tune, so that within a step the searcher and what stops runs agree: a
    worker whose run is stopped is let go of only if the searcher has nothing more, else it is kept for the next run.

    Attributes:
        asked: whether the sweep was told to stop.
        is_computed: whether a worker is still at a run.
        begun: whether runs are being stopped.
        resting: runs that were stopped while they trained.
    """

    asked: Callable[[], bool]
    is_computed: Callable[[str], bool]
    begun: bool = False
    resting: set[str] = field(default_factory=set)

    def begin(self) -> None:
        """Stop runs from now on, if the sweep was told to stop."""
        self.begun = self.begun or self.asked()

    def rests(self, pulse: Pulse) -> bool:
        """Whether every run that trained has left what it had; others have nothing to leave."""
        if any(run.stage == TRAINING for run in pulse.runs.values()):
            return False
        return not any(self.is_computed(run_id) for run_id in self.resting)
