"""What a driver writes about itself and its runs while it lives; for whoever looks from outside. Decides nothing.

Times are UTC.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Sequence
from datetime import UTC, datetime
from typing import Any


@dataclasses.dataclass(frozen=True, kw_only=True)
class Driver:
    """The process that runs a sweep; `beat` is when it last said so."""

    host: str
    pid: int
    started: datetime
    beat: datetime

    def __str__(self) -> str:
        return f"process {self.pid} on {self.host}"

    def to_json(self) -> str:
        """The inverse of `from_json`."""
        return json.dumps(dataclasses.asdict(self) | {"started": _text(self.started), "beat": _text(self.beat)})

    @classmethod
    def from_json(cls, text: str) -> Driver:
        """Read it; raises ValueError, KeyError or TypeError for anything else."""
        fields = json.loads(text)
        times = {name: _time(fields[name]) for name in ("started", "beat")}
        return cls(host=str(fields["host"]), pid=int(fields["pid"]), **times)


@dataclasses.dataclass(frozen=True, kw_only=True)
class LiveRun:
    """A run that a driver has started; `spoke` is when its worker was last heard of."""

    run_id: str
    name: str
    node: str
    stage: str
    step: int
    planned_steps: int
    spoke: datetime


def to_json(runs: Sequence[LiveRun]) -> str:
    """The inverse of `from_json`."""
    return json.dumps([dataclasses.asdict(run) | {"spoke": _text(run.spoke)} for run in runs], ensure_ascii=False)


def from_json(text: str) -> tuple[LiveRun, ...]:
    """Read them; raises ValueError, KeyError or TypeError for anything else."""
    return tuple(_live_run(fields) for fields in json.loads(text))


def _live_run(fields: dict[str, Any]) -> LiveRun:
    return LiveRun(**fields | {"spoke": _time(fields["spoke"])})


def _text(time: datetime) -> str:
    return time.astimezone(UTC).isoformat(timespec="milliseconds")


def _time(text: str) -> datetime:
    found = datetime.fromisoformat(text)
    return found if found.tzinfo else found.replace(tzinfo=UTC)
