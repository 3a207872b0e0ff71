"""How many trials every node has, and from which space: decided here, once, and written into the plan.

Costs change as runs are measured; a sweep that is started again must go on with the very same studies. So hours are
spread once, and again only for other hours, other numbers of trials or other runs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

from search_spaces.search_fields import SearchFields
from sweep.planning.budget import allocate, candidates, unit
from sweep.studies.sampler_check import check_pruner, check_sampler
from trainables.ledger.allocation import Allocation
from trainables.ledger.plan import Node, Plan
from trainables.ledger.recipe import MLM
from trainables.ledger.space import Range
from trainables.ledger.spec import Phase, RunSpec


def with_trials(plan: Plan, search: SearchFields, earlier: Allocation | None = None) -> tuple[Plan, Allocation | None]:
    """The plan with trials and spaces, and how hours were spread; None where there is no budget in hours.

    `earlier` is how the store says that hours were spread. Raises ValueError for a run whose ranges cannot be, and
    ValueError or StudyError for a sampler that cannot draw for some run or a pruner that cannot be had.
    """
    if not search.is_asked_for:
        return plan, None
    nodes = {
        node_id: replace(node, space=space_of(node.spec, search))
        if search.gpu_hours or search.trials(node.spec.phase)
        else node
        for node_id, node in plan.nodes.items()
    }
    plan = replace(plan, nodes=nodes)
    trials = {node_id: max(search.trials(node.spec.phase), 1) for node_id, node in nodes.items() if node.space}
    allocation = None
    if search.gpu_hours:
        allocation = spread(plan, search, earlier)
        trials |= {node_id: max(number, 1) for node_id, number in allocation.trials.items()}
    for node_id, number in trials.items():
        if number > 1:  # children are not asked for before their turn
            check_sampler(search.sampler, nodes[node_id].space, nodes[node_id].name)
            check_pruner(search.pruning)
    return replace(plan, nodes=_counted(plan, trials)), allocation


def space_of(spec: RunSpec, search: SearchFields) -> dict[str, Range]:
    """What a run may vary; nothing for one that does not train, or has no dev figure to compare trials by: MLM alone.

    Of one that makes a given number of updates not its epochs. Raises ValueError as `SearchFields.space` does.
    """
    if spec.optimisation is None or spec.tasks == (MLM,):
        return {}
    found = search.space(spec.optimisation, phase=spec.phase, tasks=spec.tasks, mlm=spec.mlm is not None)
    return {name: own for name, own in found.items() if not (spec.steps and name == "epochs")}


def spread(plan: Plan, search: SearchFields, earlier: Allocation | None) -> Allocation:
    """The earlier allocation if it was made from the same; else a new one.

    The hours are those of the store: where they are not fewer than before, every run keeps the trials that it had.
    """
    nodes = candidates(plan, search)
    most = {phase.value: search.count(phase) for phase in Phase if phase is not Phase.RETRIEVAL}
    if earlier and earlier.unit == unit(plan) and earlier.hours <= search.gpu_hours:
        if (earlier.hours, earlier.most, set(earlier.trials)) == (search.gpu_hours, most, set(nodes)):
            return earlier
        nodes = {id_: replace(each, held=earlier.trials.get(id_, 0)) for id_, each in nodes.items()}
    return Allocation(
        hours=search.gpu_hours, unit=unit(plan), most=most, trials=allocate(nodes, hours=search.gpu_hours)
    )


def _counted(plan: Plan, trials: Mapping[str, int]) -> dict[str, Node]:
    return {
        node_id: replace(node, trials=trials[node_id]) if trials.get(node_id, 1) > 1 else node
        for node_id, node in plan.nodes.items()
    }
