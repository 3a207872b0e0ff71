"""The laboratory: reference sweeps that nothing disturbed, and copies of them to be damaged."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path

import psutil

from benchmarks.chaos import commands
from benchmarks.chaos.forks import Case, each, in_child
from benchmarks.chaos.left import left
from trainables.data.cache_folder import CACHE_VARIABLE
from trainables.ledger.plan import Node, Plan
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store

BIG_BYTES = 1_000_000
"""Larger files are shared by copies of a folder; whoever damages one makes it its own first."""
NEEDED_BYTES = 8e9
MEMORY = Path("/dev/shm")


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """A finished sweep that is never touched: its words, store, plan, and what it left."""

    words: list[str]
    store: Path
    plan: Plan
    reference: dict[str, str] = field(repr=False)
    tables: dict[str, str] = field(repr=False)

    def node(self, ending: str) -> Node:
        """The node whose name without its seed ends so."""
        [found] = [node for node in self.plan.nodes.values() if node.name.split(" #")[0] == ending]
        return found

    @property
    def parents(self) -> list[str]:
        """Ids of intermediate runs."""
        return [node.run_id for node in self.plan.nodes.values() if node.spec.phase is Phase.INTERMEDIATE]


@dataclass(frozen=True, kw_only=True)
class Lab:
    """A folder with a cache, the reference sweeps, and room for copies."""

    root: Path
    workers: int
    until: float

    @property
    def cache(self) -> Path:
        """The cache folder of everything that does not damage one."""
        return self.root / "cache"

    def prepare(self) -> None:
        """Use the cache of the laboratory from here on, with the encoder of the user's, if there is one."""
        os.environ[CACHE_VARIABLE] = str(self.cache)
        self.cache.mkdir(parents=True)
        in_child(_fill_cache)

    def sweep(self, name: str, words: list[str]) -> Sweep:
        """Compute a sweep, and find that it computes the same again elsewhere; raises RuntimeError otherwise."""
        made = {}
        for _, (store, result, said) in each(
            [Case(name=f"{name} {copy}", work=_computing(self.root / f"{name}-{copy}", words)) for copy in "ab"],
            self.root / "work", self.workers, float("inf"),
        ):  # fmt: skip
            made[store] = json.loads(result or "{}")
            if made[store].get("code") != 0:
                raise RuntimeError(f"the sweep {name} did not end well:\n{said[-4000:]}")
        first, second = made.values()
        if first != second:
            raise RuntimeError(f"two undisturbed sweeps {name} differ, so nothing can be compared")
        store, other = made
        shutil.rmtree(other)
        left(store)  # so that children need not read again what they share with it
        return Sweep(
            words=words, store=store, plan=Store(store).plan(), reference=first["left"], tables=first["tables"]
        )


def room() -> Path:
    """Where the laboratory is best: in memory, if there is enough of it, since nothing here outlives the process."""
    memory = psutil.virtual_memory().available
    roomy = MEMORY.is_dir() and min(memory / 2, shutil.disk_usage(MEMORY).free) > NEEDED_BYTES
    return MEMORY if roomy else Path(os.environ.get("TMPDIR", "/tmp"))


def clone(folder: Path, to: Path) -> Path:
    """A copy of a folder; big files are the same file."""

    def copy(source: str, target: str) -> None:
        if Path(source).stat().st_size > BIG_BYTES:
            os.link(source, target)
        else:
            shutil.copy2(source, target)

    shutil.copytree(folder, to, copy_function=copy, ignore=shutil.ignore_patterns("*.lock", "ray"))
    return to


def own(path: Path) -> None:
    """Make a file that others may share one's own."""
    if path.stat().st_nlink > 1:
        temporary = path.with_name("own")
        shutil.copy2(path, temporary)
        temporary.replace(path)


def _computing(store: Path, words: list[str]) -> Callable[[Path], tuple[Path, str | None, str]]:
    def work(folder: Path) -> tuple[Path, str | None, str]:
        ended = in_child(lambda: commands.run(words, store), seconds=1200)
        return store, ended.value, ended.words

    return work


def _fill_cache() -> None:
    from trainables.data.hub import demo_folder
    from trainables.model.bundled import bundled_folder

    demo_folder()
    bundled_folder()
