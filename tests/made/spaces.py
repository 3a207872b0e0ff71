"""Spaces of single runs, as a configuration gives them."""

from __future__ import annotations

from collections.abc import Sequence

from search_spaces.config import SweepConfig
from search_spaces.config_file import apply_sets
from search_spaces.presets import paper
from search_spaces.resolve import intermediate_optimisation, target_optimisation
from trainables.ledger.space import Range
from trainables.ledger.spec import Phase

MIXTURE = ("anli", "qqp", "hellaswag", "cosmosqa", "csqa")


def space_of(
    row: str,
    *,
    sets: Sequence[str] = (),
    mlm: bool = False,
    members: Sequence[str] | None = None,
    config: SweepConfig | None = None,
) -> dict[str, Range]:
    """Of an intermediate run; `members` are the tasks of the mixture."""
    config = apply_sets(config or paper(), sets)
    tasks = members or (row,)
    optimisation = intermediate_optimisation(config, row, tasks, mlm=mlm)
    return config.search.space(optimisation, phase=Phase.INTERMEDIATE, tasks=tasks, mlm=mlm)


def target_space(*tasks: str, sets: Sequence[str] = (), config: SweepConfig | None = None) -> dict[str, Range]:
    """Of a target run."""
    config = apply_sets(config or paper(), sets)
    return config.search.space(target_optimisation(config, tasks), phase=Phase.TARGET, tasks=tasks, mlm=False)
