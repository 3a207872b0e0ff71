"""The paper's grid as the planner makes it, with published row counts and no data at hand: for simulations."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import replace

import pyarrow as pa

from search_spaces.config_file import apply_sets
from search_spaces.presets import paper
from sweep.planning.planner import build_plan
from trainables.data.source import UNKNOWN, DataSource
from trainables.ledger.plan import Plan, Share
from trainables.tasks.task import Source

REVISION = "encoder.revision=" + 40 * "a"
"""A commit, so that the hub is not asked."""


class EveryFile(DataSource):
    """A source that has every file and tells no row counts, as the hub; it cannot be read."""

    kind = "hub"

    def has(self, source: Source) -> bool:
        return True

    def num_rows(self, source: Source) -> int:
        return UNKNOWN

    def table(self, source: Source) -> pa.Table:
        raise AssertionError("a plan reads no rows")

    def fingerprint(self, sources: Sequence[Source], *, anew: bool = False) -> str:
        return hashlib.sha256(" ".join(source.path for source in sources).encode()).hexdigest()[:16]

    def location(self, source: Source) -> str:
        return source.path


def paper_plan(seeds: int = 1, share: Share | None = None) -> Plan:
    """The paper's grid: a seed is 16 intermediate runs, 102 fine-tunings and 34 retrieval runs, for 153 cells.

    Costs are those of XLM-R Large on whole GPUs; every run takes `share`, one GPU where none is given.
    """
    numbers = ",".join(map(str, range(seeds)))
    sets = [f"grid.seeds={numbers}", "cluster.address=auto", "target.precision=bf16", "intermediate.precision=bf16"]
    plan = build_plan(apply_sets(paper(), [*sets, REVISION]), EveryFile())
    if share is None:
        return plan
    return replace(plan, nodes={run_id: replace(node, share=share) for run_id, node in plan.nodes.items()})
