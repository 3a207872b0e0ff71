"""A store that is taken away while a sweep runs: it is waited for, and nothing is made in its place."""

from __future__ import annotations

import io
import threading
import time
from pathlib import Path

import pytest
from rich.console import Console

from sweep.cluster.place import Place
from sweep.cluster.run import run_plan
from sweep.cluster.summary import Summary
from tests.made import graphs
from trainables.ledger.plan import Plan
from trainables.ledger.store import Store
from trainables.phases.options import Options

PLAN = graphs.fan(["a", "b"], ["x", "y", "z"])


def sweep(plan: Plan, store: Store, output: io.StringIO, *, store_seconds: float) -> Summary:
    return run_plan(
        plan,
        store,
        Options(data="demo", encoder="bundled", executor="tests.made.executors:short"),
        Place(results=store.root / "ray", name="test", store_seconds=store_seconds, cpus=2, gpus=0),
        Console(file=output, width=200),
    )


def take_away(store: Store, away: Path, *, seconds: float) -> threading.Thread:
    """Take a store away once two runs are finished, and put it back after so long; 0 is never."""

    def act() -> None:
        while len(store.run_ids()) < 2:
            time.sleep(0.02)
        store.root.rename(away)
        if seconds:
            time.sleep(seconds)
            away.rename(store.root)

    thread = threading.Thread(target=act, daemon=True)
    thread.start()
    return thread


@pytest.mark.ray
def test_a_store_that_comes_back_loses_nothing(tmp_path: Path) -> None:
    store, output = Store(tmp_path / "store").prepare(), io.StringIO()
    store.save_plan(PLAN)
    thread = take_away(store, tmp_path / "away", seconds=4.0)
    summary = sweep(PLAN, store, output, store_seconds=60.0)
    thread.join()
    assert summary.exit_code == 0
    assert set(summary.done) == set(PLAN.nodes)
    assert "cannot be reached; it is waited for, 1.0 min at most" in output.getvalue()
    assert "the store is there again" in output.getvalue()


@pytest.mark.ray
def test_a_store_that_stays_away_ends_the_sweep_and_is_not_made_anew(tmp_path: Path) -> None:
    store, output = Store(tmp_path / "store").prepare(), io.StringIO()
    store.save_plan(PLAN)
    take_away(store, tmp_path / "away", seconds=0.0)
    summary = sweep(PLAN, store, output, store_seconds=3.0)
    assert summary.exit_code == 1
    assert summary.ending.startswith(f"the store {store} could not be reached for 3 s")
    assert not (tmp_path / "store" / "plan.json").exists()
    assert not list((tmp_path / "store").glob("runs/*/record.json"))
    other = Store(tmp_path / "away")
    before = other.run_ids()
    assert len(before) >= 2
    again = sweep(PLAN, other, output, store_seconds=3.0)
    assert set(again.done) == set(PLAN.nodes)
    assert not {*before} & {*again.computed}
