"""Trials of every node, and the file in the store that keeps how a budget in hours was spread.

Costs change as runs are measured; a sweep that is started again must go on with the very same studies. So hours are
spread once, and again only for other hours, other numbers of trials or other runs.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Iterable
from dataclasses import dataclass
from pathlib import Path

from search_spaces.search_fields import SearchFields
from sweep.budget import allocate, candidates, counted, space_of, unit
from sweep.nodes import Plan
from sweep.plan_file import write_text
from sweep.samplers import check_sampler
from trainables.spec import Phase

FORMAT = 1
BUDGET_FILE = "search_budget.json"


class BudgetFileError(ValueError):
    """A file that is not an allocation."""


@dataclass(frozen=True, kw_only=True)
class Allocation:
    """Hours as they were spread.

    Attributes:
        hours: what was spread.
        unit: of what the hours are.
        most: phase -> most trials of one run; 0 where no number was given.
        trials: id of every node that could be searched -> trials it was given.
    """

    hours: float
    unit: str
    most: dict[str, int]
    trials: dict[str, int]


def trials_of(plan: Plan, search: SearchFields, folder: Path, *, keep: bool) -> dict[str, int]:
    """Id of every node that is searched -> its trials, at least 2.

    `folder` is that of the store; a new allocation of hours is written to it if `keep`. Raises BudgetFileError for a
    file that cannot be read, and as `SearchFields.space` and `check_sampler` do for any run that is searched.
    """
    given = counted(plan, search)
    if not search.gpu_hours:
        _check(plan, search, given)
        return given
    earlier = load_allocation(folder)
    found = spread(plan, search, earlier)
    outside = {node_id: trials for node_id, trials in given.items() if node_id not in found.trials}
    searched = outside | {node_id: trials for node_id, trials in found.trials.items() if trials}
    _check(plan, search, searched)
    if keep and found != earlier:
        write_text(folder / BUDGET_FILE, json.dumps({"format": FORMAT, **dataclasses.asdict(found)}, indent=1))
    return searched


def spread(plan: Plan, search: SearchFields, earlier: Allocation | None) -> Allocation:
    """The earlier allocation if it was made from the same; else a new one.

    The hours are those of the store: where they are not fewer than before, every run keeps the trials that it had.
    """
    nodes = candidates(plan, search)
    most = {phase.value: search.count(phase) for phase in Phase if phase is not Phase.RETRIEVAL}
    if earlier and earlier.unit == unit(plan) and earlier.hours <= search.gpu_hours:
        if (earlier.hours, earlier.most, set(earlier.trials)) == (search.gpu_hours, most, set(nodes)):
            return earlier
        nodes = {id_: dataclasses.replace(each, held=earlier.trials.get(id_, 0)) for id_, each in nodes.items()}
    return Allocation(
        hours=search.gpu_hours, unit=unit(plan), most=most, trials=allocate(nodes, hours=search.gpu_hours)
    )


def load_allocation(folder: Path) -> Allocation | None:
    """The allocation in a folder, if there is one; raises BudgetFileError when it cannot be read."""
    path = folder / BUDGET_FILE
    try:
        fields = json.loads(path.read_text(encoding="utf-8"))
        if fields.pop("format") != FORMAT:
            raise ValueError(f"this version reads format {FORMAT}")
        found = Allocation(**fields)
        if not all(isinstance(n, int) and n >= 0 for n in [*found.trials.values(), *found.most.values()]):
            raise ValueError("numbers of trials are whole and not negative")
        return dataclasses.replace(found, hours=float(found.hours), unit=str(found.unit))
    except (FileNotFoundError, NotADirectoryError):
        return None
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise BudgetFileError(
            f"{path} is not how the hours of a search were spread ({type(error).__name__}: {error}); move it away to "
            "spread them anew"
        ) from error


def _check(plan: Plan, search: SearchFields, searched: Iterable[str]) -> None:
    """Whether the sampler can draw for every node that is searched; children are not asked for before their turn."""
    for node_id in searched:
        node = plan.nodes[node_id]
        check_sampler(search.sampler, space_of(node.spec, search), node.name)
