"""Whether a driver is at work on a store, what it runs, how far that is, and when it was last heard of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from sweep.terminal.wording import duration
from trainables.ledger.alive import Driver, LiveRun
from trainables.ledger.plain import plain

OLD_SECONDS = 60.0
"""A driver that lives notes so twelve times in this time."""


def driver_lines(
    driver: Driver | None, runs: Sequence[LiveRun], *, is_driven: bool, here: str, now: datetime
) -> list[Text]:
    """What there is to say, a line a run. `is_driven` says that the store is locked; `here` is this host.

    A lock on a disk that hosts share may not show on another host: a fresh note of a driver there counts as much.
    """
    if driver is None:
        return [Text("driver: one is at work, of which nothing can be read" if is_driven else "driver: none")]
    name, since, beat = plain(str(driver)), _ago(driver.started, now), _ago(driver.beat, now)
    is_fresh = _is_fresh(driver, now)
    if is_driven or is_alive(driver, here=here, now=now):
        left = driver.left(now)
        ending = (f", about {duration(left)} to go" if left else "") if is_fresh else ": it hangs, or cannot write"
        line = f"driver: {name}, for {since}, last heard of {beat} ago{ending}"
        lines = [Text(line, style="" if is_fresh else "red")]
        return lines + [_line(run, now) for run in runs]
    killed = f"driver: none; the last one ({name}, begun {since} ago) was killed, it was last heard of {beat} ago"
    said = Text(f"{killed}; the same command continues", style="yellow")
    return [said, *(Text(f"  was at {plain(run.name)}, {_place(run)}") for run in runs)]


def is_alive(driver: Driver | None, *, here: str, now: datetime) -> bool:
    """Whether a driver on another host was heard of just now; of one on this host its lock says more."""
    return driver is not None and driver.host != here and _is_fresh(driver, now)


def _is_fresh(driver: Driver, now: datetime) -> bool:
    return (now - driver.beat).total_seconds() < OLD_SECONDS


def _line(run: LiveRun, now: datetime) -> Text:
    where = f" on {plain(run.node)}" if run.node else ""
    share = f" ({run.gpus:.3g} of a GPU)" if 0 < run.gpus < 1 else ""
    since = f", for {_ago(run.started, now)}" if run.started else ""
    return Text(f"  {plain(run.name)}: {_place(run)}{where}{share}{since}, spoke {_ago(run.spoke, now)} ago")


def _place(run: LiveRun) -> str:
    if not run.planned_steps:
        return plain(run.stage)
    speed = f" at {run.steps_per_second:.3g} a second" if run.steps_per_second else ""
    return f"{plain(run.stage)}, {100 * run.fraction:.0f}% ({run.step} of {run.planned_steps} steps{speed})"


def _ago(time: datetime, now: datetime) -> str:
    return duration(max((now - time).total_seconds(), 0.0))
