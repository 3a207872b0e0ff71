"""What a worker tells the driver: how far its run is, that it failed and why, or that it has finished.

Tune carries a report as a flat dictionary among entries of its own; nothing outside this module knows the keys.
TensorBoard shows `figures` under the names they have there.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from statistics import fmean
from typing import Any

from trainables.ledger.record import DevPoint, Record

_STAGE, _FAILED, _FINISHED, _RUN_ID = "stage", "failed", "finished", "run_id"
_DIVERGED, _NEEDS_MORE = "diverged", "needs_more_memory"
_STEP, _PLANNED, _SELECTION, _DEV = "step", "planned_steps", "selection", "dev/"
_TOKENS, _PEAK, _SELECTED = "tokens", "peak_bytes", "selected"
_LOSS, _RATE = "train/loss", "train/learning_rate"
_STEPS_A_SECOND, _TOKENS_A_SECOND = "train/steps_per_second", "train/tokens_per_second"
_OF_TASK = "train/{}.loss"
_DONE, _TUNE_STEP = "done", "timesteps_total"
"""Keys that Tune itself reads: the run is over; the number of its step."""


@dataclass(frozen=True, kw_only=True)
class Pace:
    """What training was like since the last time it was asked, for half a second or longer.

    Attributes:
        loss: mean over the updates since then; of a mixture over all tasks as they were drawn.
        losses: of a mixture, the same by task.
        learning_rate: of the last update.
        steps_per_second: updates, while it trained.
        tokens_per_second: sub-words, while it trained.
        tokens: sub-words since the run began.
        peak_bytes: most memory that the run has held so far, on its GPU or, without one, of its process.
    """

    loss: float
    losses: Mapping[str, float] = field(default_factory=dict)
    learning_rate: float
    steps_per_second: float
    tokens_per_second: float
    tokens: int = 0
    peak_bytes: int = 0

    def to_result(self) -> dict[str, Any]:
        """The entries that Tune carries."""
        own = {_LOSS: self.loss, _RATE: self.learning_rate, _TOKENS: self.tokens, _PEAK: self.peak_bytes}
        speed = {_STEPS_A_SECOND: self.steps_per_second, _TOKENS_A_SECOND: self.tokens_per_second}
        return own | speed | {_OF_TASK.format(task): loss for task, loss in self.losses.items()}

    @classmethod
    def of(cls, result: Mapping[str, Any]) -> Pace | None:
        """The pace among the entries that Tune carries; None where the run did not train."""
        if _LOSS not in result:
            return None
        before, after = _OF_TASK.split("{}")
        return cls(
            loss=result[_LOSS],
            losses={
                name.removeprefix(before).removesuffix(after): value
                for name, value in result.items()
                if name.startswith(before) and name.endswith(after)
            },
            learning_rate=result[_RATE],
            steps_per_second=result[_STEPS_A_SECOND],
            tokens_per_second=result[_TOKENS_A_SECOND],
            tokens=result[_TOKENS],
            peak_bytes=result[_PEAK],
        )


@dataclass(frozen=True, kw_only=True)
class Advanced:
    """Where a run stands. `selection` and `metrics` are those of the dev evaluation that was just made, if any.

    `pace` is there while it trains.
    """

    stage: str
    step: int = 0
    planned_steps: int = 0
    selection: float | None = None
    metrics: Mapping[str, float] = field(default_factory=dict)
    pace: Pace | None = None

    @property
    def dev_point(self) -> DevPoint | None:
        """The dev evaluation that was just made."""
        if self.selection is None:
            return None
        return DevPoint(step=self.step, selection=self.selection, metrics=self.metrics)

    def to_result(self) -> dict[str, Any]:
        """The entries that Tune carries; `read` is the inverse."""
        result: dict[str, Any] = {_STAGE: self.stage} | _steps(self.step, self.planned_steps)
        if self.pace:
            result |= self.pace.to_result()
        if self.selection is not None:
            result[_SELECTION] = self.selection
        return result | {f"{_DEV}{name}": value for name, value in self.metrics.items()}


@dataclass(frozen=True, kw_only=True)
class Failed:
    """A run has failed, and another attempt at once would fail too; at any time, if it `diverged`.

    One that `needs_more` memory of its GPU, although its passes are of one row, can be tried again with a larger share.
    """

    reason: str
    diverged: bool = False
    needs_more: bool = False

    def to_result(self) -> dict[str, Any]:
        """The entries that Tune carries; `read` is the inverse."""
        return {_FAILED: self.reason, _DIVERGED: self.diverged, _NEEDS_MORE: self.needs_more}


@dataclass(frozen=True, kw_only=True)
class Finished:
    """A run has its record. `scores` are by `split/task/metric`, each the mean over the languages.

    What is reported is seen while the sweep runs, by Tune and on TensorBoard: scores that are closed until a selection
    stands are not among them. `selected` is the selection figure at the best checkpoint of a run that trained.
    """

    run_id: str
    step: int = 0
    planned_steps: int = 0
    tokens: int = 0
    peak_bytes: int = 0
    selected: float | None = None
    scores: Mapping[str, float] = field(default_factory=dict)

    @classmethod
    def of(cls, record: Record, is_open: Callable[[str, str], bool]) -> Finished:
        """The last report of a run; `is_open` says of a task and a split whether its scores may be seen."""
        values: defaultdict[str, list[float]] = defaultdict(list)
        for score in filter(lambda score: is_open(score.task, score.split), record.scores):
            values[f"{score.split}/{score.task}/{score.metric}"].append(score.value)
        return cls(
            run_id=record.run_id,
            step=record.steps,
            planned_steps=record.planned_steps,
            tokens=record.tokens,
            peak_bytes=record.peak_bytes,
            selected=next((point.selection for point in record.dev_curve if point.step == record.best_step), None),
            scores={name: fmean(found) for name, found in values.items()},
        )

    def to_result(self) -> dict[str, Any]:
        """The entries that Tune carries; `read` is the inverse."""
        own: dict[str, Any] = {_FINISHED: True, _DONE: True, _RUN_ID: self.run_id}
        own |= {_TOKENS: self.tokens, _PEAK: self.peak_bytes}
        if self.selected is not None:
            own[_SELECTED] = self.selected
        return own | _steps(self.step, self.planned_steps) | dict(self.scores)


def read(result: Mapping[str, Any]) -> Advanced | Failed | Finished | None:
    """The report among the entries that Tune carries, other entries ignored; None where a worker reported nothing."""
    if _FAILED in result:
        return Failed(
            reason=result[_FAILED],
            diverged=bool(result.get(_DIVERGED)),
            needs_more=bool(result.get(_NEEDS_MORE)),
        )
    steps = {"step": result.get(_STEP, 0), "planned_steps": result.get(_PLANNED, 0)}
    if result.get(_FINISHED):
        return Finished(
            run_id=result.get(_RUN_ID, ""),
            tokens=result.get(_TOKENS, 0),
            peak_bytes=result.get(_PEAK, 0),
            selected=result.get(_SELECTED),
            scores={name: value for name, value in result.items() if name.count("/") == 2},
            **steps,
        )
    if _STAGE in result:
        metrics = {name.removeprefix(_DEV): value for name, value in result.items() if name.startswith(_DEV)}
        selection = result.get(_SELECTION)
        return Advanced(stage=result[_STAGE], selection=selection, metrics=metrics, pace=Pace.of(result), **steps)
    return None


def figures(result: Mapping[str, Any]) -> dict[str, float]:
    """The numbers to draw over the steps by their names, those of Tune included."""
    return {
        name: value
        for name, value in result.items()
        if isinstance(value, int | float) and not isinstance(value, bool) and name != _TUNE_STEP
    }


def _steps(step: int, planned: int) -> dict[str, Any]:
    return {_STEP: step, _PLANNED: planned, _TUNE_STEP: step}
