"""Kills: a process that dies at the n-th thing it does to the disk, for every n, or at any moment."""

from __future__ import annotations

import contextlib
import dataclasses
import itertools
import json
import os
import random
import shutil
import signal
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

from benchmarks.chaos import commands
from benchmarks.chaos.forks import Case, each, in_child
from benchmarks.chaos.judge import Reading, judge_stop
from benchmarks.chaos.lab import Lab, Sweep, clone
from benchmarks.chaos.left import left, wrong
from benchmarks.chaos.outcomes import Outcome, Tried
from sweep.command_line.arguments import XSTILTS, parse
from sweep.command_line.compute import run_options
from sweep.command_line.configuration import configure
from trainables.data.cache_folder import CACHE_VARIABLE
from trainables.ledger.plan import Node
from trainables.ledger.store import Store
from trainables.phases.options import Options
from trainables.phases.run import run_to_end

CHANGES = ("os.rename", "os.remove", "os.rmdir", "os.mkdir", "os.truncate", "os.link", "os.symlink")
"""Audit events of what changes a folder; files that are opened for writing are another one."""
FLUSH = "flush"


@dataclass(frozen=True, kw_only=True)
class Subject:
    """Something that is killed.

    Attributes:
        prepare: makes its folders in the folder of a case.
        work: is killed; done again it gives the result.
        points: most places at which it is killed.
        moments: how often it is killed at any moment.
    """

    name: str
    prepare: Callable[[Path], object]
    work: Callable[[Path], str]
    reference: dict[str, str]
    points: int
    moments: int = 0


def kills(lab: Lab, grid: Sweep, search: Sweep, chance: random.Random, scale: float) -> Iterator[Tried]:
    """Kill everything that writes; `scale` of the usual number of times."""
    for subject in subjects(lab, grid, search):
        measuring = Case(name=subject.name, work=partial(_measured, subject))
        for _, (events, seconds, expected) in list(each([measuring], lab.root / "work", 1, lab.until)):
            cases = [_at(subject, place, label, expected) for place, label in _chosen(events, subject.points * scale)]
            cases += [
                _after(subject, chance.uniform(0.02, seconds), expected)
                for _ in range(round(subject.moments * scale))
            ]  # fmt: skip
            for _, tried in each(cases, lab.root / "work", lab.workers, lab.until):
                yield tried


def subjects(lab: Lab, grid: Sweep, search: Sweep) -> Iterator[Subject]:
    """Runs of every phase, the caches, and commands whole."""
    options = dataclasses.replace(options_of(grid.words, grid), checkpoint_seconds=0.0, checkpoint_share=1.0)
    for name, ending, points, moments in (
        ("target run", "none -> xnli", 32, 8),
        ("retrieval run", "qqp -> tatoeba", 16, 2),
        ("intermediate run", "qqp", 22, 4),
    ):
        node = grid.node(ending)
        yield Subject(
            name=name,
            prepare=lambda folder, node=node: _without(grid, folder, node),  # type: ignore[misc]
            work=lambda folder, node=node: computed(node, folder / "store", options),  # type: ignore[misc]
            reference=grid.reference,
            points=points,
            moments=moments,
        )
    node = grid.node("none -> tatoeba")
    for name, lacking, points in (
        ("tokens, demo corpus", ("tokens", "demo-*", "*digests.json"), 10),
        ("encoder cache", ("encoders",), 4),
    ):
        yield Subject(
            name=name,
            prepare=lambda folder, lacking=lacking: _with_cache(lab, grid, folder, node, lacking),  # type: ignore[misc]
            work=lambda folder: _with_own_cache(folder, lambda: computed(node, folder / "store", options)),
            reference=grid.reference,
            points=points,
        )
    yield Subject(
        name="`run` of a finished sweep",
        prepare=lambda folder: clone(grid.store, folder / "store"),
        work=lambda folder: commands.run(grid.words, folder / "store"),
        reference=grid.reference,
        points=20,
    )
    yield Subject(
        name="searched and raced sweep",
        prepare=lambda folder: None,
        work=lambda folder: commands.run(search.words, folder / "store"),
        reference=search.reference,
        points=6,
        moments=3,
    )


def options_of(words: list[str], sweep: Sweep) -> Options:
    """How the runs of a sweep are computed."""
    return run_options(configure(parse(["run", *words, "--store", str(sweep.store)], XSTILTS)), sweep.plan)


def computed(node: Node, store: Path, options: Options) -> str:
    """The run, unless it is finished; what the store then holds of it."""
    opened = Store(store)
    if not opened.is_finished(node.run_id):
        run_to_end(node.spec, node.name, opened, options)
    return json.dumps({name: each for name, each in left(store).items() if name.startswith(node.run_id)})


def _measured(subject: Subject, folder: Path) -> tuple[list[str], float, str]:
    """What the work does to the disk when nothing disturbs it, how long it takes, and its result."""
    subject.prepare(folder)
    began = time.monotonic()

    def work() -> tuple[list[str], str]:
        events: list[str] = []
        watch(folder, events.append)
        result = subject.work(folder)
        return list(events), result

    ended = in_child(work)
    if ended.code:
        raise RuntimeError(ended.words[-4000:])
    return ended.value[0], time.monotonic() - began, ended.value[1]


def _chosen(events: list[str], most: float) -> Iterator[tuple[int, str]]:
    """Places spread evenly over all of them, counted from 1, with what happens there."""
    number = min(len(events), max(1, round(most)))
    for place in sorted({round(i * (len(events) - 1) / max(number - 1, 1)) for i in range(number)}):
        yield place + 1, events[place]


def _at(subject: Subject, place: int, label: str, expected: str) -> Case:
    def work(folder: Path) -> Tried:
        events = itertools.count(1)

        def die(event: str) -> None:
            if next(events) == place:
                os.kill(os.getpid(), signal.SIGKILL)

        def killed() -> str:
            watch(folder, die)
            return subject.work(folder)

        return _judged(subject, folder, killed, None, expected, "killed at a write", f"{place}: {label}")

    return Case(name=f"{subject.name} killed at {place}", work=work)


def _after(subject: Subject, seconds: float, expected: str) -> Case:
    def work(folder: Path) -> Tried:
        return _judged(
            subject, folder, lambda: subject.work(folder), seconds, expected, "killed at any moment", f"{seconds:.2f} s"
        )

    return Case(name=f"{subject.name} killed after {seconds:.2f} s", work=work)


def _judged(
    subject: Subject, folder: Path, killed: Callable[[], str], seconds: float | None, expected: str, fault: str,
    place: str,
) -> Tried:  # fmt: skip
    subject.prepare(folder)
    first = in_child(killed, kill_after=seconds)
    found = wrong(left(folder / "store"), subject.reference)
    again = in_child(lambda: subject.work(folder))
    outcome = judge_stop(expected, found, Reading(result=again.value, words=again.words))
    if outcome is Outcome.CONTINUED and first.code != -signal.SIGKILL:
        outcome = Outcome.MISSED
    text = f"{place}; {found or ''} {again.words[-2000:] if again.value != expected else ''}"
    return Tried(section="kills", fault=fault, kind=subject.name, outcome=outcome, text=text.strip())


def watch(folder: Path, tell: Callable[[str], Any]) -> None:
    """Tell of everything that this process does below a folder from now on; it cannot be undone."""
    below = str(folder)

    def hook(event: str, arguments: tuple[Any, ...]) -> None:
        if event == "open":
            path, _, flags = arguments
            if isinstance(flags, int) and flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT) and below in str(path):
                tell(f"open {Path(str(path)).name}")
        elif event in CHANGES:
            names = [str(each) for each in arguments if isinstance(each, str | os.PathLike)]
            # removing a tree names its files within their folder
            if any(below in name or not name.startswith("/") for name in names):
                tell(f"{event} {Path(names[0]).name}")

    flush = os.fsync

    def fsync(descriptor: int) -> None:
        with contextlib.suppress(OSError):
            tell(f"{FLUSH} {Path(f'/proc/self/fd/{descriptor}').readlink().name}")
        flush(descriptor)

    sys.addaudithook(hook)
    os.fsync = fsync  # type: ignore[assignment]


def _without(grid: Sweep, folder: Path, node: Node) -> None:
    """A store that holds the parents of a run alone."""
    for parent in node.parents:
        clone(grid.store / "runs" / parent, folder / "store" / "runs" / parent)
    (folder / "store" / "runs").mkdir(parents=True, exist_ok=True)


def _with_cache(lab: Lab, grid: Sweep, folder: Path, node: Node, lacking: tuple[str, ...]) -> None:
    _without(grid, folder, node)
    clone(lab.cache, folder / "cache")
    for pattern in lacking:
        for path in (folder / "cache").glob(pattern):
            shutil.rmtree(path) if path.is_dir() else path.unlink()


def _with_own_cache(folder: Path, work: Callable[[], str]) -> str:
    os.environ[CACHE_VARIABLE] = str(folder / "cache")
    return work()
