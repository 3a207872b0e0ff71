"""Spaces: what the settings of a run may be drawn from, and how drawn values go into its `Optimisation`."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping
from typing import Any, Final, Literal

from trainables.ledger.hyperparameters import HYPERPARAMETERS
from trainables.ledger.nearest import unknown
from trainables.ledger.spec import Optimisation

PARAMETERS = tuple(own.name for own in HYPERPARAMETERS if own.searchable)
"""What may be searched. `mixing_cap` decides how often a task, and MLM, is drawn (protocol.md 3.8)."""

Fixed = Literal["fixed"]
FIXED: Final[Fixed] = "fixed"
"""In place of a range: the parameter keeps its configured value."""

_WHOLE = frozenset(own.name for own in HYPERPARAMETERS if own.searchable and own.whole)
_MLM = "mlm"


@dataclasses.dataclass(frozen=True, kw_only=True)
class Interval:
    """All values from `low` to `high`, both included; with `log`, uniform in the logarithm.

    Parameters that are counts are drawn as whole numbers; so are epochs when both ends are. Raises ValueError for an
    unknown parameter, for ends that `Optimisation` does not accept, and for ends in the wrong order.
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
        """The value as it is drawn: an int where the parameter is a whole number."""
        return _converted(self.parameter, value)

    def to_dict(self) -> dict[str, object]:
        """As in a configuration file."""
        return {"choices": [self.member(choice) for choice in self.choices]}


Range = Interval | Choices
Space = Mapping[str, Range]
"""Parameter -> what is drawn for it, in the order of `PARAMETERS`."""


def range_from(parameter: str, fields: Mapping[str, Any]) -> Range:
    """The inverse of `to_dict`; raises ValueError, KeyError or TypeError for anything else."""
    if "choices" in fields:
        return Choices(parameter=parameter, choices=tuple(fields["choices"]))
    return Interval(parameter=parameter, low=fields["low"], high=fields["high"], log=bool(fields["log"]))


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
    values = {parameter: value_of(optimisation, parameter) for parameter in space}
    return {parameter: holding(own, values[parameter]).member(values[parameter]) for parameter, own in space.items()}


def holding(own: Range, configured: float) -> Range:
    """The range, which must contain the configured value; raises ValueError otherwise."""
    if not own.contains(configured):
        raise ValueError(
            f"{own.parameter}: given the range {own}, which does not contain the configured {_short(configured)}; "
            f"allowed: a range that does, since trial 0 is the configured run, or `{FIXED}`"
        )
    return own


def value_of(optimisation: Optimisation, parameter: str) -> float:
    """The value of a parameter; raises ValueError for the batch of a mixture whose tasks have different ones."""
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
