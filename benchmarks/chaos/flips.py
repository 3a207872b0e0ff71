"""Flips, cuts, zeros: every kind of file is damaged, and whoever reads it must notice, mend it, or be right anyway."""

from __future__ import annotations

import random
import shutil
from collections.abc import Callable, Iterator
from pathlib import Path

from benchmarks.chaos import commands
from benchmarks.chaos.damage import FLIP, GONE, OTHERS, damage
from benchmarks.chaos.forks import Case, each, in_child
from benchmarks.chaos.judge import Reading, judge_damage
from benchmarks.chaos.lab import Lab, Sweep, own
from benchmarks.chaos.outcomes import BAD, Outcome, Tried
from benchmarks.chaos.readers import World
from benchmarks.chaos.surfaces import Surface, surfaces


def flips(lab: Lab, grid: Sweep, search: Sweep, hours: Sweep, chance: random.Random, scale: float) -> Iterator[Tried]:
    """Damage everything; `scale` of the usual number of times."""
    found = {f"{surface.name} ({surface.reader})": surface for surface in surfaces(lab, grid, search, hours)}
    controls = [Case(name=name, work=_control(lab, surface)) for name, surface in found.items()]
    expected = {case.name: read for case, read in each(controls, lab.root / "work", lab.workers, lab.until) if read}
    cases = []
    for name in expected:
        surface = found[name]
        faults = [FLIP] * max(1, round(surface.flips * scale))
        # a note that is gone is one that was never written: it decides nothing, and nobody can miss it
        others = [fault for fault in OTHERS if not (surface.is_note and fault == GONE)]
        faults += chance.sample(others, min(round(surface.others * scale), len(others)))
        cases += [
            Case(name=name, work=_damaging(lab, surface, fault, expected[name], chance.random())) for fault in faults
        ]
    chance.shuffle(cases)
    for _, tried in each(cases, lab.root / "work", lab.workers, lab.until):
        yield tried


def _control(lab: Lab, surface: Surface) -> Callable[[Path], tuple[str, str] | None]:
    """What is read where nothing is damaged, and after the remedy; None where there is no such file."""

    def work(folder: Path) -> tuple[str, str] | None:
        world = surface.open(lab, folder)
        if not _files(surface, world):
            return None
        read = _reading(surface, world)
        if read.result is None:
            raise RuntimeError(read.words[-4000:])
        after = _remedied(surface, world, read) if surface.is_note else read
        return read.result, after.result or ""

    return work


def _damaging(
    lab: Lab, surface: Surface, fault: str, expected: tuple[str, str], seed: float
) -> Callable[[Path], Tried]:
    def work(folder: Path) -> Tried:
        chance = random.Random(seed)
        world = surface.open(lab, folder)
        path = chance.choice(_files(surface, world))
        own(path)
        kept = folder / "kept"
        shutil.copy2(path, kept)
        place = damage(path, fault, chance, keep_times=surface.keeps_times)
        read = again = _reading(surface, world)
        if read.result != expected[0]:
            if any(back in "".join(read.words.split()).lower() for back in ("putthemback", "putitback")):
                shutil.copy2(kept, path)
            again = _remedied(surface, world, read)
        outcome = judge_damage(expected[0], read, surface.names(path), again, expected[1])
        text = f"{path.relative_to(folder)} {place}"
        if outcome in BAD:
            text += f": {read.words[-3000:]}\nread: {read.result}\nexpected: {expected}\nagain: {again}"
        elif outcome is Outcome.NOTICED:
            text += f": {read.words[-600:]}"
        return Tried(
            section="flips", fault=fault, kind=f"{surface.name} ({surface.reader})", outcome=outcome, text=text
        )

    return work


def _files(surface: Surface, world: World) -> list[Path]:
    return sorted(path for path in world.folder.glob(surface.files) if path.is_file() and path.stat().st_size)


def _reading(surface: Surface, world: World) -> Reading:
    before = set(commands.asides(world.folder))

    def read() -> str:
        world.use_cache()
        return surface.read(world).replace(str(world.folder), "WORLD")

    ended = in_child(read)
    aside = tuple(name for name in commands.asides(world.folder) if name not in before)
    return Reading(result=ended.value, words=ended.words, aside=aside)


def _remedied(surface: Surface, world: World, read: Reading) -> Reading:
    """What is read after everything was done that the messages say."""

    def work() -> None:
        world.use_cache()
        commands.remedied(world.words, world.store, read.words)

    in_child(work)
    return _reading(surface, world)
