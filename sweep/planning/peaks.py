"""Peaks: what runs of a kind have really taken of memory, in place of what the formula expects."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Hashable, Iterable
from dataclasses import replace

from sweep.planning.gpus import type_of
from sweep.planning.memory import SPLIT, rounded
from trainables.ledger.gpu_share import CONTEXT_BYTES
from trainables.ledger.plan import Node, Plan, Share
from trainables.ledger.record import Record
from trainables.ledger.spec import RunSpec

CORES = ""
"""In place of the type of a GPU, for runs on cores alone."""
BESIDE = 1.1
"""Of the peak of a process, what another run of its kind may take: other rows, another seed; assumed."""


def kind_of(spec: RunSpec) -> Hashable:
    """Runs that are equal in this take about the same memory, whatever they start from and whatever their seed is."""
    settings, mlm = spec.optimisation, spec.mlm
    how = (tuple(sorted(settings.batch_sizes.items())), settings.max_length, settings.precision) if settings else ()
    data = (spec.data.source, spec.data.train_rows, spec.data.eval_rows)
    return (
        spec.phase, spec.tasks, spec.encoder, how, mlm and (mlm.mask_probability, mlm.sentences), spec.retrieval, data,
        spec.method,
    )  # fmt: skip


class Peaks:
    """Peaks by kind of run and type of GPU, of each the largest."""

    def __init__(self, records: Iterable[Record] = (), *, types: Collection[str] = ()) -> None:
        self.types = frozenset(types)
        self._needed: defaultdict[Hashable, dict[str, int]] = defaultdict(dict)
        self._asked: dict[Hashable, Share] = {}
        for record in records:
            self.learn(record)

    def learn(self, record: Record) -> None:
        """Take note of a finished run. Records that do not say what they took say nothing.

        A run whose passes were halved would have taken more: it is no reason to give the next one a smaller part.
        """
        if not record.peak_bytes:
            return
        if record.gpus:
            needed = max(CONTEXT_BYTES + SPLIT * record.peak_bytes, record.gpu_bytes if record.is_halved else 0)
        else:
            needed = BESIDE * record.peak_bytes
        device = type_of(record.device) if record.gpus else CORES
        found = self._needed[kind_of(record.spec)]
        found[device] = max(found.get(device, 0), rounded(needed))

    def ask(self, spec: RunSpec, share: Share) -> None:
        """Take note that a run had too little, and asks for this now: so do others of its kind."""
        self._asked[kind_of(spec)] = share

    def share(self, node: Node) -> Share:
        """What a run is to ask for. A share that was given as a number stays as it is."""
        share, kind = node.share, kind_of(node.spec)
        found = self._needed.get(kind, {})
        if share.gpu_bytes and (on_gpu := self._on_gpus(found)):
            share = replace(share, gpu_bytes=on_gpu)
        if share.memory_bytes and not share.gpus and (on_cores := found.get(CORES)):
            share = replace(share, memory_bytes=on_cores)
        asked = self._asked.get(kind)
        if asked is None:
            return share
        return replace(
            share,
            gpus=max(share.gpus, asked.gpus),
            gpu_bytes=max(share.gpu_bytes, asked.gpu_bytes) if share.gpu_bytes else 0,
            memory_bytes=max(share.memory_bytes, asked.memory_bytes),
        )

    def of_plan(self, plan: Plan) -> Plan:
        """The plan with these shares."""
        return replace(plan, nodes={id_: replace(node, share=self.share(node)) for id_, node in plan.nodes.items()})

    def _on_gpus(self, found: dict[str, int]) -> int:
        """The most on the types of the cluster, or on all where these are not known; 0 where nothing was measured."""
        wanted = self.types or found.keys()
        return max((needed for kind, needed in found.items() if kind and kind in wanted), default=0)
