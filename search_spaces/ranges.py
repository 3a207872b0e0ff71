"""What a search may vary: ranges of parameters, the space of a run, settings drawn from it (protocol.md 2.6)."""

from __future__ import annotations

import dataclasses
import math
from collections.abc import Mapping, Sequence
from typing import Any, Final, Literal

from search_spaces import published
from search_spaces.published import MULTI_TASK
from trainables.nearest import unknown
from trainables.spec import Optimisation, Phase

PARAMETERS = ("learning_rate", "epochs", "batch_size", "warmup_fraction", "weight_decay", "mixing_cap")
"""What may be searched. `mixing_cap` decides how often a task, and MLM, is drawn (protocol.md 3.8)."""

LOGARITHMIC = frozenset({"learning_rate"})
"""Parameters searched on a logarithmic scale unless a range says otherwise."""

Fixed = Literal["fixed"]
FIXED: Final[Fixed] = "fixed"
"""In place of a range: the parameter keeps its configured value."""

_WHOLE = frozenset({"batch_size", "mixing_cap"})
_MLM = "mlm"

_INTERMEDIATE_RATES = (3e-6, 3e-5)
_INTERMEDIATE_RATES_WITH_MLM = (1.5e-6, 1.5e-5)
_TARGET_RATES = (1e-6, 2e-5)
_SPREAD = 3
"""A default range around a configured value goes from a third of it to three times it."""


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """All values from `low` to `high`, both included; with `log`, uniform in the logarithm.

    Batch sizes and mixing caps are whole numbers; so are epochs when both ends are. Raises ValueError for an unknown
    parameter, for ends that `Optimisation` does not accept, and for ends in the wrong order.
    """

    parameter: str
    low: float
    high: float
    log: bool = False

    def __post_init__(self) -> None:
        for end in (self.low, self.high):
            _check(self.parameter, end)
        if not self.low < self.high:
            raise ValueError(
                f"{self.parameter} must have low below high, got {_short(self.low)} and {_short(self.high)}; "
                f"`{FIXED}` keeps one value"
            )
        if self.log and self.low <= 0:
            raise ValueError(f"{self.parameter} must have low above 0 with log, got {_short(self.low)}")

    def __str__(self) -> str:
        return f"{_short(self.low)} to {_short(self.high)}{' in whole numbers' if self.whole else ''}"

    @property
    def whole(self) -> bool:
        """Whether only whole numbers are drawn."""
        ends_are_whole = float(self.low).is_integer() and float(self.high).is_integer()
        return self.parameter in _WHOLE or (self.parameter == "epochs" and ends_are_whole)

    def contains(self, value: float) -> bool:
        """Whether the value can be drawn."""
        return self.low <= value <= self.high and (not self.whole or float(value).is_integer())

    def member(self, value: float) -> float:
        """The value as it is drawn: an int where only whole numbers are."""
        return int(value) if self.whole else float(value)

    def to_dict(self) -> dict[str, object]:
        """As in a configuration file."""
        return {"low": self.member(self.low), "high": self.member(self.high), "log": self.log}


@dataclasses.dataclass(frozen=True, kw_only=True)
class Choices:
    """One of several values, without an order. Raises ValueError as `Interval` does, and for fewer than two values."""

    parameter: str
    choices: tuple[float, ...]

    def __post_init__(self) -> None:
        for choice in self.choices:
            _check(self.parameter, choice)
        if len(set(self.choices)) < max(2, len(self.choices)):
            raise ValueError(
                f"{self.parameter} must have two or more different choices, got "
                f"{', '.join(map(_short, self.choices)) or 'none'}; `{FIXED}` keeps one value"
            )

    def __str__(self) -> str:
        return f"one of {', '.join(map(_short, self.choices))}"

    def contains(self, value: float) -> bool:
        """Whether the value is one of the choices."""
        return value in self.choices

    def member(self, value: float) -> float:
        """The value as it is drawn: an int for batch sizes and mixing caps."""
        return _converted(self.parameter, value)

    def to_dict(self) -> dict[str, object]:
        """As in a configuration file."""
        return {"choices": [self.member(choice) for choice in self.choices]}


Range = Interval | Choices
Space = Mapping[str, Range]
"""Parameter -> what is drawn for it, in the order of `PARAMETERS`."""


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
            found[parameter] = _holding(own, _value(optimisation, parameter))
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
    return f"{parameter}_with_mlm" if mlm and parameter == "learning_rate" else parameter


def assign(optimisation: Optimisation, values: Mapping[str, float]) -> Optimisation:
    """The optimisation with these values; a batch size is that of the run's own tasks, not of MLM.

    Raises ValueError for an unknown parameter and for a value that `Optimisation` does not accept.
    """
    changes: dict[str, Any] = {parameter: _converted(parameter, value) for parameter, value in values.items()}
    if "batch_size" in changes:
        size = changes.pop("batch_size")
        changes["batch_sizes"] = {
            task: batch if task == _MLM else size for task, batch in optimisation.batch_sizes.items()
        }
    return dataclasses.replace(optimisation, **changes)


def assigned(optimisation: Optimisation, space: Space) -> dict[str, float]:
    """The values that the parameters of a space have in this optimisation; the inverse of `assign`.

    Raises ValueError when a value lies outside its range.
    """
    values = {parameter: _value(optimisation, parameter) for parameter in space}
    return {parameter: _holding(own, values[parameter]).member(values[parameter]) for parameter, own in space.items()}


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
    return {own.parameter: _holding_default(own, _value(optimisation, own.parameter)) for own in ranges}


def _holding_default(default: Interval, configured: float) -> Interval:
    """The default range, or one around the configured value when that lies outside."""
    if default.contains(configured):
        return default
    low, high = configured / _SPREAD, configured * _SPREAD
    if default.whole and configured.is_integer():
        low = math.ceil(low)
    return dataclasses.replace(default, low=low, high=high)


def _holding(own: Range, configured: float) -> Range:
    if not own.contains(configured):
        raise ValueError(
            f"{own.parameter}: given the range {own}, which does not contain the configured {_short(configured)}; "
            f"allowed: a range that does, since trial 0 is the configured run, or `{FIXED}`"
        )
    return own


def _value(optimisation: Optimisation, parameter: str) -> float:
    if parameter != "batch_size":
        return float(getattr(optimisation, parameter))
    batches = {task: batch for task, batch in optimisation.batch_sizes.items() if task != _MLM}
    if len(set(batches.values())) > 1:
        raise ValueError(
            f"batch_size: the tasks of the mixture have different batches "
            f"({', '.join(f'{task} {batch}' for task, batch in batches.items())}); allowed: the same batch for all, "
            f"or `{FIXED}`"
        )
    return next(iter(batches.values()))


def _check(parameter: str, value: float) -> None:
    """Refuse what `Optimisation` refuses."""
    assign(Optimisation(learning_rate=1.0, epochs=1.0, batch_sizes={"the run": 1}, max_length=8), {parameter: value})


def _converted(parameter: str, value: float) -> float:
    if parameter not in PARAMETERS:
        raise ValueError(unknown("parameter", parameter, PARAMETERS))
    if parameter not in _WHOLE:
        return float(value)
    if not float(value).is_integer():
        raise ValueError(f"{parameter} must be a whole number, got {value!r}")
    return int(value)


def _short(value: float) -> str:
    return f"{value:.12g}"
