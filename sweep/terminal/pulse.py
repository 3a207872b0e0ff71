"""Whether a driver is at work on a store, what it runs, how far that is, and when it was last heard of."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime

from rich.text import Text

from sweep.terminal.wording import duration
from trainables.ledger.alive import Driver, LiveRun

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
    since, beat = _ago(driver.started, now), _ago(driver.beat, now)
    is_fresh = (now - driver.beat).total_seconds() < OLD_SECONDS
    if is_driven or (is_fresh and driver.host != here):
        warning = "" if is_fresh else ": it hangs, or cannot write"
        lines = [
            Text(f"driver: {driver}, for {since}, last heard of {beat} ago{warning}", style="" if is_fresh else "red")
        ]
        return lines + [_line(run, now) for run in runs]
    killed = f"driver: none; the last one ({driver}, begun {since} ago) was killed, it was last heard of {beat} ago"
    said = Text(f"{killed}; the same command continues", style="yellow")
    return [said, *(Text(f"  was at {run.name}, {_place(run)}") for run in runs)]


def _line(run: LiveRun, now: datetime) -> Text:
    return Text(f"  {run.name}: {_place(run)}{f' on {run.node}' if run.node else ''}, spoke {_ago(run.spoke, now)} ago")


def _place(run: LiveRun) -> str:
    if not run.planned_steps:
        return run.stage
    return f"{run.stage}, {100 * run.step / run.planned_steps:.0f}% ({run.step} of {run.planned_steps} steps)"


def _ago(time: datetime, now: datetime) -> str:
    return duration(max((now - time).total_seconds(), 0.0))
