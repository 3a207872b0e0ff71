"""Headings of rows and columns of Table 2, and their order."""

from __future__ import annotations

from trainables.ledger.cells import BASELINE, MULTI_TASK, Row
from trainables.ledger.recipe import MLM, MethodKind, RecipeError, Stage, parse_recipe, recipe_of
from trainables.tasks.registry import intermediates, targets, task

_METHODS = {MethodKind.LORA: "LoRA", MethodKind.ADAPTER: "adapter"}
Order = tuple[bool, bool, int, tuple[tuple[object, ...], ...], str]
"""Sort key of rows."""


class AnalysisError(ValueError):
    """Results that cannot be analysed as asked; the message says why and what to do."""


def heading(name: str) -> str:
    """Row or column heading of a recipe or a target task; raises AnalysisError for an unknown name.

    For example `SQuAD`, `NER (sw, 1,000 rows)`, `SQuAD → NER (de)`, `QQP (LoRA 16)`, `MLM (am, sw)`.
    """
    if name == BASELINE:
        return "baseline"
    try:
        return " → ".join(map(_stage_title, parse_recipe(name).stages))
    except ValueError as error:
        raise AnalysisError(str(error)) from error


def row_title(row: Row) -> str:
    """For example `SQuAD + MLM`."""
    return heading(row.intermediate) + (" + MLM" if row.mlm else "")


def row_order(row: Row) -> Order:
    """Sort key: the rows of the paper as in Table 2, without MLM first, the baseline before all (protocol.md 7).

    All others come after them: fewer stages first, then by task in the order of the registry, languages, dose, method.
    """
    known = [BASELINE, *(found.name for found in intermediates()), MULTI_TASK]
    if row.intermediate in known:
        return False, row.mlm, known.index(row.intermediate), (), ""
    try:
        stages = recipe_of(row).stages
    except RecipeError:  # a name that no version has written
        return True, row.mlm, 0, (), row.intermediate
    places = {name: place for place, name in enumerate([*known, *(found.name for found in targets()), MLM])}
    return True, row.mlm, len(stages), tuple(_stage_order(stage, places) for stage in stages), str(row)


def target_order(name: str) -> tuple[int, str]:
    """Sort key: the order of Table 2."""
    known = [found.name for found in targets()]
    return (known.index(name) if name in known else len(known)), name


def _stage_order(stage: Stage, places: dict[str, int]) -> tuple[object, ...]:
    place, method = places.get(stage.task, len(places)), stage.method
    dose = (stage.rows or float("inf"), stage.steps or float("inf"))
    how = (str(method.kind), method.size) if method else ("", 0)
    return place, stage.task, stage.languages, how, stage.mlm, stage.mlm_languages, dose


def _stage_title(stage: Stage) -> str:
    title = "Multi-task" if stage.task == MULTI_TASK else task(stage.task).title
    inside = list(stage.languages)
    inside += [f"{stage.rows:,} rows"] if stage.rows else []
    inside += [f"{stage.steps:,} updates"] if stage.steps else []
    inside += [f"{_METHODS[stage.method.kind]} {stage.method.size}"] if stage.method else []
    title += f" ({', '.join(inside)})" if inside else ""
    co_trained = f" ({', '.join(stage.mlm_languages)})" if stage.mlm_languages else ""
    return title + (f" + MLM{co_trained}" if stage.mlm else "")
