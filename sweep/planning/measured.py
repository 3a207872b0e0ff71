"""What finished runs took: their work and seconds, by the device they ran on and the kind of run they were."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from typing import Any

from search_spaces.encoders import EncoderSize
from sweep.planning.correction import Key, Sample
from sweep.planning.rates import Rates, default_rates, measured_stages, stage_seconds
from sweep.planning.work import Work, mean_work, work_done
from trainables.data.hub import DEMO
from trainables.ledger.errors import LedgerError
from trainables.ledger.plan import Plan, Share
from trainables.ledger.recipe import MLM
from trainables.ledger.record import Record
from trainables.ledger.spec import EncoderRef, Phase, Precision, RunSpec
from trainables.ledger.store import Store
from trainables.tasks import registry

SHORTEST = 0.05
"""Seconds; a stage that is shorter, on paper or in truth, says nothing of a machine."""
MOST_RUNS = 1000
"""Of a store that are looked at; their ids are digests, so the first ones are drawn at random."""
_THREADS = re.compile(r", ([0-9]+) threads$")


@dataclass(frozen=True, kw_only=True)
class Measured:
    """So many runs of one kind on one device.

    Attributes:
        device: as records have it; of a processor with its threads.
        kind: phase, head, MLM, method, encoder.
        task: what they trained on or measured, and whether on the built-in corpus.
        bf16: whether they trained in bf16.
        parts: cores, or the part of a GPU, that each had.
        work: of one, on average.
        seconds: of one, on average, by stage.
        count: runs.
        squares: by stage, squared deviations of the logarithms of measured / counted seconds, summed.
    """

    device: str
    kind: str
    task: str
    bf16: bool
    parts: float
    work: Work
    seconds: Mapping[str, float]
    count: int
    squares: Mapping[str, float]

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return not _THREADS.search(self.device)

    @property
    def key(self) -> Key:
        """For the correction."""
        return Key(kind=self.kind, task=self.task)

    def samples(self, rates: Rates) -> Iterator[tuple[str, Sample]]:
        """Stage -> how far it is from what these rates say, of every stage long enough to tell."""
        expected = stage_seconds(self.work, rates, self.parts)
        for stage, seconds in self.seconds.items():
            if min(seconds, expected.get(stage, 0.0)) >= SHORTEST:
                ratio = math.log(seconds / expected[stage])
                yield (
                    stage,
                    Sample(key=self.key, log_ratio=ratio, count=self.count, squares=self.squares.get(stage, 0.0)),
                )

    def to_dict(self) -> dict[str, Any]:
        """For JSON; the inverse of `from_dict`."""
        return asdict(self)

    @classmethod
    def from_dict(cls, given: Mapping[str, Any]) -> Measured:
        """Read what `to_dict` gives; raises TypeError, ValueError or KeyError for anything else."""
        fields = {**given, "work": Work(**{name: float(value) for name, value in given["work"].items()})}
        for name in ("seconds", "squares"):
            fields[name] = {str(stage): float(value) for stage, value in given[name].items()}
        found = cls(**fields)
        if found.count < 1 or found.parts <= 0 or not all(map(math.isfinite, found.seconds.values())):
            raise ValueError(f"no measurement: {given}")
        return found


def key_of(spec: RunSpec) -> Key:
    """Which runs a run is measured beside."""
    task = registry.task(spec.tasks[0]) if spec.tasks[0] in registry.tasks() else None
    is_mixture = spec.phase is Phase.INTERMEDIATE and len(spec.tasks) > 1
    head = "mixture" if is_mixture or task is None else task.format.head.value
    with_mlm = "+mlm" * (spec.mlm is not None and spec.tasks != (MLM,))
    kind = f"{spec.phase}, {head}{with_mlm}{f'/{spec.method.kind}' if spec.method else ''}, {spec.encoder.name}"
    return Key(kind=kind, task=f"{','.join(spec.tasks)}{', demo' * (spec.data.source == DEMO)}")


def is_bf16(spec: RunSpec) -> bool:
    """Whether a run trains in bf16."""
    return spec.optimisation is not None and spec.optimisation.precision is Precision.BF16


def measured(record: Record, size: EncoderSize, share: Share, *, after_mlm: bool = False) -> Measured:
    """One finished run; `size` is that of its encoder, `share` what it had of a GPU, if it ran on one."""
    threads = _THREADS.search(record.device)
    key = key_of(record.spec)
    return Measured(
        device=record.device,
        kind=str(key.kind),
        task=str(key.task),
        bf16=is_bf16(record.spec),
        parts=float(threads[1]) if threads else min(share.gpus, 1.0) or 1.0,
        work=work_done(record, size, after_mlm=after_mlm),
        seconds=measured_stages(record.seconds),
        count=1,
        squares={},
    )


def runs_of(store: Store, encoder: EncoderRef, size: EncoderSize) -> dict[str, Measured]:
    """Run id -> the finished runs of a store with this encoder; those of tasks that are not known here are left out."""
    shares = {run_id: node.share for run_id, node in _plan(store).nodes.items()}
    records = [store.record(run_id) for run_id in store.run_ids()[:MOST_RUNS] if store.is_finished(run_id)]
    specs = {record.run_id: record.spec for record in records}
    return {
        record.run_id: measured(
            record, size, shares.get(record.run_id, Share(gpus=1.0)), after_mlm=_is_after_mlm(record.spec, specs)
        )
        for record in records
        if record.spec.encoder == encoder
        and record.device
        and sum(record.seconds.values()) > 0
        and all(_is_known(name, held) for name, held in record.spec.definitions.items())
    }


def _is_known(name: str, definition: str) -> bool:
    """Whether a task of one's own is known here as a run had it: only then can its work be told."""
    return registry.is_own(name) and registry.task(name).definition == definition


def _is_after_mlm(spec: RunSpec | None, specs: Mapping[str, RunSpec]) -> bool:
    """Whether a run starts from an encoder that was trained with MLM, in whichever of its stages."""
    while spec := specs.get(spec.parent) if spec else None:
        if spec.mlm:
            return True
    return False


def grouped(runs: Iterable[Measured]) -> list[Measured]:
    """The same, those that are alike as one."""
    alike: dict[tuple[object, ...], list[Measured]] = defaultdict(list)
    for run in runs:
        alike[run.device, run.kind, run.task, run.bf16, run.parts].append(run)
    return [_joined(group) for group in alike.values()]


def _joined(group: Sequence[Measured]) -> Measured:
    first = group[0]
    rates = default_rates(first.device, on_gpu=first.on_gpu, bf16=first.bf16)
    logs: dict[str, list[float]] = defaultdict(list)
    for run in group:
        for stage, sample in run.samples(rates):
            logs[stage].append(sample.log_ratio)
    count = len(group)
    return replace(
        first,
        work=mean_work([run.work for run in group]),
        seconds={stage: sum(run.seconds.get(stage, 0.0) for run in group) / count for stage in first.seconds},
        count=count,
        squares={stage: sum((each - sum(of) / len(of)) ** 2 for each in of) for stage, of in logs.items()},
    )


def _plan(store: Store) -> Plan:
    try:
        return store.plan() if store.has_plan else Plan(nodes={}, cells={})
    except LedgerError:
        return Plan(nodes={}, cells={})
