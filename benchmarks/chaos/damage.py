"""Damage: what disks, copies and power cuts do to a file."""

from __future__ import annotations

import os
import random
from collections.abc import Callable
from pathlib import Path

PAGE = 4096
FLIP, GONE = "one bit", "gone"


def damage(path: Path, fault: str, chance: random.Random, *, keep_times: bool = False) -> str:
    """Do it to a file that has no other name; returns the place. Half of the time, or always, its times stay."""
    times = path.stat()
    place = FAULTS[fault](path, chance)
    if path.exists() and (keep_times or chance.random() < 0.5):
        os.utime(path, ns=(times.st_atime_ns, times.st_mtime_ns))
    return place


def _flip(path: Path, chance: random.Random) -> str:
    return _flip_bits(path, chance, 1)


def _flip_ten(path: Path, chance: random.Random) -> str:
    return _flip_bits(path, chance, 10)


def _flip_bits(path: Path, chance: random.Random, number: int) -> str:
    places = sorted({chance.randrange(8 * path.stat().st_size) for _ in range(number)})
    with path.open("r+b") as file:
        for place in places:
            file.seek(place // 8)
            [byte] = file.read(1)
            file.seek(place // 8)
            file.write(bytes([byte ^ 1 << place % 8]))
    return f"bit {places[0] % 8} of byte {places[0] // 8:,}" + (" and others" if number > 1 else "")


def _zero(path: Path, chance: random.Random) -> str:
    size = path.stat().st_size
    first = chance.randrange(0, size, PAGE)
    with path.open("r+b") as file:
        file.seek(first)
        file.write(bytes(min(PAGE, size - first)))
    return f"from byte {first:,}"


def _cut(path: Path, chance: random.Random) -> str:
    place = chance.randrange(1, path.stat().st_size)
    os.truncate(path, place)
    return f"at byte {place:,}"


def _tear(path: Path, chance: random.Random) -> str:
    size = path.stat().st_size
    place = chance.randrange(1, size)
    os.truncate(path, place)
    os.truncate(path, size)
    return f"zeros from byte {place:,}"


def _empty(path: Path, chance: random.Random) -> str:
    os.truncate(path, 0)
    return "all of it"


def _remove(path: Path, chance: random.Random) -> str:
    path.unlink()
    return "all of it"


FAULTS: dict[str, Callable[[Path, random.Random], str]] = {
    FLIP: _flip,
    "ten bits": _flip_ten,
    "a page of zeros": _zero,
    "cut": _cut,
    "torn": _tear,
    "emptied": _empty,
    GONE: _remove,
}
OTHERS = tuple(fault for fault in FAULTS if fault != FLIP)
