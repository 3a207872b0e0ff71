"""The table of clusters: what sets the time of each, and a narrow terminal."""

from __future__ import annotations

import io
from dataclasses import replace
from pathlib import Path

import pytest
from rich.console import Console

from search_spaces.config_file import apply_sets
from search_spaces.presets import demo
from sweep.planning.bill import bill_of
from sweep.planning.clusters import of_sizes
from sweep.planning.gpus import Gpus
from sweep.planning.outlook import look_at
from sweep.terminal.bill_description import wall_clocks
from tests.made import graphs
from trainables.ledger.plan import Plan, Share
from trainables.ledger.store import Store


def eight(share: Share) -> Plan:
    """Eight runs of an hour that wait for nothing."""
    made = graphs.plan([graphs.node(task, share=share) for task in "abcdefgh"])
    return replace(made, nodes={id_: replace(node, cost=3600.0) for id_, node in made.nodes.items()})


def table(plan: Plan, sizes: list[int], *sets: str, width: int = 100) -> list[str]:
    store, out = Store(Path("/nowhere/at/all")), io.StringIO()
    found = bill_of(look_at(plan, store), store, apply_sets(demo(), list(sets)), of_sizes(map(Gpus, sizes)))
    console = Console(file=out, width=width)
    for part in wall_clocks(found):
        console.print(part)
    return out.getvalue().splitlines()


@pytest.mark.parametrize(
    ("share", "sets", "expected"),
    [
        (Share(gpus=1), (), ["GPUs", "critical path"]),
        (Share(gpus=1), ("cluster.max_concurrent=2",), ["max_concurrent", "max_concurrent"]),
        (Share(gpus=1), ("cluster.max_concurrent=8",), ["GPUs", "critical path"]),
        (Share(cpus=64), (), ["cores", "critical path"]),
    ],
)
def test_what_sets_the_time_is_named(share: Share, sets: tuple[str, ...], expected: list[str]) -> None:
    """Eight runs of 1 h: on four GPUs 2 h, on eight 1 h; two at a time 4 h on either."""
    lines = table(eight(share), [4, 8], *sets)
    assert [line.rstrip().endswith(f"  {why}") for line, why in zip(lines[1:], expected, strict=True)] == [True, True]


def test_a_narrow_terminal_shows_every_word() -> None:
    words = " ".join(table(eight(Share(gpus=1)), [4, 64], width=52)).split()
    assert "…" not in "".join(words)
    for word in ("cluster", "4", "64", "2.0", "1.0", "12%", "GPU-hours", "critical", "path"):
        assert word in words
