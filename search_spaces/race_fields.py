"""The section `race` of the configuration: whether intermediates that are beaten on a target get further runs."""

from __future__ import annotations

from typing import Annotated

from search_spaces.fields import Chance, NotNegative, Section, named

GUARANTEES = ("pair", "family")


class RaceFields(Section):
    """Racing across the grid: the rule of `analysis.statistics.racing.Rule`.

    Attributes:
        enabled: whether intermediates are dropped from targets.
        alpha: error that `guarantee` speaks of.
        guarantee: `pair`: the best is dropped for one given rival; `family`: it is dropped at all.
        seed_sd: points, standard deviation assumed between runs that differ by the seed.
    """

    enabled: bool = False
    alpha: Chance = 0.05
    guarantee: Annotated[str, named("guarantee", lambda: GUARANTEES)] = "pair"
    seed_sd: NotNegative = 1.0
