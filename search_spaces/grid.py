"""The axes of the grid: rows (recipes, with or without MLM) x targets x seeds -> cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from search_spaces.config import GridFields
from search_spaces.fields import mixture_members
from trainables.ledger.cells import MULTI_TASK, Cell, Row
from trainables.ledger.recipe import MLM, Recipe, parse_recipe, recipe_of


def rows(intermediates: Sequence[str], mlm: Sequence[bool]) -> list[Row]:
    """The rows of recipes, each once: those without MLM first, otherwise as given.

    MLM is added to what is trained in one stage on all weights. A chain, a stage with a method, MLM alone and a recipe
    that says MLM itself are taken as written, and so is the baseline.
    """
    found: dict[Row, None] = {}
    for recipe in map(parse_recipe, intermediates):
        own = recipe.row
        found |= dict.fromkeys(Row(own.intermediate, each) for each in mlm) if _multiplies(recipe) else {own: None}
    return sorted(found, key=lambda row: row.mlm)


def cells(
    intermediates: Sequence[str], mlm: Sequence[bool], targets: Sequence[str], seeds: Sequence[int]
) -> list[Cell]:
    """All cells in Table 2 order: rows without MLM first, targets within a row, seeds innermost."""
    return [
        Cell(intermediate=row.intermediate, mlm=row.mlm, target=target, seed=seed)
        for row, target, seed in product(rows(intermediates, mlm), targets, seeds)
    ]


def tasks_of(grid: GridFields) -> tuple[str, ...]:
    """Names of the tasks that a grid reads, targets first."""
    stages = [stage for row in rows(grid.intermediates, grid.mlm) for stage in recipe_of(row).stages]
    trained = [name for stage in stages for name in (mixture_members() if stage.task == MULTI_TASK else (stage.task,))]
    return tuple(dict.fromkeys([*grid.targets, *trained, *([MLM] if any(stage.mlm for stage in stages) else [])]))


def _multiplies(recipe: Recipe) -> bool:
    """Whether a row of this recipe also exists with MLM."""
    if len(recipe.stages) != 1:
        return False
    [stage] = recipe.stages
    return not (stage.mlm or stage.is_mlm_alone or stage.method)
