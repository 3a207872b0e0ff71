"""Readers: whoever reads a file of a store, and all that it makes of it, as text."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from benchmarks.chaos import commands
from benchmarks.chaos.commands import command
from benchmarks.chaos.left import sha256, tables
from trainables.data.cache_folder import CACHE_VARIABLE
from trainables.ledger.store import LedgerError, Store


@dataclass(frozen=True, kw_only=True)
class World:
    """A copy of a sweep in a folder, with its own cache or that of the laboratory."""

    folder: Path
    words: list[str]

    @property
    def store(self) -> Path:
        """Its store."""
        return self.folder / "store"

    def use_cache(self) -> None:
        """In a child: the cache of this world, if it has one of its own."""
        if (self.folder / "cache").exists():
            os.environ[CACHE_VARIABLE] = str(self.folder / "cache")


Reader = Callable[[World], str]


def by_run(world: World) -> str:
    """The same command again: what it leaves."""
    return commands.run(world.words, world.store)


def by_report(world: World) -> str:
    """The tables of a report, written elsewhere."""
    return commands.report(world.store)


def by_report_in_place(world: World) -> str:
    """The tables of a report, written over the last one."""
    code = command("report", str(world.store))
    return json.dumps({"code": code, "tables": tables(world.store / "report")})


def by_report_of_sweep(world: World) -> str:
    """The tables of the sweep that was planned last, by its own plan."""
    return commands.report(world.store, "--sweep", Store(world.store).plan().sweep)


def by_openings(world: World) -> str:
    """The tables of a report, which selections stood and which test scores were opened after it."""
    found, store = commands.report(world.store), Store(world.store)
    with contextlib.suppress(LedgerError):
        stood = [(each.target, each.selected, each.runs, each.table) for each in store.receipts()]
        opened = [(each.target, each.selected, each.runs, each.selection) for each in store.openings()]
        return f"{found} {stood} {opened}"
    return f"{found} no list"


def by_check(world: World) -> str:
    """The exit code of `check`."""
    return str(command("check", str(world.store)))


def by_status(world: World) -> str:
    """What `status` says."""
    return _heard("status", "--store", str(world.store))


def by_config(world: World) -> str:
    """What `plan` says of the configuration that the store keeps."""
    return _heard("plan", "--config", str(world.store / "config.yaml"), "--store", str(world.store))


def by_submission(world: World) -> str:
    """The files of a submission."""
    out = world.folder / "submission"
    shutil.rmtree(out, ignore_errors=True)
    code = command("submission", str(world.store), "--out", str(out), "--data", "demo")
    made = sorted(path for path in out.rglob("*") if path.is_file())
    return json.dumps({"code": code, "files": {str(path.relative_to(out)): sha256(path) for path in made}})


def _heard(*words: str) -> str:
    """Exit code and output; without the breaks of lines, which depend on the length of a path."""
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard):
        code = command(*words)
    sys.stdout.write(heard.getvalue())
    return f"{code} {' '.join(heard.getvalue().split())}"
