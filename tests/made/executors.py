"""Tiny executors for tests of the orchestration, named by `tests.made.executors:<function>`."""

from __future__ import annotations

import dataclasses
import datetime
import json
import math
import os
import signal
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING

from trainables.ledger.record import DevPoint, DivergedError, Record, Score
from trainables.ledger.spec import RunSpec
from trainables.ledger.store import Store
from trainables.phases.options import Options
from trainables.report import Advanced

if TYPE_CHECKING:
    import torch

    from trainables.model.batches import Batch


def empty(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Finish at once."""
    begun = time.time()
    yield Advanced(stage="train", step=1, planned_steps=2)
    yield _finish(spec, name, store, begun)


def short(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Finish after a third of a second of steps."""
    begun = time.time()
    for step in range(4):
        yield Advanced(stage="train", step=step, planned_steps=4, selection=float(step))
        time.sleep(0.08)
    yield _finish(spec, name, store, begun)


def failing(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Fail in runs whose name has `bad`, with a note of every attempt."""
    if "bad" in name:
        _attempt(spec, store)
        yield Advanced(stage="train", step=1, planned_steps=2)
        raise ValueError("labels are missing")
    yield from empty(spec, name, store, options)


def killed_once(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Die like a killed process in the first attempt of runs whose name has `killed`."""
    if "killed" in name and _attempt(spec, store) == 1:
        os.kill(os.getpid(), signal.SIGKILL)
    yield from empty(spec, name, store, options)


def killed_after(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Finish; the worker of the run that is named `killed` then dies like a killed process as it takes the next run."""
    try:
        yield from empty(spec, name, store, options)
    except GeneratorExit:
        if name == "killed" and store.is_finished(spec.run_id):
            os.kill(os.getpid(), signal.SIGKILL)
        raise


def killed(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Die like a killed process in every attempt of runs whose name has `killed`."""
    if "killed" in name:
        _attempt(spec, store)
        os.kill(os.getpid(), signal.SIGKILL)
    yield from quadratic(spec, name, store, options)


def endless(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Never finish, notice nothing for a minute at a time, and have nothing to keep."""
    while True:
        yield Advanced(stage="load")
        time.sleep(60)


def attempts(store: Store, run_id: str) -> int:
    """How often a run was begun, where its executor notes it."""
    path = store.work(run_id).parent / "attempts"
    return len(path.read_text()) if path.exists() else 0


def _attempt(spec: RunSpec, store: Store) -> int:
    path = store.work(spec.run_id).parent / "attempts"
    with path.open("a") as file:
        file.write("x")
    return attempts(store, spec.run_id)


def _finish(spec: RunSpec, name: str, store: Store, begun: float, notes: tuple[str, ...] = ()) -> Record:
    record = Record(
        run_id=spec.run_id,
        name=name,
        spec=spec,
        scores=scores_of(spec, 50.0),
        steps=2,
        planned_steps=2,
        seconds={"begun": begun, "ended": time.time()},
        notes=(json.dumps({"pid": os.getpid(), "gpus": os.environ.get("CUDA_VISIBLE_DEVICES", "unset")}), *notes),
        finished_at=datetime.datetime.now(datetime.UTC).isoformat(),
    )
    store.finish(record)
    return record


def scores_of(spec: RunSpec, value: float) -> tuple[Score, ...]:
    """The same dev figure for every task of a run."""
    return tuple(
        Score(task=task, split="dev", language="en", metric="accuracy", value=value, rows=2) for task in spec.tasks
    )


def quadratic(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """A dev figure with a known optimum: 100 at learning rate 2e-5; diverges above 1e-4."""
    begun = time.time()
    yield Advanced(stage="train", step=1, planned_steps=2)
    time.sleep(0.05)
    record = quadratic_record(spec, name)
    store.finish(dataclasses.replace(record, seconds={"begun": begun, "ended": time.time()}))
    yield record


def learning(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """The figure of `quadratic` with a dev evaluation after each of eight steps an epoch; leaves a checkpoint."""
    _attempt(spec, store)
    record = learning_record(spec, name)
    for point in record.dev_curve:
        (store.work(spec.run_id) / "checkpoint").write_text(str(point.step))
        (store.work(spec.run_id).parent / "steps").write_text(str(point.step))
        yield Advanced(stage="train", step=point.step, planned_steps=record.planned_steps, selection=point.selection)
        time.sleep(0.02)
    store.finish(record)
    yield record


def learning_record(spec: RunSpec, name: str) -> Record:
    """The record of such a run: half of its figure at the start, the other half in equal parts."""
    assert spec.optimisation
    steps = round(8 * spec.optimisation.epochs)
    final = quadratic_record(spec, name)
    top = final.dev_curve[0].selection
    curve = tuple(
        DevPoint(step=step, selection=top * (0.5 + 0.5 * step / steps), metrics={}) for step in range(1, steps + 1)
    )
    return dataclasses.replace(final, dev_curve=curve, best_step=steps, steps=steps, planned_steps=steps)


def quadratic_record(spec: RunSpec, name: str) -> Record:
    """The record of such a run; raises ValueError where it diverges."""
    assert spec.optimisation
    rate = spec.optimisation.learning_rate
    if rate > 1e-4:
        raise DivergedError("the loss is not finite")
    value = 100 - 10 * math.log10(rate / 2e-5) ** 2
    point = DevPoint(step=2, selection=value, metrics={f"{spec.tasks[0]}.accuracy": value})
    return Record(
        run_id=spec.run_id, name=name, spec=spec, scores=scores_of(spec, value), dev_curve=(point,), best_step=2,
        steps=2, planned_steps=2,
    )  # fmt: skip


def hung_once(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Be stopped like a process that hangs in the first attempt of runs whose name has `hung`."""
    yield Advanced(stage="train", step=1, planned_steps=4)
    if "hung" in name and _attempt(spec, store) == 1:
        os.kill(os.getpid(), signal.SIGSTOP)
    record = _finish(spec, name, store, time.time(), notes=store.attempts(spec.run_id))
    yield record


def hung(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Say nothing for ever in every attempt of runs whose name has `hung`."""
    if "hung" in name:
        _attempt(spec, store)
        time.sleep(3600)
    yield from empty(spec, name, store, options)


def hung_after(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Finish; the worker of the run that is named `hung` is then stopped as it takes the next run."""
    try:
        yield Advanced(stage="train", step=1, planned_steps=2)
        yield _finish(spec, name, store, time.time(), notes=store.attempts(spec.run_id))
    except GeneratorExit:
        if name == "hung" and store.is_finished(spec.run_id):
            os.kill(os.getpid(), signal.SIGSTOP)
        raise


def counting(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Count to 5000, and keep the count when left in between; notes where each attempt began.

    Twenty steps a second, or all at once where a file `hurry` says so.
    """
    begun, kept = time.time(), store.checkpoint(spec.run_id)
    hurry = store.work(spec.run_id).parent / "hurry"
    first = step = int(kept.read_text()) if kept.exists() else 0
    with (store.work(spec.run_id).parent / "begins").open("a") as file:
        file.write(f"{first}\n")
    while step < 5000:
        time.sleep(0.0 if hurry.exists() else 0.05)
        step += 1
        try:
            yield Advanced(stage="train", step=step, planned_steps=5000)
        except GeneratorExit:
            store.work(spec.run_id)
            kept.write_text(str(step))
            raise
    yield _finish(spec, name, store, begun)


def placed(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Finish after a moment; the record says on which node of Ray, and with which share."""
    import ray

    begun = time.time()
    yield Advanced(stage="train", step=1, planned_steps=2)
    time.sleep(0.3)
    node = ray.get_runtime_context().get_node_id()
    yield _finish(spec, name, store, begun, notes=(node, f"{options.gpus:g}"))


def cramped(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """The real engine, on a GPU in whose parts below a half not a row fits, and in a half two rows."""
    import torch

    from trainables.model.network import Network
    from trainables.phases.run import run

    whole = Network.loss_sum

    def loss_sum(network: Network, task: str, batch: Batch) -> torch.Tensor:
        if options.gpus < 0.5 or len(batch.lengths) > 2:
            raise torch.OutOfMemoryError("CUDA out of memory (made up)")
        return whole(network, task, batch)

    Network.loss_sum = loss_sum  # type: ignore[method-assign]
    try:
        yield from run(spec, name, store, options)
    finally:
        Network.loss_sum = whole  # type: ignore[method-assign]


def hungry(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Take memory for as long as it is let."""
    _attempt(spec, store)
    held = bytearray(300_000_000)
    for step in range(600):
        held[step] = 1
        yield Advanced(stage="train", step=step, planned_steps=600)
        time.sleep(0.1)
