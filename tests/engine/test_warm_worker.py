"""A worker computes one run after another: it starts them at once and does not grow."""

from __future__ import annotations

import dataclasses
import os
import statistics
from itertools import cycle, islice

import psutil

from tests.made.phases import ENCODER, OPTIONS, spec
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store
from trainables.report import Failed, Finished, read
from trainables.trainable import RunTrainable

RUNS = 30
KINDS = ("xnli", "udpos", "xquad", "tatoeba", "pawsx")
GROWTH = 64 * 2**20
"""Less than the word embedding alone: a run that is not let go of shows at once."""


def config(number: int, task: str, store: Store) -> dict:
    phase = Phase.RETRIEVAL if task == "tatoeba" else Phase.TARGET
    wanted = dataclasses.replace(spec(phase, task), seed=number)
    return {
        "run_id": wanted.run_id,
        "name": f"{task} #{number}",
        "spec": wanted.to_dict(),
        "store": str(store.root),
        "options": dataclasses.asdict(OPTIONS),
        "share": {"cpus": 1, "gpus": 0.0},
    }


def test_thirty_runs_in_one_worker_take_no_more_memory_than_ten(store):
    assert ENCODER == "bundled:1"
    worker, held = None, []
    for number, task in enumerate(islice(cycle(KINDS), RUNS)):
        given = config(number, task, store)
        if worker is None:
            worker = RunTrainable(given)
        else:
            assert worker.reset(given)
        while not isinstance(report := read(worker.train()), Finished):
            assert not isinstance(report, Failed), report
        held.append(psutil.Process(os.getpid()).memory_info().rss)
    worker.stop()
    early, late = held[5:10], held[-5:]
    assert statistics.median(late) - statistics.median(early) < GROWTH, [value >> 20 for value in held]
    assert len(store.run_ids()) == RUNS
