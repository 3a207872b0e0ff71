"""The sections: kills, flips, disks, input and hangs, one after another in one laboratory."""

from __future__ import annotations

import random
from collections.abc import Iterator, Sequence
from pathlib import Path

from benchmarks.chaos import commands
from benchmarks.chaos.flips import flips
from benchmarks.chaos.kills import kills
from benchmarks.chaos.lab import Lab
from benchmarks.chaos.outcomes import Tried

SECTIONS = ("kills", "flips", "disks", "input", "hangs")


def try_all(
    folder: Path, sections: Sequence[str], chance: random.Random, *, until: float, workers: int
) -> Iterator[Tried]:
    """Everything of these sections; nothing new begins after `until`."""
    lab = Lab(root=folder, workers=workers, until=until)
    lab.prepare()
    grid = lab.sweep("grid", commands.GRID)
    search = lab.sweep("search", commands.SEARCH)
    if "kills" in sections:
        yield from kills(lab, grid, search, chance, float(__import__("os").environ.get("SCALE","1")))
    if "flips" in sections:
        hours = lab.sweep("hours", commands.HOURS)
        yield from flips(lab, grid, search, hours, chance, float(__import__("os").environ.get("SCALE", "1")))
