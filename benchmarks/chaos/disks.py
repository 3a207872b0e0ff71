"""Full disks: small file systems that fill up at any place, and get room again."""

from __future__ import annotations

import ctypes
import json
import os
import random
import sys
from collections.abc import Callable, Iterator
from functools import partial
from pathlib import Path

from benchmarks.chaos import commands
from benchmarks.chaos.forks import Case, each, in_child
from benchmarks.chaos.judge import Reading, judge_full
from benchmarks.chaos.lab import Lab, Sweep, clone
from benchmarks.chaos.left import left, wrong
from benchmarks.chaos.outcomes import Tried
from benchmarks.chaos.ray_sweep import RaySweep
from trainables.data.cache_folder import CACHE_VARIABLE

KILO = 1024
ROOMY = "size=4g"
_NEW_MOUNTS, _PRIVATE, _RECURSIVE, _REMOUNT = 0x20000, 1 << 18, 1 << 14, 32


def disks(lab: Lab, grid: Sweep, hours: Sweep, chance: random.Random, scale: float) -> Iterator[Tried]:
    """Fill the disk of the store, the report, the cache and the files of TensorBoard; none where mounts are refused."""
    if in_child(lambda: mount(lab.root, "size=64k")).code:
        return
    parent = [*commands.BASE, "--intermediates", "qqp", "--mlm", "off", "--targets", "tatoeba"]
    filled: list[tuple[str, int, Callable[..., Tried]]] = []
    for _ in range(round(12 * scale)):  # from the first file of the ledger to the last checkpoint
        filled.append(("store", round(KILO * 4 ** chance.uniform(1, 8)), partial(_store, hours)))
    for _ in range(round(3 * scale)):
        size = round(KILO * KILO * chance.uniform(1, 450))
        filled.append(("store with encoders", size, partial(_store, grid, words=parent)))
    filled += [("report", size * KILO, partial(_report, hours)) for size in (4, 12)]
    filled += [("cache", size * KILO, partial(_cache, lab, hours)) for size in (8, 1500, 3200, 3400)]
    filled.append(("TensorBoard under Ray", 64 * KILO, partial(_tensorboard, hours)))
    cases = [Case(name=f"{kind} of {size:,} bytes", work=partial(work, size=size)) for kind, size, work in filled]
    for _, tried in each(cases, lab.root / "work", lab.workers, lab.until):
        yield tried


def mount(folder: Path, options: str) -> None:
    """Mount a file system in memory that no other process sees, and which goes with this one; raises OSError."""
    system = ctypes.CDLL(None, use_errno=True)

    def called(code: int) -> None:
        if code:
            raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))

    called(system.unshare(_NEW_MOUNTS))
    called(system.mount(b"none", b"/", None, _RECURSIVE | _PRIVATE, None))
    folder.mkdir(parents=True, exist_ok=True)
    called(system.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", 0, options.encode()))


def remount(folder: Path, options: str) -> None:
    """Change the size of what was mounted; raises OSError."""
    system = ctypes.CDLL(None, use_errno=True)
    if system.mount(b"tmpfs", os.fsencode(folder), b"tmpfs", _REMOUNT, options.encode()):
        raise OSError(ctypes.get_errno(), os.strerror(ctypes.get_errno()), str(folder))


def _store(sweep: Sweep, folder: Path, size: int, words: list[str] | None = None) -> Tried:
    store = folder / "disk" / "store"
    mount(folder / "disk", f"size={size}")

    def work() -> str:
        code = commands.command("run", *(words or sweep.words), "--store", str(store))
        return f"{code} {wrong(left(store), sweep.reference)}"

    kind = "store with encoders" if words else "store"
    return _judged(kind, folder / "disk", size, work, "0 None", store, sweep)


def _report(sweep: Sweep, folder: Path, size: int) -> Tried:
    clone(sweep.store, folder / "store")
    mount(folder / "store" / "report", f"size={size}")
    expected = json.dumps({"code": 0, "left": sweep.reference, "tables": sweep.tables}, sort_keys=True)
    return _judged(
        "report", folder / "store" / "report", size, lambda: commands.run(sweep.words, folder / "store"), expected,
        folder / "store", sweep,
    )  # fmt: skip


def _cache(lab: Lab, sweep: Sweep, folder: Path, size: int) -> Tried:
    cache, store = folder / "cache", folder / "store"
    mount(cache, f"size={size}")
    (cache / "encoders").symlink_to(lab.cache / "encoders")

    def work() -> str:
        os.environ[CACHE_VARIABLE] = str(cache)
        return commands.run(sweep.words, store)

    expected = json.dumps({"code": 0, "left": sweep.reference, "tables": sweep.tables}, sort_keys=True)
    return _judged("cache", cache, size, work, expected, store, sweep)


def _tensorboard(sweep: Sweep, folder: Path, size: int) -> Tried:
    results, store = folder / "results", folder / "store"
    mount(results, f"size={size}")
    words = [*sweep.words, "--set", f"cluster.results={results}"]

    def work() -> str:
        driver = RaySweep(words=words, store=store).start()
        try:
            driver.wait()
        finally:
            driver.clean()
        sys.stdout.write(driver.said)
        return json.dumps(left(store), sort_keys=True)

    expected = json.dumps(sweep.reference, sort_keys=True)
    return _judged("TensorBoard under Ray", results, size, work, expected, store, sweep)


def _judged(
    kind: str, disk: Path, size: int, work: Callable[[], str], expected: str, store: Path, sweep: Sweep
) -> Tried:
    first = in_child(work)
    found = wrong(left(store), sweep.reference)
    remount(disk, ROOMY)
    again = in_child(work)
    outcome = judge_full(
        expected,
        Reading(result=first.value, words=first.words),
        found,
        Reading(result=again.value, words=again.words),
    )
    text = f"{size:,} bytes: {first.words[-1500:]}"
    return Tried(section="disks", fault="full, then roomy", kind=kind, outcome=outcome, text=text)
