"""Data that is planned with and never read, and the paper's sweep on it."""

from __future__ import annotations

import hashlib

from search_spaces.config_file import apply_sets
from search_spaces.presets import paper
from sweep.planning.planner import build_plan
from trainables.data.source import DataSource
from trainables.ledger.plan import Node, Plan

SMALL = ["encoder.name=bundled:6"]
"""Settings that need no hub."""


class FakeData(DataSource):
    """Has every file whose path holds none of `absent`; notes what was fingerprinted."""

    kind = "mirror"

    def __init__(self, *absent):
        self.absent = absent
        self.fingerprinted = []

    def has(self, source):
        return not any(part in source.path for part in self.absent)

    def table(self, source):
        raise AssertionError("a plan reads no rows")

    def fingerprint(self, sources, *, anew=False):
        paths = [source.path for source in sources]
        self.fingerprinted.append(paths)
        return hashlib.sha256(" ".join(paths).encode()).hexdigest()[:16]

    def location(self, source):
        return f"DIR/{source.path}.parquet"


def plan(*sets: str, data: DataSource | None = None) -> Plan:
    """The paper's sweep with a small encoder and these settings."""
    return build_plan(apply_sets(paper(), [*SMALL, *sets]), data or FakeData())


def node(found: Plan, name: str) -> Node:
    """The one node of this name."""
    [it] = [n for n in found.nodes.values() if n.name == name]
    return it
