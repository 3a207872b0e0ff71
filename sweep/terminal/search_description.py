"""The searches of a plan in words: trials of every run, how hours are spread."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator

from rich.console import RenderableType
from rich.table import Table
from rich.text import Text

from search_spaces.search_fields import SearchFields
from sweep.planning.budget import trial_hours, unit
from sweep.planning.outlook import Outlook
from trainables.ledger.plan import Node
from trainables.ledger.spec import Phase


def searches(outlook: Outlook, search: SearchFields) -> Iterator[RenderableType]:
    """How many trials the runs have."""
    if search.gpu_hours:
        yield from _spread(outlook, search)
        return
    for phase in Phase:
        num_runs = sum(node.is_searched and node.spec.phase is phase for node in outlook.plan.nodes.values())
        if num_runs:
            yield Text(f"search: {search.trials(phase)} trials ({_how(search)}) for each of {num_runs} {phase} runs")


def _spread(outlook: Outlook, search: SearchFields) -> Iterator[RenderableType]:
    plan = outlook.plan
    trials: defaultdict[str, list[int]] = defaultdict(list)
    hours: defaultdict[str, float] = defaultdict(float)
    for node in plan.nodes.values():
        if node.space:
            trials[_task(node)].append(node.trials if node.is_searched else 0)
            hours[_task(node)] += (node.trials - 1) * trial_hours(node, plan)
    table = Table("task", box=None, padding=(0, 2, 0, 0))
    for heading in ("runs", "trials of a run", unit(plan)):
        table.add_column(heading, justify="right")
    for task, numbers in trials.items():
        least, most = min(numbers), max(numbers)
        words = f"{most}" if least == most else f"{least} to {most}"
        table.add_row(task, f"{len(numbers)}", words, f"{hours[task]:.3g}")
    yield Text(
        f"search: {search.gpu_hours:g} {unit(plan)} beyond the configured runs ({_how(search)}), by cost and expected"
        f" gain; {sum(hours.values()):.3g} are given out"
    )
    yield table


def _how(search: SearchFields) -> str:
    return search.sampler if search.pruning == "off" else f"{search.sampler}, pruning by {search.pruning}"


def _task(node: Node) -> str:
    """What a run trains on, for example `qqp+mlm` or `xquad,mlqa`."""
    return str(node.row) if node.spec.phase is Phase.INTERMEDIATE else ",".join(node.spec.tasks)
