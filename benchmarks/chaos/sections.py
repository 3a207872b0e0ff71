"""The sections: kills, flips, disks, input and hangs, one after another in one laboratory."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.chaos import commands
from benchmarks.chaos.deaths import deaths, hangs
from benchmarks.chaos.disks import disks
from benchmarks.chaos.flips import flips
from benchmarks.chaos.hostile import hostile
from benchmarks.chaos.kills import kills
from benchmarks.chaos.lab import Lab
from benchmarks.chaos.outcomes import Tried

SECTIONS = ("kills", "flips", "disks", "input", "hangs")


def try_all(
    folder: Path, sections: Sequence[str], chance: random.Random, *, until: float, workers: int, scale: float
) -> Iterator[Tried]:
    """Everything of these sections, `scale` of the usual number of times; nothing new begins after `until`."""
    lab = Lab(root=folder, workers=workers, until=until)
    lab.prepare()
    if "input" in sections:
        yield from hostile(lab)
    if {*sections} == {"input"}:
        return
    grid = lab.sweep("grid", commands.GRID)
    hours = lab.sweep("hours", commands.HOURS)
    if "hangs" in sections:
        yield from hangs(lab, grid, chance)
    if "kills" in sections:
        yield from deaths(lab, grid, chance)
    if "disks" in sections:
        yield from disks(lab, grid, hours, chance, scale)
    if {"kills", "flips"} & {*sections}:
        search = lab.sweep("search", commands.SEARCH)
        if "kills" in sections:
            yield from kills(lab, grid, search, chance, scale)
        if "flips" in sections:
            yield from flips(lab, grid, search, hours, chance, scale)
