"""Rehearsals in words: how long a sweep takes on each cluster, and what is lost on the way."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Callable, Iterator, Sequence

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from sweep.graph.faults import Faults
from sweep.graph.timetable import End
from sweep.planning.amounts import in_hours
from sweep.planning.rehearsal import Draw, Rehearsal, Scene
from sweep.terminal.wording import duration, durations, how_many
from trainables.ledger.plain import plain
from trainables.ledger.states import State

_FEW = 4
"""Runs that are named."""


def describe_rehearsals(
    found: Sequence[Rehearsal], scene: Scene, faults: Faults, *, is_replay: bool
) -> Iterator[RenderableType]:
    """What was run, what went wrong by intention, and how it went on each cluster."""
    yield Text(_what(scene, is_replay=is_replay))
    for line in _faults(faults, found):
        yield Text(line)
    yield _clocks(found)
    if any(draw.losses or draw.nodes_lost or draw.failed for each in found for draw in each.draws):
        yield _lost(found)
    for each in found:
        yield from _named(each)


def _what(scene: Scene, *, is_replay: bool) -> str:
    plan = scene.outlook.plan
    runs = f"{how_many(len(plan.cells), 'cell')}, {how_many(len(plan.nodes), 'run')}"
    runs += f" ({len(plan.without_data)} further cells lack data)" if plan.without_data else ""
    if not is_replay:
        done = sum(not scene.outlook.needs(node_id) for node_id in plan.nodes)
        rest = ": nothing is left to do; --replay runs it from its start" if done == len(plan.nodes) else ""
        return f"{runs}, {done} of them done already{rest}" if done else runs
    known = sum(node_id in scene.seconds for node_id in plan.nodes)
    whose = (
        "all with the seconds of their records"
        if known == len(plan.nodes)
        else f"{known} as recorded, the rest as estimated"
    )
    return f"{runs} from the start: {whose}"


def _faults(faults: Faults, found: Sequence[Rehearsal]) -> Iterator[str]:
    said = []
    if faults.wrong_by > 1:
        said.append(f"estimates are wrong by a factor of {faults.wrong_by:g} in two cases of three")
    if faults.failure_rate:
        said.append(f"{100 * faults.failure_rate:.3g} % of runs fail")
    for rate, what in (
        (faults.worker_seconds, "a worker is lost"),
        (faults.hang_seconds, "one hangs"),
    ):
        if math.isfinite(rate):
            said.append(f"{what} once in {duration(rate)} of computing")
    if math.isfinite(faults.node_seconds):
        back = f", replaced after {duration(faults.node_back)}" if math.isfinite(faults.node_back) else ", for good"
        said.append(f"every node is lost once in {duration(faults.node_seconds)}{back}")
    if said:
        yield f"chance: {'; '.join(said)}"
    draws = len(found[0].draws) if found else 0
    if draws > 1:
        last = faults.seed + draws - 1
        yield f"medians of {draws} draws ({faults.seed} to {last}), in brackets the middle eight tenths"


def _clocks(found: Sequence[Rehearsal]) -> Table:
    table = Table(box=None, padding=(0, 2, 0, 0))
    table.add_column("cluster")
    for heading in ("wall clock", "bound", "over it", "busy", "cells done"):
        table.add_column(heading, justify="right")
    for each in found:
        seconds = duration(each.median(_seconds))
        if len(each.draws) > 1:
            seconds += f" ({durations(*each.range(_seconds))})"
        cells = sum(each.draws[0].cells.values())
        table.add_row(
            each.cluster.words, seconds, duration(each.median(lambda draw: draw.bound)),
            f"{each.median(_over):.1%}", f"{each.median(lambda draw: draw.busy):.0%}",
            f"{each.median(lambda draw: draw.cells[State.DONE]):g} of {cells}",
        )  # fmt: skip
    return table


def _lost(found: Sequence[Rehearsal]) -> Table:
    """What failed and was lost, a column for each cluster."""
    rows: dict[str, Callable[[Draw], float]] = {
        "runs failed": lambda draw: len(draw.failed),
        "runs blocked": lambda draw: len(draw.blocked),
        "workers lost": lambda draw: draw.losses[End.LOST],
        "workers hung": lambda draw: draw.losses[End.HUNG],
        "nodes lost": lambda draw: draw.nodes_lost,
        "runs on them": lambda draw: draw.losses[End.NODE_LOST],
    }
    table = Table("lost", box=None, padding=(0, 2, 0, 0))
    for each in found:
        table.add_column(each.cluster.words, justify="right")
    for name, of in rows.items():
        if any(of(draw) for each in found for draw in each.draws):
            table.add_row(name, *(_spread(each, of, "{:g}".format) for each in found))
    units = " or ".join(dict.fromkeys(each.unit for each in found))
    table.add_row(f"{units} in vain", *(_spread(each, lambda draw: round(draw.in_vain, 2), in_hours) for each in found))
    return table


def _named(found: Rehearsal) -> Iterator[Text]:
    """Which runs failed or were left, where it is the same ones in half of the draws."""
    for what, of in (("failed", lambda draw: draw.failed), ("fits on no node that is left", lambda draw: draw.left)):
        counts = Counter(name for draw in found.draws for name in of(draw))
        often = [name for name, times in counts.most_common() if 2 * times >= len(found.draws)]
        if often:
            rest = f" and {len(often) - _FEW} more" if len(often) > _FEW else ""
            yield Text(f"{found.cluster.words}: {what}: {', '.join(map(plain, often[:_FEW]))}{rest}", style="yellow")


def _spread(found: Rehearsal, of: Callable[[Draw], float], word: Callable[[float], str]) -> str:
    low, high = found.range(of)
    middle = word(found.median(of))
    return middle if low == high else f"{middle} ({word(low)} to {word(high)})"


def _seconds(draw: Draw) -> float:
    return draw.seconds


def _over(draw: Draw) -> float:
    return draw.seconds / draw.bound - 1 if draw.bound else 0.0
