"""Executors for sweeps of stores in buckets, `tests.made.in_buckets:<function>`: real files, real checkpoints."""

from __future__ import annotations

import dataclasses
import json
import time
from collections.abc import Iterator
from pathlib import Path

from tests.made.executors import quadratic_record
from trainables.ledger.record import Record
from trainables.ledger.spec import RunSpec
from trainables.ledger.store import Store
from trainables.phases.options import Options
from trainables.report import Advanced

STEPS = 20


def leaving(spec: RunSpec, name: str, store: Store, options: Options) -> Iterator[Advanced | Record]:
    """Leave an encoder of a megabyte that names the run; a child holds that of its parent.

    Notes where it was computed, and at which step its attempts began. Runs whose name has `slow` count to STEPS, ten a
    second (`slower`: two), and keep a checkpoint of every step.
    """
    content = spec.run_id.encode() * 90_000
    if spec.parent:
        content = (store.fetch(spec.parent, "encoder") / "weights").read_bytes()[-1000:] + content
    kept = store.take_up(spec.run_id)
    begun = int(kept.read_text()) if kept.exists() else 0
    for step in range(begun, STEPS if "slow" in name else 0):
        time.sleep(0.5 if "slower" in name else 0.1)
        store.work(spec.run_id)
        kept.write_text(str(step + 1))
        store.keep_checkpoint(spec.run_id)
        yield Advanced(stage="train", step=step + 1, planned_steps=STEPS)
    yield Advanced(stage="save")
    made = store.work(spec.run_id) / "encoder"
    made.mkdir(exist_ok=True)
    (made / "weights").write_bytes(content)
    found = store.publish(spec.run_id, "encoder", made)
    notes = (json.dumps({"machine": str(store.root), "begun": begun}),)
    record = dataclasses.replace(quadratic_record(spec, name), files=found, notes=notes)
    store.finish(record)
    yield record


def told(record: Record) -> tuple[Path, int]:
    """The folder of the machine that computed a run, and the step at which the attempt began that finished it."""
    found = json.loads(record.notes[0])
    return Path(found["machine"]), int(found["begun"])
