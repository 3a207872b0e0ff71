"""Deaths: whole sweeps under Ray of which a worker, the driver, the raylet or the GCS dies, hangs, or is stopped."""

from __future__ import annotations

import json
import random
import shutil
import signal
import time
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.chaos.forks import Case, each
from benchmarks.chaos.judge import TRACEBACK
from benchmarks.chaos.lab import Lab, Sweep
from benchmarks.chaos.left import left, wrong
from benchmarks.chaos.outcomes import BAD, Outcome, Tried
from benchmarks.chaos.ray_sweep import RaySweep

DEATHS = (
    ("driver", signal.SIGUSR1),
    ("driver", signal.SIGTERM),
    ("driver", signal.SIGINT),
    ("worker", signal.SIGKILL),
    ("raylet", signal.SIGKILL),
    ("GCS", signal.SIGKILL),
    ("driver", signal.SIGKILL),
    ("worker", signal.SIGKILL),
)
"""The signals first: most of the sweep is still to do, so that they find runs at work."""
STOPPED = {signal.SIGINT: 130, signal.SIGTERM: 143, signal.SIGUSR1: 138}
"""Signal -> exit code of a sweep that it has stopped; one that was over already has another."""
HANG_SECONDS = 20


def deaths(lab: Lab, grid: Sweep, chance: random.Random) -> Iterator[Tried]:
    """One death after another in the same store, the same command again, until the sweep is complete."""
    moments = [(part, number, chance.uniform(0, 3)) for part, number in DEATHS]
    case = Case(name="deaths", work=lambda folder: _one_after_another(grid, folder, moments))
    for _, found in each([case], lab.root / "work", 1, lab.until):
        yield from found


def hangs(lab: Lab, grid: Sweep, chance: random.Random) -> Iterator[Tried]:
    """A worker that says nothing any more, and does not die."""
    for _, tried in each([Case(name="hang", work=lambda folder: _hang(grid, folder))], lab.root / "work", 1, lab.until):
        yield tried


def _one_after_another(grid: Sweep, folder: Path, moments: Sequence[tuple[str, signal.Signals, float]]) -> list[Tried]:
    tried: list[Tried] = []
    open_ones: list[Tried] = []
    sweep = RaySweep(words=grid.words, store=folder / "store-0")

    def complete() -> None:
        """Have the sweep end, and compare; what was tried on the way has led to this."""
        code = sweep.start().wait()
        sweep.clean()
        good = code == 0 and left(sweep.store) == grid.reference
        for each_tried in open_ones:
            lost = each_tried.outcome not in BAD and not good
            tried.append(_as(each_tried, Outcome.LOST, sweep.said[-3000:]) if lost else each_tried)
        open_ones.clear()
        shutil.rmtree(sweep.store)

    for number, (part, number_of_signal, seconds) in enumerate(moments):
        sweep.start()
        try:
            if not sweep.wait_for_work():
                sweep.wait()
                complete()
                sweep = RaySweep(words=grid.words, store=folder / f"store-{number + 1}")
                sweep.start().wait_for_work()
            time.sleep(seconds)
            hit = sweep.hit(part, number_of_signal)
            code = sweep.wait()
        finally:
            sweep.clean()
        found = wrong(left(sweep.store), grid.reference)
        stopped = hit and code == STOPPED.get(number_of_signal, code)
        outcome = Outcome.CONTINUED if stopped else Outcome.MISSED
        if found:
            outcome = Outcome.SILENT
        elif code is None or (part == "worker" and code):
            outcome = Outcome.BROKEN  # it hangs, or has not made good the loss of one worker by itself
        elif TRACEBACK in sweep.said:
            outcome = Outcome.TRACEBACK
        name = signal.Signals(number_of_signal).name
        text = f"after {seconds:.1f} s, exit code {code}: {sweep.said[-1500:]}"
        open_ones.append(
            Tried(section="kills", fault=name, kind=f"sweep under Ray, {part}", outcome=outcome, text=text)
        )
    complete()
    return tried


def _hang(grid: Sweep, folder: Path) -> Tried:
    words = [*grid.words, "--set", f"cluster.hang_seconds={HANG_SECONDS}"]
    sweep = RaySweep(words=words, store=folder / "store").start()
    try:
        hit = sweep.wait_for_work() and sweep.hit("worker", signal.SIGSTOP)
        code = sweep.wait()
    finally:
        sweep.clean()
    notes = [note for path in sweep.store.glob("runs/*/record.json") for note in json.loads(path.read_text())["notes"]]
    told = [note for note in notes if f"{HANG_SECONDS} s" in note]
    outcome = Outcome.LOST
    if left(sweep.store) == grid.reference and code == 0:
        outcome = Outcome.MISSED if not hit else Outcome.CONTINUED if told else Outcome.SILENT
    text = f"exit code {code}; {told}; {sweep.said[-2000:]}"
    return Tried(section="hangs", fault="SIGSTOP", kind="worker under Ray", outcome=outcome, text=text)


def _as(tried: Tried, outcome: Outcome, more: str) -> Tried:
    return Tried(section=tried.section, fault=tried.fault, kind=tried.kind, outcome=outcome, text=tried.text + more)
