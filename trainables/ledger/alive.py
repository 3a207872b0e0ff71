"""What a driver writes about itself and its runs while it lives; for whoever looks from outside. Decides nothing.

Times are UTC.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any

_MOST = 1e15
"""What is counted here stays below it, steps and seconds alike."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Driver:
    """The process that runs a sweep.

    Attributes:
        host: that it runs on.
        pid: its number there.
        started: when it began.
        beat: when it last said that it lives.
        to_go: seconds that the sweep was expected to take from then; 0 where that is not known.
    """

    host: str
    pid: int
    started: datetime
    beat: datetime
    to_go: float = 0.0

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def left(self, now: datetime) -> float:
        """Seconds that the sweep is expected to take from now; 0 where that is not known, or over.

        A clock that is ahead of this one adds nothing.
        """
        return max(self.to_go - max((now - self.beat).total_seconds(), 0.0), 0.0)

    def to_json(self) -> str:
        """The inverse of `from_json`."""
        return json.dumps(dataclasses.asdict(self) | {"started": _text(self.started), "beat": _text(self.beat)})

    @classmethod
    def from_json(cls, text: str) -> Driver:
        """Read it; raises ValueError, KeyError or TypeError for anything else."""
        fields = json.loads(text)
        times = {name: _time(fields[name]) for name in ("started", "beat")}
        return cls(host=str(fields["host"]), pid=int(fields["pid"]), to_go=_number(fields.get("to_go", 0.0)), **times)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiveRun:
    """A run that a driver has started.

    Attributes:
        run_id: its id.
        name: for people.
        node: host of its worker, once it has spoken.
        stage: what it is at.
        step: of its training.
        planned_steps: of its training; 0 while that is not known.
        spoke: when its worker was last heard of.
        place: which node of the plan it belongs to, in the plan's order; -1 where that is not known.
        started: when this attempt began; none in notes of earlier versions.
        steps_per_second: of its training, since the attempt began to train; 0 while that is not known.
        gpus: share of a GPU that it takes.
    """

    run_id: str
    name: str
    node: str
    stage: str
    step: int
    planned_steps: int
    spoke: datetime
    place: int = -1
    started: datetime | None = None
    steps_per_second: float = 0.0
    gpus: float = 0.0

    @property
    def fraction(self) -> float:
        """Part of its training that is done."""
        return min(self.step / self.planned_steps, 1.0) if self.planned_steps else 0.0


def to_json(runs: Sequence[LiveRun]) -> str:
    """The inverse of `from_json`."""
    return json.dumps([_fields(run) for run in runs], ensure_ascii=False)


def from_json(text: str) -> tuple[LiveRun, ...]:
    """Read them; raises ValueError, KeyError or TypeError for anything else."""
    return tuple(_live_run(fields) for fields in json.loads(text))


def _fields(run: LiveRun) -> dict[str, Any]:
    started = _text(run.started) if run.started else None
    return dataclasses.asdict(run) | {"spoke": _text(run.spoke), "started": started}


def _live_run(fields: dict[str, Any]) -> LiveRun:
    """Of any version: what this one does not know is left out."""
    if not isinstance(fields, dict):
        raise TypeError(f"a live run is an object, not {type(fields).__name__}")
    texts: dict[str, Any] = {name: str(fields[name]) for name in ("run_id", "name", "node", "stage")}
    counts: dict[str, Any] = {name: int(_number(fields[name])) for name in ("step", "planned_steps")}
    return LiveRun(
        **texts,
        **counts,
        spoke=_time(fields["spoke"]),
        place=int(_number(fields.get("place", -1))),
        started=_time(fields["started"]) if fields.get("started") else None,
        steps_per_second=_number(fields.get("steps_per_second", 0.0)),
        gpus=_number(fields.get("gpus", 0.0)),
    )


def _number(value: Any) -> float:
    """A number that means something: neither NaN nor out of all bounds; -1 stands for what is not known."""
    if not isinstance(value, int | float):
        raise TypeError(f"a number is expected, got {type(value).__name__}")
    if not -1 <= value < _MOST:
        raise ValueError(f"a number from -1 to {_MOST:g} is expected, got {value}")
    return float(value)


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
