"""The axes of the grid: rows (recipes, with or without MLM) x targets x seeds -> cells."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import product

from trainables.ledger.cells import Cell, Row
from trainables.ledger.recipe import Recipe, parse_recipe


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


def _multiplies(recipe: Recipe) -> bool:
    """Whether a row of this recipe also exists with MLM."""
    if len(recipe.stages) != 1:
        return False
    [stage] = recipe.stages
    return not (stage.mlm or stage.is_mlm_alone or stage.method)
