"""Controls: what of a row in another language is its rows and its updates alone, and not the language."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass, replace

from trainables.ledger.recipe import Recipe

_FEW = 6
"""Recipes that are named."""


@dataclass(frozen=True, kw_only=True)
class Amount:
    """What the last stage of a recipe trains on and for how long."""

    rows: int
    steps: int


def english_controls(trained: Mapping[Recipe, Amount], asked: Collection[str]) -> str:
    """A sentence with the recipes that train on as many English rows, and for as many updates; empty for none.

    `asked` are the recipes of the grid, which need not be named.
    """
    by_rows: dict[str, None] = {}
    by_steps: dict[str, None] = {}
    for recipe, amount in trained.items():
        *before, last = recipe.stages
        english = replace(last, languages=())
        for found, control in (
            (by_rows, replace(english, rows=amount.rows, steps=0)),
            (by_steps, replace(english, rows=0, steps=amount.steps)),
        ):
            text = str(Recipe(stages=(*before, control)))
            found |= {} if text in asked else {text: None}
    parts = [f"at equal {what} {_some(found)}" for what, found in (("rows", by_rows), ("updates", by_steps)) if found]
    return f"controls in English for rows in other languages: {'; '.join(parts)}" if parts else ""


def _some(recipes: Collection[str]) -> str:
    named = list(recipes)
    more = f" and {len(named) - _FEW} more" if len(named) > _FEW else ""
    return f"{', '.join(named[:_FEW])}{more}"
