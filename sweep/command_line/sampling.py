"""Samples of tasks within an allowance of time: as many rows of each as it lets be, the same number of all."""

from __future__ import annotations

import contextlib
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from trainables.data.source import DataError
from trainables.tasks.sample import Sample
from trainables.tasks.task import Split

FEWEST = 32
"""Rows of a task from which on a sample is worth reading."""
START_SECONDS = 8.0
"""What must be left before anything is loaded: torch, the encoder and its tokenizer take so long on a slow machine."""
_CAREFUL = 0.7
"""Part of what is left that reading is planned with; the arithmetic comes after it."""


@dataclass(frozen=True)
class Wanted:
    """Which rows a sample is of."""

    task: str
    split: Split
    languages: tuple[str, ...]


Take = Callable[[Wanted, int], Sample]
"""(what, rows) -> its sample; raises DataError."""


@dataclass(frozen=True, kw_only=True)
class Allowance:
    """Seconds that may be taken since a moment of `time.perf_counter`."""

    seconds: float
    began: float

    @property
    def left(self) -> float:
        """Seconds."""
        return self.seconds - (time.perf_counter() - self.began)


@dataclass(frozen=True, kw_only=True)
class Sampled:
    """Samples, all or none of those that can be had.

    Attributes:
        samples: by what was wanted.
        rows: of each task, at the most; 0 where there are no samples.
        notes: what is missing, and why.
    """

    samples: dict[Wanted, Sample]
    rows: int
    notes: tuple[str, ...] = ()

    def of(self, wanted: Wanted | None) -> Sample | None:
        """The sample of these rows, if there is one."""
        return self.samples.get(wanted) if wanted else None


def sample_all(wanted: Sequence[Wanted], take: Take, rows: int, allowance: Allowance) -> Sampled:
    """Samples of what is wanted, `rows` of each or as many as the time lets be.

    The first is taken twice, with FEWEST rows, to see what one costs. Without time for FEWEST rows of each there is
    none: candidates with a sample could not be put beside those without.
    """
    distinct = list(dict.fromkeys(wanted))
    if not distinct or not rows:
        return Sampled(samples={}, rows=0, notes=() if rows else ("no row was read, as asked",))
    least = min(rows, FEWEST)
    costs = _rehearsed(distinct[0], take, least, allowance)
    if costs is None:
        return Sampled(samples={}, rows=0, notes=(_too_dear(allowance),))
    possible = int(max(allowance.left, 0.0) * _CAREFUL / len(distinct) / costs)
    if possible < least:
        return Sampled(samples={}, rows=0, notes=(_too_dear(allowance),))
    chosen = min(rows, possible)
    samples: dict[Wanted, Sample] = {}
    notes = [f"{chosen} rows of every task were read, not {rows}: more would take too long"] if chosen < rows else []
    for each in distinct:
        if allowance.left <= 0:
            return Sampled(samples={}, rows=0, notes=(_too_dear(allowance),))
        try:
            samples[each] = take(each, chosen)
        except DataError as error:
            notes.append(f"no sample of {each.task}: {error}")
    return Sampled(samples=samples, rows=chosen, notes=tuple(notes))


def _rehearsed(first: Wanted, take: Take, rows: int, allowance: Allowance) -> float | None:
    """Seconds a row takes at the most; None where there is no time to find out.

    What is loaded once (the encoder, its tokenizer) is loaded before the clock starts.
    """
    if allowance.left <= START_SECONDS:
        return None
    seconds = 0.0
    for _ in range(2):
        started = time.perf_counter()
        with contextlib.suppress(DataError):  # said where its sample is taken
            take(first, rows)
        seconds = time.perf_counter() - started
        if allowance.left <= 0:
            return None
    return max(seconds, 1e-6) / rows


def _too_dear(allowance: Allowance) -> str:
    return (
        f"no row was read: samples of all tasks would take longer than the {max(allowance.seconds, 0):.1f} s that such "
        "a small sweep lets an advice take"
    )
