"""Fields of the configuration made from the table of hyperparameters: their values, and their ranges in a search."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any

from pydantic import PlainSerializer, PlainValidator, TypeAdapter, ValidationError, create_model

from search_spaces.fields import Section, Within, listed, named, number
from trainables.ledger.bounds import Bounds
from trainables.ledger.hyperparameters import Hyperparameter, PhaseName, of_section, searchable_in
from trainables.ledger.nearest import unknown
from trainables.ledger.space import FIXED, Choices, Fixed, Interval, Range

_RANGE_KEYS = ("low", "high", "log", "choices")
_SWITCH = TypeAdapter(bool)


def training_fields(section: PhaseName) -> Any:
    """A section with the hyperparameters of a phase, all unset: None is the published value of the task."""
    fields = {name: value_of(own) | None for own in of_section(section) for name in own.fields(section)}
    return _model(section, Section, dict.fromkeys(fields), fields)


def mlm_fields() -> Any:
    """A section with the hyperparameters of MLM and their published values."""
    fields = {own.name: value_of(own) for own in of_section("mlm")}
    return _model("mlm", Section, {own.name: own.published for own in of_section("mlm")}, fields)


def range_fields(section: PhaseName, base: type[Section]) -> Any:
    """A section with a range for all that runs of a phase may vary, all unset."""
    fields = {name: range_of(own) | None for own in searchable_in(section) for name in own.fields(section)}
    return _model(f"{section} ranges", base, dict.fromkeys(fields), fields)


def value_of(own: Hyperparameter) -> Any:
    """The type of a field that holds a value of this hyperparameter."""
    allowed = own.allowed
    if isinstance(allowed, Bounds):
        return Annotated[int if allowed.whole else float, Within(allowed)]
    return Annotated[allowed, named(own.name, lambda: allowed)]


def range_of(own: Hyperparameter) -> Any:
    """The type of a field that holds `fixed`, `{low, high, log}` or `{choices}`."""

    def check(value: Any) -> Range | Fixed:
        if isinstance(value, Interval | Choices) and value.parameter == own.name:
            return value
        if value == FIXED:
            return FIXED
        if not isinstance(value, Mapping):
            raise ValueError(f"allowed: {{low: ..., high: ...}}, {{choices: [...]}} or {FIXED}")
        return _range(own, value)

    return Annotated[Range | Fixed, PlainValidator(check), PlainSerializer(_as_written)]


def _range(own: Hyperparameter, fields: Mapping[Any, Any]) -> Range:
    for name in fields:
        if name not in _RANGE_KEYS:
            raise ValueError(unknown(f"field of the range of {own.name}", str(name), _RANGE_KEYS))
    if fields.keys() == {"choices"}:
        choices = (number(item, allowed="numbers as choices") for item in listed(fields["choices"]))
        return Choices(parameter=own.name, choices=tuple(choices))
    if not {"low", "high"} <= fields.keys() or "choices" in fields:
        raise ValueError("allowed: low and high, with or without log; or choices alone")
    low, high = (number(fields[end], allowed=f"a number as {end}") for end in ("low", "high"))
    try:
        log = _SWITCH.validate_python(fields.get("log", own.logarithmic))
    except ValidationError:
        raise ValueError("allowed: off, on as log") from None
    return Interval(parameter=own.name, low=low, high=high, log=log)


def _as_written(value: Range | Fixed) -> Any:
    return value if isinstance(value, str) else value.to_dict()


def _model(name: str, base: type[Section], defaults: Mapping[str, Any], types: Mapping[str, Any]) -> Any:
    fields: dict[str, Any] = {field: (kind, defaults[field]) for field, kind in types.items()}
    return create_model(name, __base__=base, **fields)
