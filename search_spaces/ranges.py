"""What a search may vary: ranges of parameters, the space of a run, settings drawn from it (protocol.md 2.6)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence

from search_spaces import published
from trainables.ledger.bounds import Bounds
from trainables.ledger.cells import MULTI_TASK
from trainables.ledger.hyperparameters import HYPERPARAMETERS
from trainables.ledger.space import FIXED, PARAMETERS, Fixed, Interval, Range, holding, value_of
from trainables.ledger.spec import Optimisation, Phase

_INTERMEDIATE_RATES = (3e-6, 3e-5)
_INTERMEDIATE_RATES_WITH_MLM = (1.5e-6, 1.5e-5)
_TARGET_RATES = (1e-6, 2e-5)
_SPREAD = 3
"""A default range around a configured value goes from a third of it to three times it."""


def space(
    optimisation: Optimisation,
    *,
    phase: Phase,
    tasks: Sequence[str],
    mlm: bool,
    given: Mapping[str, Range | Fixed],
) -> dict[str, Range]:
    """What a run may vary: the given ranges, else learning rate and epochs around their published values.

    `optimisation` is the run as configured, and always lies inside: a default range that does not contain it gives way
    to one from a third of the configured value to three times it. `mixing_cap` is left out of runs that train on one
    thing only, where it changes nothing. Raises ValueError, with all problems of the run at once, for a given range
    that does not contain the configured value and for the retrieval phase, which trains nothing.
    """
    if phase is Phase.RETRIEVAL:
        raise ValueError("given the retrieval phase, which trains nothing; allowed: intermediate, target")
    ranges = _defaults(optimisation, phase, tasks, mlm=mlm) | dict(given)
    found: dict[str, Range] = {}
    problems: dict[str, str] = {}
    for parameter in PARAMETERS:
        own = ranges.get(parameter, FIXED)
        if isinstance(own, str) or (parameter == "mixing_cap" and len(optimisation.batch_sizes) == 1):
            continue
        try:
            found[parameter] = holding(own, value_of(optimisation, parameter))
        except ValueError as error:
            problems[parameter] = str(error)
    if problems:
        names = names_of(phase, tasks)
        places = [f"search.ranges.tasks.{name}.{field_of(each, mlm=mlm)}" for name in names for each in problems]
        raise ValueError(
            f"{phase} run {','.join(names)}{'+mlm' if mlm else ''}: {'; '.join(problems.values())}. "
            f"For this run alone that goes into {', '.join(places)}"
        )
    return found


def names_of(phase: Phase, tasks: Sequence[str]) -> tuple[str, ...]:
    """What the configuration calls a run: the mixture as a whole, or the tasks that share it."""
    return (MULTI_TASK,) if phase is Phase.INTERMEDIATE and len(tasks) > 1 else tuple(tasks)


def field_of(parameter: str, *, mlm: bool) -> str:
    """The field that holds a parameter of runs with or without MLM: only learning rates have two."""
    return next(own.field(mlm=mlm) for own in HYPERPARAMETERS if own.searchable and own.name == parameter)


def _defaults(optimisation: Optimisation, phase: Phase, tasks: Sequence[str], *, mlm: bool) -> dict[str, Range | Fixed]:
    if phase is Phase.TARGET:
        rates, table = _TARGET_RATES, {name: row.epochs for name, row in published.TARGET.items()}
    else:
        rates = _INTERMEDIATE_RATES_WITH_MLM if mlm else _INTERMEDIATE_RATES
        table = {name: row.epochs for name, row in published.INTERMEDIATE.items()}
    of_task = table.get(tasks[0], optimisation.epochs)
    epochs = published.MULTI_TASK_EPOCHS if phase is Phase.INTERMEDIATE and len(tasks) > 1 else of_task
    ranges = (
        Interval(parameter="learning_rate", low=rates[0], high=rates[1], log=True),
        Interval(parameter="epochs", low=1, high=max(2, math.floor(2 * epochs))),
    )
    return {own.parameter: _holding_default(own, value_of(optimisation, own.parameter)) for own in ranges}


def _holding_default(default: Interval, configured: float) -> Interval:
    """The default range, or one around the configured value when that lies outside."""
    if default.contains(configured):
        return default
    low, high = configured / _SPREAD or configured, configured * _SPREAD
    allowed = next(own.allowed for own in HYPERPARAMETERS if own.name == default.parameter)
    if isinstance(allowed, Bounds):
        high = min(high, allowed.high, allowed.limit)
    if default.whole and configured.is_integer():
        low = math.ceil(low)
    return dataclasses.replace(default, low=low, high=high)
