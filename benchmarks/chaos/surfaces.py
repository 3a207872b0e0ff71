"""Surfaces: every kind of file that can be damaged, and who reads it."""

from __future__ import annotations

import contextlib
import io
import json
import os
import shutil
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.chaos import commands
from benchmarks.chaos.commands import command
from benchmarks.chaos.forks import in_child
from benchmarks.chaos.kills import options_of
from benchmarks.chaos.lab import Lab, Sweep, clone
from benchmarks.chaos.left import sha256, tables
from trainables.data.cache_folder import CACHE_VARIABLE
from trainables.ledger.record import DevPoint, Pruned
from trainables.ledger.store import Store
from trainables.phases.run import run


@dataclass(frozen=True, kw_only=True)
class World:
    """A copy of a sweep in a folder, with its own cache or that of the laboratory."""

    folder: Path
    words: list[str]

    @property
    def store(self) -> Path:
        """Its store."""
        return self.folder / "store"

    def again(self) -> str:
        """The same command again, with the cache of this world: what it leaves."""
        self.use_cache()
        return commands.run(self.words, self.store)

    def use_cache(self) -> None:
        """In a child: the cache of this world, if it has one of its own."""
        if (self.folder / "cache").exists():
            os.environ[CACHE_VARIABLE] = str(self.folder / "cache")


Reader = Callable[[World], str]


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A kind of file.

    Attributes:
        base: the sweep that is copied.
        files: patterns below the folder of the copy.
        read: all that a reader makes of it, as text.
        prepare: what is done to the copy before.
        flips: how many bits are flipped, one after another.
        others: how often every other fault is tried.
        own_cache: whether the copy has a cache of its own.
        keeps_times: damage never shows in the times of the file.
        words: besides the names of run and file, what a message may call it.
    """

    name: str
    reader: str
    base: Sweep
    files: tuple[str, ...]
    read: Reader
    prepare: Callable[[World], None] = lambda world: None
    flips: int = 10
    others: int = 1
    own_cache: bool = False
    keeps_times: bool = False
    words: tuple[str, ...] = ()

    def open(self, lab: Lab, folder: Path) -> World:
        """A copy to be damaged."""
        clone(self.base.store, folder / "store")
        if self.own_cache:
            clone(lab.cache, folder / "cache")
        world = World(folder=folder, words=self.base.words)
        self.prepare(world)
        return world

    def names(self, path: Path) -> tuple[str, ...]:
        """Words one of which a message about a file must have."""
        runs = [part for part in path.parts if part in self.base.plan.nodes]
        return (*runs, path.name, *self.words)


def surfaces(lab: Lab, grid: Sweep, search: Sweep, hours: Sweep) -> Iterator[Surface]:
    """All of them."""
    yield from _of_runs(grid)
    yield from _of_the_ledger(grid, search, hours)
    yield from _notes(grid)
    yield from _checkpoint(grid)
    yield from _caches(lab, hours)
    yield from _data(lab)


def _of_runs(grid: Sweep) -> Iterator[Surface]:
    leaves = [node.run_id for node in grid.plan.nodes.values() if node.run_id not in grid.parents]
    child = grid.node("qqp -> tatoeba").run_id
    of_parent = f"store/runs/{grid.node('qqp').run_id}"
    records = tuple(f"store/runs/{run_id}/record.json" for run_id in leaves)
    predictions = tuple(f"store/runs/{run_id}/predictions/*" for run_id in leaves)
    yield Surface(name="record", reader="report", base=grid, files=records, read=read_report, flips=24)
    yield Surface(name="record", reader="check", base=grid, files=records, read=read_check)
    parent = {"base": grid, "prepare": without(child), "read": World.again}
    yield Surface(name="record of a parent", reader="run", files=(f"{of_parent}/record.json",), **parent)
    yield Surface(name="encoder's weights", reader="run", files=(f"{of_parent}/encoder/model.safetensors",), **parent)
    yield Surface(name="encoder's config.json", reader="run", files=(f"{of_parent}/encoder/config.json",), **parent)
    yield Surface(name="encoder", reader="check", base=grid, files=(f"{of_parent}/encoder/*",), read=read_check)
    yield Surface(name="predictions", reader="check", base=grid, files=predictions, read=read_check, flips=16)
    yield Surface(name="predictions", reader="submission", base=grid, files=predictions, read=read_submission)
    yield Surface(name="report", reader="report", base=grid, files=("store/report/*",), read=read_report_in_place)


def _of_the_ledger(grid: Sweep, search: Sweep, hours: Sweep) -> Iterator[Surface]:
    plan, plans = ("store/plan.json",), ("store/plans/*.json",)
    yield Surface(name="plan.json", reader="status", base=grid, files=plan, read=read_status, flips=16)
    yield Surface(name="plan.json", reader="run", base=hours, files=plan, read=World.again)
    yield Surface(name="plans/*.json", reader="report", base=grid, files=plans, read=read_report_of_sweep)
    for file, base in (("search.json", search), ("race.json", search), ("search_budget.json", hours), ("studies.journal", hours)):  # fmt: skip
        yield Surface(name=file, reader="run", base=base, files=(f"store/{file}",), read=World.again)
    for file in ("search.json", "race.json"):
        yield Surface(name=file, reader="report", base=search, files=(f"store/{file}",), read=read_report)
    yield Surface(name="studies.journal", reader="run", base=hours, files=("store/studies.journal",), read=World.again, prepare=_without_one_trial)  # fmt: skip
    yield Surface(name="openings.json", reader="report", base=grid, files=("store/openings.json",), read=read_openings)
    yield Surface(name="config.yaml", reader="plan", base=hours, files=("store/config.yaml",), read=read_config, flips=16)  # fmt: skip


def _notes(grid: Sweep) -> Iterator[Surface]:
    run_id = grid.node("none -> xnli").run_id

    def failed(world: World) -> None:
        without(run_id)(world)
        Store(world.store).fail(run_id, "none -> xnli #42", "ValueError: the labels of 3 rows are missing", diverged=True)

    def pruned(world: World) -> None:
        without(run_id)(world)
        Store(world.store).prune(Pruned(
            run_id=run_id, name="none -> xnli #42", spec=grid.plan.nodes[run_id].spec, study="study",
            dev_curve=(DevPoint(step=2, selection=31.25, metrics={"xnli.accuracy": 31.25}),), planned_steps=4,
            fraction=0.5, figure=31.25, pruner="median", median=37.5, reason="pruned at 50 %", pruned_at="2026-01-01T00:00:00+00:00",
        ))  # fmt: skip

    def damaged(world: World) -> None:
        [path] = (world.store / "runs" / run_id / "predictions").glob("*")
        os.truncate(path, 100)
        in_child(lambda: command("check", str(world.store)))

    def read_pruned(world: World) -> str:
        return str(Store(world.store).pruned(run_id))

    folder = f"store/runs/{run_id}"
    yield Surface(name="failure.json", reader="status", base=grid, files=(f"{folder}/failure.json",), read=read_status, prepare=failed)  # fmt: skip
    yield Surface(name="pruned.json", reader="search", base=grid, files=(f"{folder}/pruned.json",), read=read_pruned, prepare=pruned)  # fmt: skip
    yield Surface(name="damage.json", reader="status", base=grid, files=(f"{folder}/damage.json",), read=read_status, prepare=damaged)  # fmt: skip


def _checkpoint(grid: Sweep) -> Iterator[Surface]:
    node = grid.node("none -> xnli")
    options = replace(options_of(grid.words, grid), checkpoint_seconds=0.0)

    def interrupted(world: World) -> None:
        def begin() -> None:
            without(node.run_id)(world)
            for item in run(node.spec, node.name, Store(world.store), options):
                if getattr(item, "selection", None) is not None:
                    os._exit(0)  # as a killed worker leaves it

        in_child(begin)

    file = f"store/runs/{node.run_id}/.work/checkpoint.safetensors"
    yield Surface(name="checkpoint", reader="run", base=grid, files=(file,), read=World.again, prepare=interrupted, flips=16)  # fmt: skip


def _caches(lab: Lab, hours: Sweep) -> Iterator[Surface]:
    run_id = hours.plan.nodes[next(iter(hours.plan.nodes))].run_id
    common = {"base": hours, "read": World.again, "prepare": without(run_id), "own_cache": True, "reader": "run"}
    for name, files, flips in (
        ("cached encoder's weights", "encoders/bundled-*/model.safetensors", 8),
        ("cached encoder's other files", "encoders/bundled-*/[cCt]*", 14),
        ("tokens", "tokens/*/*.arrow", 16),
        ("tokens' marker", "tokens/*/complete.json", 8),
        ("digests of files", "*digests.json", 12),
        ("demo corpus", "demo-*/google/xtreme/XNLI/*.parquet", 12),
    ):
        words = ("encoders", "tokens", "demo-") if name != "digests of files" else ()
        yield Surface(name=name, files=(f"cache/{files}",), flips=flips, words=words, **common)  # type: ignore[arg-type]


def _data(lab: Lab) -> Iterator[Surface]:
    """A user's own folder, whose files rot without a change of their times."""
    [corpus] = lab.cache.glob("demo-*/")
    words = [*commands.BASE, "--intermediates", "none", "--mlm", "off", "--targets", "xnli"]
    mirror = lab.root / "mirror"
    clone(corpus, mirror)
    sweep = lab.sweep("mirror", [*words, "--data", str(mirror)])
    [run_id] = sweep.plan.nodes

    def prepare(world: World) -> None:
        without(run_id)(world)
        clone(mirror, world.folder / "mirror")
        world.words[:] = [*words, "--data", str(world.folder / "mirror")]
        in_child(lambda: (world.use_cache(), command("plan", *world.words, "--store", str(world.store))))

    yield Surface(
        name="data folder", reader="run", base=sweep, files=("mirror/google/xtreme/XNLI/*.parquet",), read=World.again,
        prepare=prepare, own_cache=True, keeps_times=True, words=("rows of xnli",), flips=12,
    )  # fmt: skip


def without(*run_ids: str) -> Callable[[World], None]:
    """Forget some runs, so that the next command computes them."""

    def prepare(world: World) -> None:
        for run_id in run_ids:
            shutil.rmtree(world.store / "runs" / run_id)

    return prepare


def _without_one_trial(world: World) -> None:
    """As a driver leaves it that was killed in a search: a run is not there that the journal asks for."""
    store = Store(world.store)
    study = store.studies()[0]
    [lost] = [trial for trial in study.trials if trial.run_id == study.trials[-1].run_id]
    shutil.rmtree(world.store / "runs" / lost.run_id)


def read_report(world: World) -> str:
    return commands.report(world.store)


def read_report_in_place(world: World) -> str:
    code = command("report", str(world.store))
    return json.dumps({"code": code, "tables": tables(world.store / "report")})


def read_report_of_sweep(world: World) -> str:
    return commands.report(world.store, "--sweep", Store(world.store).plan().sweep)


def read_openings(world: World) -> str:
    found = commands.report(world.store)
    opened = (world.store / "openings.json").exists() and Store(world.store).openings()
    return f"{found} {[(each.target, each.selected, each.runs, each.selection) for each in opened or ()]}"


def read_check(world: World) -> str:
    return str(command("check", str(world.store)))


def read_status(world: World) -> str:
    code, said = _heard("status", "--store", str(world.store))
    return f"{code} {said}"


def read_config(world: World) -> str:
    code, said = _heard("plan", "--config", str(world.store / "config.yaml"), "--store", str(world.store))
    return f"{code} {said}"


def read_submission(world: World) -> str:
    out = world.folder / "submission"
    shutil.rmtree(out, ignore_errors=True)
    code = command("submission", str(world.store), "--out", str(out), "--data", "demo")
    made = sorted(path for path in out.rglob("*") if path.is_file())
    return json.dumps({"code": code, "files": {str(path.relative_to(out)): sha256(path) for path in made}})


def _heard(*words: str) -> tuple[int, str]:
    """The exit code, and what it said, without spaces, since a table is as wide as its longest word."""
    heard = io.StringIO()
    with contextlib.redirect_stdout(heard):
        code = command(*words)
    sys.stdout.write(heard.getvalue())
    return code, " ".join(heard.getvalue().split())

