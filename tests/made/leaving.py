"""Runs that leave an encoder and heads, as files of a few bytes, and sweeps that remove what they do not need."""

from __future__ import annotations

import hashlib
import os
import signal
import time
from collections.abc import Callable, Iterator

from search_spaces.search_fields import SearchFields
from sweep.cluster.keeper import Keeper
from sweep.cluster.remover import Remover
from sweep.cluster.run import NO_SEARCH, make_graph
from sweep.graph.graph import Graph
from sweep.graph.node import Run
from tests.made import graphs
from tests.made.executors import quadratic_record
from trainables.ledger.artefacts import ENCODER, HEADS, Keep
from trainables.ledger.plan import Plan
from trainables.ledger.record import Record, Score
from trainables.ledger.spec import RunSpec
from trainables.ledger.store import Store
from trainables.phases.options import Options
from trainables.report import Advanced
from trainables.tasks.registry import task

PLAN = graphs.fan(["squad", "qqp"], ["xnli"])


def leave(store: Store, spec: RunSpec, record: Record) -> Record:
    """Publish what such a run leaves, which follows from its spec, and its record."""
    found: dict[str, str] = {}
    for name in (ENCODER, HEADS):
        made = store.work(spec.run_id) / name
        made.mkdir(exist_ok=True)
        (made / "weights").write_text(f"{name} of {spec.run_id}")
        found |= store.publish(spec.run_id, name, made)
    whole = Record(**{**vars(record), "files": found})
    store.finish(whole)
    return whole


def record_of(spec: RunSpec, name: str, value: float) -> Record:
    """The record of a run with the same dev score in every language and metric of its tasks."""
    scores = tuple(
        Score(task=each, split=split, language=code, metric=metric, value=value, rows=2)
        for each in spec.tasks
        for split, codes in task(each).languages.items()
        for code in codes
        for metric in task(each).metrics
    )
    return Record(**{**vars(quadratic_record(spec, name)), "scores": scores})


def leaving(store: Store, value: Callable[[Run], float] = lambda run: 50.0) -> Callable[[Run], None]:
    """Computes runs that leave an encoder and heads; those of their parents must be there."""

    def compute(run: Run) -> None:
        for parent in run.spec.parents:
            store.fetch(parent, ENCODER)
        leave(store, run.spec, record_of(run.spec, run.name, value(run)))

    return compute


def run(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """An executor: what it leaves and how good it is follows from the spec and the encoder that it starts from."""
    yield Advanced(stage="train", step=1, planned_steps=2)
    start = (store.fetch(spec.parent, ENCODER) / "weights").read_bytes() if spec.parent else b""
    luck = hashlib.sha256(start + spec.run_id.encode()).digest()[0]
    yield leave(store, spec, record_of(spec, name, 100 * luck / 256))


def slow(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """As `run`, in a second."""
    for step in range(10):
        yield Advanced(stage="train", step=step, planned_steps=10)
        time.sleep(0.1)
    yield from run(spec, name, store, options)


def lost(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """As `run`; a run that was finished before and is computed again dies like a killed process."""
    if store.is_finished(spec.run_id):
        os.kill(os.getpid(), signal.SIGKILL)
    yield from run(spec, name, store, options)


def sweep(
    plan: Plan,
    store: Store,
    keep: Keep,
    search: SearchFields = NO_SEARCH,
    compute: Callable[[Run], None] | None = None,
) -> tuple[Graph, list[str]]:
    """One driver from start to end, without Ray; its graph, and the runs in the order of their end."""
    whole = graphs.searched(plan, search, store)
    store.save_plan(whole)
    keeper, remover = Keeper(store, None), Remover(store, keep)
    graph = make_graph(whole, store, search, on_close=keeper.note, on_end=remover.after)
    keeper.note(graph)
    remover.begin(graph)
    ended = graphs.drive(graph, store, compute or leaving(store))
    keeper.note(graph)
    remover.end(graph)
    return graph, ended


def holding(store: Store) -> set[str]:
    """Names of the runs of which the encoder is there."""
    return {store.record(run_id).name for run_id in store.run_ids() if store.holds(run_id, ENCODER)}
