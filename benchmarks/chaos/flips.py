"""Flips, cuts, zeros: every kind of file is damaged, and whoever reads it must notice, mend it, or be right anyway."""

from __future__ import annotations

import random
import shutil
from collections.abc import Iterator
from pathlib import Path

from benchmarks.chaos import commands
from benchmarks.chaos.damage import FLIP, OTHERS, damage
from benchmarks.chaos.forks import Case, each, in_child
from benchmarks.chaos.judge import Reading, judge_damage
from benchmarks.chaos.lab import Lab, Sweep, own
from benchmarks.chaos.outcomes import Outcome, Tried
from benchmarks.chaos.surfaces import Surface, World, surfaces


def flips(lab: Lab, grid: Sweep, search: Sweep, hours: Sweep, chance: random.Random, scale: float) -> Iterator[Tried]:
    """Damage everything; `scale` of the usual number of times."""
    found = list(surfaces(lab, grid, search, hours))
    controls = each([Case(name=f"{s.name} {s.reader}", work=_control(lab, s)) for s in found], lab.root / "work", lab.workers, lab.until)  # fmt: skip
    expected = {case.name: result for case, result in controls}
    cases = []
    for surface in found:
        name = f"{surface.name} {surface.reader}"
        if expected.get(name) is None:  # there is no such file here, or the time is over
            continue
        faults = [FLIP] * max(1, round(surface.flips * scale))
        faults += [fault for fault in OTHERS for _ in range(round(surface.others * scale))]
        cases += [
            Case(name=f"{name} {fault}", work=_damaging(lab, surface, fault, expected[name], chance.random()))
            for fault in faults
        ]
    chance.shuffle(cases)
    for _, tried in each(cases, lab.root / "work", lab.workers, lab.until):
        yield tried


def _control(lab: Lab, surface: Surface):  # type: ignore[no-untyped-def]
    """What is read where nothing is damaged; None where there is no such file."""

    def work(folder: Path) -> str | None:
        world = surface.open(lab, folder)
        if not _files(surface, world):
            return None
        ended = in_child(lambda: _read(surface, world))
        if ended.code:
            raise RuntimeError(ended.words[-4000:])
        return str(ended.value)

    return work


def _damaging(lab: Lab, surface: Surface, fault: str, expected: str, seed: float):  # type: ignore[no-untyped-def]
    def work(folder: Path) -> Tried:
        chance = random.Random(seed)
        world = surface.open(lab, folder)
        path = chance.choice(_files(surface, world))
        own(path)
        kept = folder / "kept"
        shutil.copy2(path, kept)
        place = damage(path, fault, chance, keep_times=surface.keeps_times)
        read = _reading(surface, world)
        again = None
        if read.result != expected:
            again = _remedied(surface, world, read, path, kept)
        outcome = judge_damage(expected, read, surface.names(path), again)
        text = f"{path.relative_to(folder)} {place}"
        if outcome not in (Outcome.HARMLESS, Outcome.REPAIRED):
            said = f"{read.words[-3000:]}\nread: {read.result}\nexpected: {expected}\nagain: {again}"
            text += f": {said if outcome is not Outcome.NOTICED else read.words[-600:]}"
        return Tried(section="flips", fault=fault, kind=f"{surface.name} ({surface.reader})", outcome=outcome, text=text)

    return work


def _files(surface: Surface, world: World) -> list[Path]:
    found = {path for pattern in surface.files for path in world.folder.glob(pattern) if path.stat().st_size}
    return sorted(found)


def _read(surface: Surface, world: World) -> str:
    world.use_cache()
    return surface.read(world)


def _reading(surface: Surface, world: World) -> Reading:
    before = set(commands.asides(world.folder))
    ended = in_child(lambda: _read(surface, world))
    aside = tuple(name for name in commands.asides(world.folder) if name not in before)
    return Reading(result=ended.value, words=ended.words, aside=aside)


def _remedied(surface: Surface, world: World, read: Reading, path: Path, kept: Path) -> Reading:
    """What is read after everything was done that the messages say."""
    flat = "".join(read.words.split())
    if "putthemback" in flat or "Putthemback" in flat:
        shutil.copy2(kept, path)

    def work() -> None:
        world.use_cache()
        commands.remedied(world.words, world.store, read.words)

    in_child(work)
    return _reading(surface, world)
