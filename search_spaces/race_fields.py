"""The section `race` of the configuration: whether intermediates that are beaten on a target get further runs."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BeforeValidator

from search_spaces.fields import Section, Switch
from trainables.nearest import unknown

GUARANTEES = ("pair", "family")


def _between_0_and_1(value: Any) -> Any:
    if not 0 < _number(value, "a number between 0 and 1") < 1:
        raise ValueError("allowed: a number between 0 and 1")
    return value


def _points(value: Any) -> Any:
    if not 0 <= _number(value, "a number of points from 0 up") < float("inf"):
        raise ValueError("allowed: a number of points from 0 up")
    return value


def _number(value: Any, allowed: str) -> float:
    try:
        if isinstance(value, bool):
            raise ValueError
        return float(value)
    except (TypeError, ValueError):
        raise ValueError(f"allowed: {allowed}") from None


def _guarantee(value: Any) -> Any:
    if value not in GUARANTEES:
        raise ValueError(unknown("guarantee", str(value), GUARANTEES))
    return value


class RaceFields(Section):
    """Racing across the grid: the rule of `analysis.racing.Rule`.

    Attributes:
        enabled: whether intermediates are dropped from targets.
        alpha: error that `guarantee` speaks of.
        guarantee: `pair`: the best is dropped for one given rival; `family`: it is dropped at all.
        seed_sd: points, standard deviation assumed between runs that differ by the seed.
    """

    enabled: Switch = False
    alpha: Annotated[float, BeforeValidator(_between_0_and_1)] = 0.05
    guarantee: Annotated[str, BeforeValidator(_guarantee)] = "pair"
    seed_sd: Annotated[float, BeforeValidator(_points)] = 1.0
