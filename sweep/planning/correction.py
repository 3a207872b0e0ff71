"""Correction of estimates by what was measured: logarithms of ratios, each kind of run shrunk toward all.

The model is a tree of normals. All runs on a machine share a factor by which the formula is off there; runs of one kind
(a phase and a kind of task, with or without MLM) differ from that, runs of the same task and encoder from their kind,
and single runs from these. What was measured gives every level its mean and its variance; where nothing was measured a
level takes that of the one above. So one finished run moves all estimates a little and those of its own task a lot.
"""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Hashable, Iterable, Sequence
from dataclasses import dataclass
from statistics import NormalDist

KIND_SD = 0.25
"""Of kinds around the machine's factor, as a logarithm: assumed."""
TASK_SD = 0.2
"""Of tasks around their kind: assumed."""
RUN_SD = 0.15
"""Of single runs around their task before any spread is seen."""
_RUN_WEIGHT = 4.0
"""Runs that the assumed spread of single runs counts as."""
COVERED = 0.8
"""Of the runs, how many are expected within an interval."""
_LEAST = 0.5
"""Runs; less is what rounding leaves of none."""
_Normal = tuple[float, float]
"""Mean and variance."""
_Z = NormalDist().inv_cdf(0.5 + COVERED / 2)
INTERVAL_WIDTH = 2 * _Z
"""Of an interval, in standard deviations."""


@dataclass(frozen=True, kw_only=True)
class Key:
    """What a measurement is of: its kind, and within it the task."""

    kind: Hashable
    task: Hashable


@dataclass(frozen=True, kw_only=True)
class Sample:
    """`count` runs of one key whose estimates were off by about the same: mean of the logarithms of measured /
    estimated, and the sum of their squared deviations from it.
    """

    key: Key
    log_ratio: float
    count: float = 1.0
    squares: float = 0.0


@dataclass(frozen=True, kw_only=True)
class Factor:
    """By what an estimate is to be multiplied: the median, and the ends of the interval that holds `COVERED`."""

    log: float
    sd: float

    @property
    def median(self) -> float:
        """The factor itself."""
        return math.exp(self.log)

    @property
    def low(self) -> float:
        """Lower end."""
        return math.exp(self.log - _Z * self.sd)

    @property
    def high(self) -> float:
        """Upper end."""
        return math.exp(self.log + _Z * self.sd)


@dataclass(kw_only=True)
class _Mean:
    """Of the samples of one task."""

    count: float = 0.0
    total: float = 0.0
    squares: float = 0.0

    def take(self, sample: Sample, sign: float = 1.0) -> None:
        """Add a sample, or take it out again."""
        self.count += sign * sample.count
        self.total += sign * sample.count * sample.log_ratio
        self.squares += sign * (sample.squares + sample.count * sample.log_ratio**2)

    @property
    def is_there(self) -> bool:
        """Whether any run is left in it."""
        return self.count > _LEAST

    @property
    def mean(self) -> float:
        """Of the logarithms."""
        return self.total / self.count

    @property
    def deviation(self) -> float:
        """Sum of squares around the mean."""
        return max(self.squares - self.total**2 / self.count, 0.0)


class Correction:
    """Factors for estimates, from samples. `prior_sd` is by how much the formula alone may be off on a machine.

    Raises ValueError for one that is not above 0.
    """

    def __init__(self, samples: Iterable[Sample] = (), *, prior_sd: float) -> None:
        if not prior_sd > 0:
            raise ValueError(f"prior_sd must be above 0, got {prior_sd!r}")
        self._prior_sd = prior_sd
        self._tasks: defaultdict[Hashable, dict[Hashable, _Mean]] = defaultdict(dict)
        self._found: dict[Key, Factor] = {}
        self.count = 0.0
        for sample in samples:
            self.add(sample)

    def add(self, sample: Sample) -> None:
        """Learn from a sample."""
        self._tasks[sample.key.kind].setdefault(sample.key.task, _Mean()).take(sample)
        self.count += sample.count
        self._found.clear()

    def factor(self, key: Key, without: Sample | None = None) -> Factor:
        """The factor for a run of this key; `without` a sample that was added, as if it had not been."""
        if without is None:
            if key not in self._found:
                self._found[key] = self._factor(key)
            return self._found[key]
        mean = self._tasks[without.key.kind][without.key.task]
        mean.take(without, -1.0)
        try:
            return self._factor(key)
        finally:
            mean.take(without)

    def _factor(self, key: Key) -> Factor:
        noise = self._noise()
        others = [self._of_kind(kind, noise) for kind in self._tasks if kind != key.kind]
        machine = _joined([(0.0, self._prior_sd**2), *(_wider(each, KIND_SD) for each in others if each)])
        alike = self._of_kind(key.kind, noise, but=key.task)
        kind = _joined([_wider(machine, KIND_SD), *([alike] if alike else [])])
        own = self._tasks.get(key.kind, {}).get(key.task)
        seen = [(own.mean, noise / own.count)] if own and own.is_there else []
        log, variance = _joined([_wider(kind, TASK_SD), *seen])
        return Factor(log=log, sd=math.sqrt(variance + noise))

    def _of_kind(self, kind: Hashable, noise: float, but: Hashable = None) -> _Normal | None:
        """What the tasks of a kind say of it, but for one; None where none was measured."""
        tasks = self._tasks.get(kind, {})
        found = [
            (each.mean, noise / each.count + TASK_SD**2)
            for task, each in tasks.items() if each.is_there and task != but
        ]  # fmt: skip
        return _joined(found) if found else None

    def _noise(self) -> float:
        """Variance of single runs around their task."""
        means = [mean for tasks in self._tasks.values() for mean in tasks.values() if mean.is_there]
        degrees = sum(mean.count - 1 for mean in means)
        return (_RUN_WEIGHT * RUN_SD**2 + sum(mean.deviation for mean in means)) / (_RUN_WEIGHT + degrees)


def _joined(estimates: Sequence[_Normal]) -> _Normal:
    """What independent estimates say together."""
    weight = sum(1 / variance for _, variance in estimates)
    return sum(mean / variance for mean, variance in estimates) / weight, 1 / weight


def _wider(estimate: _Normal, sd: float) -> _Normal:
    """The estimate of one level, as it stands for a member of it."""
    return estimate[0], estimate[1] + sd**2
