"""Surfaces: every kind of file that can be damaged, and who reads it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path

from benchmarks.chaos import commands, readers
from benchmarks.chaos.commands import command
from benchmarks.chaos.forks import in_child
from benchmarks.chaos.kills import options_of, watch
from benchmarks.chaos.lab import Lab, Sweep, clone
from benchmarks.chaos.readers import Reader, World
from trainables.ledger.record import DevPoint, Pruned
from trainables.ledger.store import Store
from trainables.phases.run import run

UNREADABLE = ("note cannot be read", "note of it cannot be read")


@dataclass(frozen=True, kw_only=True)
class Surface:
    """A kind of file.

    Attributes:
        reader: name of who reads it.
        base: the sweep that is copied.
        files: pattern below the folder of the copy.
        read: all that the reader makes of it, as text.
        prepare: what is done to the copy before.
        flips: how many bits are flipped, one in every copy.
        others: how many other faults are tried, drawn from all of them.
        own_cache: whether the copy has a cache of its own.
        keeps_times: damage never shows in the times of the file.
        words: besides the names of run and file, what a message may call it.
        is_note: it says something that the remedy ends: then that must be as it would be with the note.
    """

    name: str
    reader: str
    base: Sweep
    files: str
    read: Reader
    prepare: Callable[[World], object] = lambda world: None
    flips: int = 8
    others: int = 2
    own_cache: bool = False
    keeps_times: bool = False
    words: tuple[str, ...] = ()
    is_note: bool = False

    def open(self, lab: Lab, folder: Path) -> World:
        """A copy to be damaged."""
        clone(self.base.store, folder / "store")
        if self.own_cache:
            clone(lab.cache, folder / "cache")
        world = World(folder=folder, words=list(self.base.words))
        self.prepare(world)
        return world

    def names(self, path: Path) -> tuple[str, ...]:
        """Words one of which a message about a file must have."""
        runs = [part for part in path.parts if (self.base.store / "runs" / part).is_dir() and len(part) == 12]
        return (*runs, path.name, *self.words)


def surfaces(lab: Lab, grid: Sweep, search: Sweep, hours: Sweep) -> Iterator[Surface]:
    """All of them."""
    yield from _of_runs(grid)
    yield from _of_the_ledger(lab, grid, search, hours)
    yield from _notes(grid)
    yield _checkpoint(grid)
    yield from _caches(hours)
    yield _data(lab)


def _of_runs(grid: Sweep) -> Iterator[Surface]:
    record, predictions = "store/runs/*/record.json", "store/runs/*/predictions/*"
    of = partial(Surface, base=grid)
    gap = ("(no finished run)",)
    yield of(name="record", reader="report", files=record, read=readers.by_report, flips=20, others=6, words=gap)
    yield of(name="record", reader="check", files=record, read=readers.by_check, flips=10)
    yield of(name="predictions", reader="check", files=predictions, read=readers.by_check, flips=14, others=6)
    yield of(name="predictions", reader="submission", files=predictions, read=readers.by_submission, flips=10)
    yield of(name="report", reader="report", files="store/report/*", read=readers.by_report_in_place, flips=6)
    encoder = f"store/runs/{grid.node('qqp').run_id}/encoder"
    yield of(name="encoder", reader="check", files=f"{encoder}/*", read=readers.by_check, flips=6)
    child = without(grid.node("qqp -> tatoeba").run_id)
    of = partial(Surface, base=grid, reader="run with a child to do", read=readers.by_run, prepare=child)
    yield of(name="record of a parent", files=f"store/runs/{grid.node('qqp').run_id}/record.json")
    yield of(name="encoder's weights", files=f"{encoder}/*.safetensors")
    yield of(name="encoder's delta.json", files=f"{encoder}/delta.json")
    yield of(name="encoder's config.json", files=f"{encoder}/config.json")


def _of_the_ledger(lab: Lab, grid: Sweep, search: Sweep, hours: Sweep) -> Iterator[Surface]:
    of = Surface
    plan = "store/plan.json"
    yield of(name="plan.json", reader="status", base=grid, files=plan, read=readers.by_status, flips=14)
    yield of(name="plan.json", reader="run", base=hours, files=plan, read=readers.by_run, flips=6)
    plans = "store/plans/*.json"
    yield of(name="plans/*.json", reader="report", base=grid, files=plans, read=readers.by_report_of_sweep, flips=10)
    for name in ("search.json", "race.json"):
        yield of(name=name, reader="run", base=search, files=f"store/{name}", read=readers.by_run)
        yield of(name=name, reader="report", base=search, files=f"store/{name}", read=readers.by_report)
    for name in ("search_budget.json", "studies.journal"):
        yield of(name=name, reader="run", base=hours, files=f"store/{name}", read=readers.by_run)
    half = _half_done(lab, hours)
    journal = "store/studies.journal"
    yield of(name="studies.journal", reader="run of half a search", base=half, files=journal, read=readers.by_run)
    for name in ("receipts.json", "openings.json"):
        yield of(name=name, reader="report", base=grid, files=f"store/{name}", read=readers.by_openings)
    config = "store/config.yaml"
    yield of(name="config.yaml", reader="plan", base=hours, files=config, read=readers.by_config, flips=14)


def _notes(grid: Sweep) -> Iterator[Surface]:
    node = grid.node("none -> xnli")
    run_id = node.run_id

    def failed(world: World) -> None:
        without(run_id)(world)
        Store(world.store).fail(run_id, node.name, "ValueError: the labels of 3 rows are missing", diverged=True)

    def pruned(world: World) -> None:
        without(run_id)(world)
        point = DevPoint(step=2, selection=31.25, metrics={"xnli.accuracy": 31.25})
        Store(world.store).prune(Pruned(
            run_id=run_id, name=node.name, spec=node.spec, study="study", dev_curve=(point,), planned_steps=4,
            fraction=0.5, figure=31.25, pruner="median", median=37.5, reason="pruned",
            pruned_at="2026-01-01T00:00:00+00:00",
        ))  # fmt: skip

    def damaged(world: World) -> None:
        [path] = (world.store / "runs" / run_id / "predictions").glob("*")
        os.truncate(path, 100)
        in_child(lambda: command("check", str(world.store)))

    def attempted(world: World) -> None:
        without(run_id)(world)
        Store(world.store).note_attempt(run_id, "its worker was lost")

    def by_search(world: World) -> str:
        store = Store(world.store)
        return f"{store.pruned(run_id)} {run_id in store.run_ids()}"

    def by_record(world: World) -> str:
        store = Store(world.store)
        text = str(store.attempts(run_id))
        log_line = f"{text}\n" if "cannot" in text else ""
        os.write(2, log_line.encode())
        return text

    of = partial(Surface, base=grid, is_note=True, words=UNREADABLE)
    folder = f"store/runs/{run_id}"
    yield of(
        name="failure.json", reader="status", files=f"{folder}/failure.json", read=readers.by_status, prepare=failed
    )
    yield of(
        name="damage.json", reader="status", files=f"{folder}/damage.json", read=readers.by_status, prepare=damaged
    )
    yield of(name="pruned.json", reader="search", files=f"{folder}/pruned.json", read=by_search, prepare=pruned)
    attempts = f"{folder}/.work/attempts.json"
    yield of(name="attempts.json", reader="record", files=attempts, read=by_record, prepare=attempted)


def _checkpoint(grid: Sweep) -> Surface:
    node = grid.node("none -> xnli")
    options = replace(options_of(grid.words, grid), checkpoint_seconds=0.0, checkpoint_share=1.0)

    def interrupted(world: World) -> None:
        def begin() -> None:
            without(node.run_id)(world)
            for _ in run(node.spec, node.name, Store(world.store), options):
                if Store(world.store).checkpoint(node.run_id).exists():
                    os._exit(0)  # as a killed worker leaves it

        in_child(begin)

    file = f"store/runs/{node.run_id}/.work/checkpoint.safetensors"
    return Surface(
        name="checkpoint", reader="run", base=grid, files=file, read=readers.by_run, prepare=interrupted, flips=12
    )


def _caches(hours: Sweep) -> Iterator[Surface]:
    xnli = without(hours.node("none -> xnli").run_id)
    of = partial(Surface, base=hours, reader="run", read=readers.by_run, prepare=xnli, own_cache=True)
    encoder = "cache/encoders/bundled-*"
    yield of(name="cached encoder's weights", files=f"{encoder}/model.safetensors", flips=6, words=("encoders",))
    yield of(name="cached encoder's other files", files=f"{encoder}/[cCt]*", flips=10, words=("encoders",))
    yield of(name="tokens", files="cache/tokens/*/*.arrow", flips=12, words=("tokens",))
    yield of(name="marker of tokens", files="cache/tokens/*/complete.json", flips=6, words=("tokens",))
    yield of(name="digests of files", files="cache/*digests.json")
    yield of(name="demo corpus", files="cache/demo-*/google/xtreme/XNLI/*.parquet", words=("demo-",))
    yield of(name="marker of the corpus", files="cache/demo-*/COMPLETE", words=("demo-",), flips=6)


def _data(lab: Lab) -> Surface:
    """A user's own folder, whose files rot without a change of their times."""
    [corpus] = [path for path in lab.cache.glob("demo-*") if path.is_dir()]
    words = [*commands.BASE, "--intermediates", "none", "--mlm", "off", "--targets", "xnli"]
    clone(corpus, lab.root / "rows")
    sweep = lab.sweep("rows", [*words, "--data", str(lab.root / "rows")])
    [run_id] = sweep.plan.nodes

    def prepare(world: World) -> None:
        without(run_id)(world)
        clone(lab.root / "rows", world.folder / "rows")
        world.words[:] = [*words, "--data", str(world.folder / "rows")]

        def plan() -> None:  # so that the digests of the files are remembered
            world.use_cache()
            command("plan", *world.words, "--store", str(world.store))

        in_child(plan)

    return Surface(
        name="data folder", reader="run", base=sweep, files="rows/google/xtreme/XNLI/*.parquet", read=readers.by_run,
        prepare=prepare, own_cache=True, keeps_times=True, words=("rows of xnli",), flips=10,
    )  # fmt: skip


def _half_done(lab: Lab, hours: Sweep) -> Sweep:
    """A search whose driver was killed when it had its fourth record."""
    store = lab.root / "half"

    def work() -> None:
        records = 0

        def tell(event: str) -> None:
            nonlocal records
            records += event.startswith("os.rename .record.json")
            if records == 4:
                os._exit(0)

        watch(store, tell)
        commands.run(hours.words, store)

    in_child(work)
    return replace(hours, store=store)


def without(*run_ids: str) -> Callable[[World], None]:
    """Forget some runs, so that the next command computes them."""

    def prepare(world: World) -> None:
        for run_id in run_ids:
            shutil.rmtree(world.store / "runs" / run_id)

    return prepare
