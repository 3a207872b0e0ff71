"""Recipes as a user says them: lists of them, held against the tasks that there are and their languages."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Annotated, Any

from pydantic import AfterValidator, BeforeValidator, Field

from search_spaces.fields import distinct, stage_names
from trainables.ledger.cells import BASELINE, MULTI_TASK
from trainables.ledger.nearest import unknown
from trainables.ledger.recipe import Recipe, Stage, parse_recipe
from trainables.tasks import languages, registry

MLM_LANGUAGES = languages.KNOWN
"""Languages that a recipe may give to MLM; which of them have text is known by the data."""


def check_recipe(recipe: Recipe) -> None:
    """Raise ValueError for a stage that no run can have: its task, its languages."""
    for stage in recipe.stages:
        try:
            _check_stage(stage)
        except ValueError as error:
            where = f"recipe {str(recipe)!r}: " if str(recipe) != stage.task else ""
            raise ValueError(f"{where}{error}") from error


def check_training_languages(name: str, asked: Sequence[str]) -> None:
    """Raise ValueError for languages that a task has no training rows in, which may be no languages at all."""
    able = registry.task(name).training_languages
    for code in asked:
        if code not in MLM_LANGUAGES:
            raise ValueError(unknown(f"training language of {name}", code, able))
    if unable := [code for code in asked if code not in able]:
        raise ValueError(f"{name} has no training rows in {', '.join(unable)}; it has them in {', '.join(able)}")


def _check_stage(stage: Stage) -> None:
    if stage.task in registry.tasks() and stage.task not in stage_names():
        raise ValueError(f"{stage.task} trains nothing; allowed: {', '.join((BASELINE, *stage_names()))}")
    if stage.task not in stage_names():
        raise ValueError(unknown("intermediate task", stage.task, (BASELINE, *stage_names())))
    if stage.task == MULTI_TASK and stage.languages:
        given = "+".join(stage.languages)
        raise ValueError(f"{MULTI_TASK} is trained on English rows, given {given}; allowed: {MULTI_TASK} alone")
    if 0 < stage.rows < len(stage.languages):
        raise ValueError(f"{stage.rows} rows for {len(stage.languages)} languages; allowed: at least one for each")
    for code in stage.languages if stage.is_mlm_alone else stage.mlm_languages:
        if code not in MLM_LANGUAGES:
            raise ValueError(unknown("language of MLM", code, MLM_LANGUAGES))
    if not stage.is_mlm_alone and stage.task != MULTI_TASK:
        check_training_languages(stage.task, stage.languages)


def _recipe(value: Any) -> str:
    """The one way to write a recipe; raises ValueError for one that cannot be."""
    recipe = value if isinstance(value, Recipe) else parse_recipe(str(value))
    check_recipe(recipe)
    return str(recipe)


def _listed(value: Any) -> list[Any]:
    """Recipes as YAML and Python have them, or between commas; a comma may also stand between languages."""
    if isinstance(value, str):
        pieces: list[Any] = [piece.strip() for piece in value.split(",") if piece.strip()]
    else:
        items = value if isinstance(value, list | tuple) else [value]
        pieces = [whole[0] if isinstance(item, str) and len(whole := _listed(item)) == 1 else item for item in items]
    found: list[Any] = []
    for piece in pieces:
        if piece in MLM_LANGUAGES and found and _ends_in_languages(found[-1]):
            found[-1] += f"+{piece}"
        else:
            found.append(piece)
    return found


def _ends_in_languages(recipe: Any) -> bool:
    """Whether what a recipe ends in are languages after an @, so that others may follow."""
    _, at, end = recipe.rpartition("@") if isinstance(recipe, str) else ("", "", "")
    return bool(at) and all(code.strip() in MLM_LANGUAGES for code in end.split("+"))


Recipes = Annotated[
    tuple[Annotated[str, BeforeValidator(_recipe)], ...],
    BeforeValidator(_listed),
    AfterValidator(distinct),
    Field(min_length=1),
]
"""Rows of the grid as recipes in the one way to write them; at least one, each once."""
