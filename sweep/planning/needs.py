"""What a sweep reads: the files behind all of its runs."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from trainables.data.fetching import local_paths
from trainables.data.reading import files_of
from trainables.data.source import DataSource
from trainables.ledger.plan import Plan
from trainables.tasks.task import Source


def sources_of(plan: Plan, data: DataSource, preferences: Mapping[str, str]) -> list[Source]:
    """Every file of rows that a run of the plan reads, each once, in the order of the plan.

    `preferences`: task -> source.
    """
    distinct = {node.spec.data.fingerprint: node.spec for node in plan.nodes.values()}
    found = [source for spec in distinct.values() for source in files_of(spec, data, preferences)]
    return list({source.path: source for source in found}.values())


def local_files(plan: Plan, data: DataSource, preferences: Mapping[str, str]) -> list[Path]:
    """Every file of rows on this machine's disks that a run reads; of the hub and the built-in corpus none."""
    return local_paths(sources_of(plan, data, preferences), data)
