"""What a configuration is made of: sections, and types of fields: numbers with a range, lists, names that are known.

A value that does not fit raises ValueError with what is allowed; `config_file` adds the place and the value given.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping
from typing import Annotated, Any, TypeVar

from pydantic import AfterValidator, BaseModel, BeforeValidator, ConfigDict, PlainSerializer, PlainValidator

from search_spaces.grid import NONE
from search_spaces.published import LEFT_OUT_OF_MULTI_TASK, MULTI_TASK
from search_spaces.ranges import FIXED, LOGARITHMIC, Choices, Fixed, Interval, Range
from trainables.nearest import unknown
from trainables.tasks import languages, registry

Item = TypeVar("Item")


class Section(BaseModel):
    """A part of the configuration: unknown fields are errors, values do not change."""

    model_config = ConfigDict(extra="forbid", frozen=True)


def _whole(lowest: int, highest: int | None = None) -> BeforeValidator:
    allowed = f"a whole number of at least {lowest}" if highest is None else f"a whole number, {lowest} to {highest}"

    def check(value: Any) -> Any:
        number = _parsed(value, allowed)
        if number != int(number) or number < lowest or (highest is not None and number > highest):
            raise ValueError(f"allowed: {allowed}")
        return int(number)

    return BeforeValidator(check)


def _positive(value: Any) -> float:
    allowed = "a number above 0"
    number = _parsed(value, allowed)
    if number <= 0:
        raise ValueError(f"allowed: {allowed}")
    return number


def _not_negative(value: Any) -> float:
    allowed = "a number of at least 0"
    number = _parsed(value, allowed)
    if number < 0:
        raise ValueError(f"allowed: {allowed}")
    return number


def _share(value: Any) -> float:
    allowed = "a number from 0 to 1"
    number = _parsed(value, allowed)
    if not 0 <= number <= 1:
        raise ValueError(f"allowed: {allowed}")
    return number


def _parsed(value: Any, allowed: str) -> float:
    """A finite number; text is read too, since YAML 1.1 takes `5e-5` for text."""
    try:
        if isinstance(value, bool) or not isinstance(value, int | float | str):
            raise ValueError
        number = value if isinstance(value, int) else float(value)
        if not math.isfinite(number):
            raise ValueError
    except ValueError:
        raise ValueError(f"allowed: {allowed}") from None
    return number


def _listed(value: Any) -> Any:
    """A list as YAML has it, one value alone, or values between commas as on the command line."""
    if isinstance(value, str):
        return [item.strip() for item in value.split(",") if item.strip()]
    return list(value) if isinstance(value, list | tuple) else [value]


def _distinct(items: tuple[Item, ...]) -> tuple[Item, ...]:
    return tuple(dict.fromkeys(items))


def _not_empty(items: tuple[Item, ...]) -> tuple[Item, ...]:
    if not items:
        raise ValueError("allowed: at least one value")
    return items


def _switch(value: Any) -> Any:
    words = {"off": False, "on": True, "false": False, "true": True, "no": False, "yes": True}
    switch = words.get(str(value).lower())
    if switch is None:
        raise ValueError("allowed: off, on")
    return switch


def _known(what: str, names: Callable[[], Iterable[str]]) -> AfterValidator:
    def check(name: str) -> str:
        allowed = list(names())
        if name not in allowed:
            raise ValueError(unknown(what, name, allowed))
        return name

    return AfterValidator(check)


def _range_of(parameter: str) -> PlainValidator:
    """`fixed`, `{low, high, log}` or `{choices}`; `log` not said is that of `LOGARITHMIC`."""

    def check(value: Any) -> Range | Fixed:
        if isinstance(value, Interval | Choices) and value.parameter == parameter:
            return value
        if value == FIXED:
            return FIXED
        if not isinstance(value, Mapping):
            raise ValueError(f"allowed: {{low: ..., high: ...}}, {{choices: [...]}} or {FIXED}")
        for name in value:
            if name not in _RANGE_KEYS:
                raise ValueError(unknown(f"field of the range of {parameter}", str(name), _RANGE_KEYS))
        if value.keys() == {"choices"}:
            choices = (_parsed(item, "numbers as choices") for item in _listed(value["choices"]))
            return Choices(parameter=parameter, choices=tuple(choices))
        if not {"low", "high"} <= value.keys() or "choices" in value:
            raise ValueError("allowed: low and high, with or without log; or choices alone")
        low, high = (_parsed(value[end], f"a number as {end}") for end in ("low", "high"))
        log = _switch(value.get("log", parameter in LOGARITHMIC))
        return Interval(parameter=parameter, low=low, high=high, log=log)

    return PlainValidator(check)


def _range_as_written(value: Range | Fixed) -> Any:
    return value if isinstance(value, str) else value.to_dict()


def mixture_members() -> tuple[str, ...]:
    """Registered intermediate tasks that the multi-task mixture may hold."""
    names = (task.name for task in registry.intermediates())
    return tuple(name for name in names if name not in LEFT_OUT_OF_MULTI_TASK)


def intermediate_names() -> tuple[str, ...]:
    """Rows of the grid but for the baseline: registered intermediate tasks, then the mixture if it has members."""
    names = tuple(task.name for task in registry.intermediates())
    return (*names, MULTI_TASK) if len(mixture_members()) > 1 else names


def _row_names() -> tuple[str, ...]:
    return (NONE, *intermediate_names())


def target_names() -> tuple[str, ...]:
    """Columns of the grid: registered target tasks."""
    return tuple(task.name for task in registry.targets())


def language_names() -> tuple[str, ...]:
    """The languages of the paper."""
    return languages.XTREME


Count = Annotated[int, _whole(1)]
CountOrNone = Annotated[int, _whole(0)]
"""0 switches the limit off."""
InputLength = Annotated[int, _whole(8, 512)]
Layer = Annotated[int, _whole(0)]
Seed = Annotated[int, _whole(0, 2**31 - 1)]
Positive = Annotated[float, BeforeValidator(_positive)]
HoursOrNone = Annotated[float, BeforeValidator(_not_negative)]
"""0 is no such budget."""
Fraction = Annotated[float, BeforeValidator(_share)]
Switch = Annotated[bool, BeforeValidator(_switch)]

_RANGE_KEYS = ("low", "high", "log", "choices")
_AsWritten = PlainSerializer(_range_as_written)
LearningRates = Annotated[Range | Fixed, _range_of("learning_rate"), _AsWritten]
Epochs = Annotated[Range | Fixed, _range_of("epochs"), _AsWritten]
BatchSizes = Annotated[Range | Fixed, _range_of("batch_size"), _AsWritten]
WarmupFractions = Annotated[Range | Fixed, _range_of("warmup_fraction"), _AsWritten]
WeightDecays = Annotated[Range | Fixed, _range_of("weight_decay"), _AsWritten]
MixingCaps = Annotated[Range | Fixed, _range_of("mixing_cap"), _AsWritten]

Intermediate = Annotated[str, _known("intermediate task", intermediate_names)]
Row = Annotated[str, _known("intermediate task", _row_names)]
Target = Annotated[str, _known("target task", target_names)]
Trained = Annotated[str, _known("task", lambda: (*intermediate_names(), *target_names()))]
Language = Annotated[str, _known("language", language_names)]

AnyNumberOf = Annotated[tuple[Item, ...], BeforeValidator(_listed), AfterValidator(_distinct)]
AtLeastOne = Annotated[
    tuple[Item, ...], BeforeValidator(_listed), AfterValidator(_distinct), AfterValidator(_not_empty)
]
