"""Advising: the candidates and targets of a configuration, their samples within an allowance of time, the advice."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from analysis.advice.advised import Advised, Cost
from analysis.advice.left_out import Check, check
from analysis.advice.ranking import Advice
from analysis.advice.records import Records, published, records_of
from analysis.advice.signals import Goal, Source, signals_of
from search_spaces.fields import target_names
from search_spaces.recipe_fields import check_recipe
from sweep.command_line.desk import Desk
from sweep.command_line.sampling import Allowance
from sweep.command_line.setup import configured, planned
from sweep.planning.planner import data_of
from trainables.ledger.cells import BASELINE
from trainables.ledger.console import silent_console
from trainables.ledger.plan import Plan
from trainables.ledger.recipe import Recipe, parse_recipe, recipe_of
from trainables.tasks import registry

SHARE = 0.01
"""Of the work of the sweep, that an advice may take."""


@dataclass(frozen=True, kw_only=True)
class Prepared:
    """What is known before anything is ranked.

    Attributes:
        encoder: that the sweep would start from.
        plan: of the sweep.
        targets: of the sweep.
        recipes: its candidates.
        goals: these targets, then those of the stores.
        sources: these candidates, then the rows of the stores.
        rows: of each task that were read.
        notes: what is missing, and why.
    """

    encoder: str
    plan: Plan
    targets: tuple[str, ...]
    recipes: tuple[Recipe, ...]
    goals: tuple[Goal, ...]
    sources: tuple[Source, ...]
    rows: int
    notes: tuple[str, ...]

    @property
    def sweep_seconds(self) -> float:
        """Of all runs of the sweep, one after another."""
        return _seconds(self.plan)


def advise(given: argparse.Namespace, stores: Sequence[Path | str], rows: int, began: float) -> Advised:
    """Rank the candidates of a configuration for its targets; `rows` of every task are read, 0 is none.

    `began` is when the command did, by `time.perf_counter`. Raises ValueError or DataError for what cannot be planned,
    AnalysisError for a store without gains.
    """
    records = [records_of(place) for place in stores]
    found = prepare(given, records, rows, began)
    advice = Advice(cheap=signals_of(found.sources, found.goals), stores=records, paper=published())
    checks = [check(advice, store) for store in records]
    return Advised(
        encoder=found.encoder,
        ranked={name: tuple(advice.rank(_apart(found.recipes, name), name)) for name in found.targets},
        records=tuple(records),
        checks=tuple(each for each in checks if isinstance(each, Check)),
        notes=(*found.notes, *(each for each in checks if isinstance(each, str))),
        cost=Cost(seconds=time.perf_counter() - began, sweep_seconds=found.sweep_seconds, rows=found.rows),
    )


def prepare(given: argparse.Namespace, records: Sequence[Records], rows: int, began: float) -> Prepared:
    """Candidates and targets of a configuration and of records, with their samples; raises as `advise` does."""
    config = configured(_with_usual(given), silent_console())
    data = data_of(config)
    plan = planned(config, data).plan
    names = tuple(dict.fromkeys(cell.target for cell in plan.cells))
    recipes = tuple(own for row in dict.fromkeys(cell.row for cell in plan.cells) if (own := recipe_of(row)).stages)
    if not recipes:
        raise ValueError(_nothing(plan))
    desk = Desk(config, data)
    goals = [desk.goal(name) for name in dict.fromkeys([*names, *_targets_of(records)])]
    sources = [desk.source(recipe) for recipe in dict.fromkeys([*recipes, *_rows_of(records)])]
    sampled = desk.sampled(goals, sources, rows, Allowance(seconds=_seconds(plan) * SHARE, began=began))
    left_out = dict.fromkeys(f"left out: {reason}" for reason in plan.without_data.values())
    return Prepared(
        encoder=config.encoder.name,
        plan=plan,
        targets=names,
        recipes=recipes,
        goals=tuple(replace(each, sample=sampled.of(desk.rows_for(each.name))) for each in goals),
        sources=tuple(replace(each, sample=sampled.of(desk.rows_of(each.recipe))) for each in sources),
        rows=sampled.rows,
        notes=(*left_out, *sampled.notes),
    )


def _with_usual(given: argparse.Namespace) -> argparse.Namespace:
    """The options; where nothing says which rows, all tasks that train, each by itself and without MLM."""
    found = argparse.Namespace(**vars(given))
    if given.preset is None and not given.config:
        if given.intermediates is None:
            found.intermediates = ",".join((BASELINE, *_usual()))
        if given.mlm is None:
            found.mlm = "off"
    return found


def _usual() -> tuple[str, ...]:
    """Intermediate tasks, and targets that train on rows of their own."""
    own = [name for name in target_names() if (of := registry.task(name)).trains and of.fine_tuning == name]
    return tuple(dict.fromkeys([*(of.name for of in registry.intermediates()), *own]))


def _apart(recipes: Sequence[Recipe], target: str) -> list[str]:
    """Candidates that are no more than the target's own training, done twice, are left out."""
    return [str(recipe) for recipe in recipes if str(recipe) != target]


def _targets_of(records: Sequence[Records]) -> Iterator[str]:
    known = target_names()
    return (target for each in records for target in each.gains if target in known)


def _rows_of(records: Sequence[Records]) -> Iterator[Recipe]:
    """Rows of stores, as far as their tasks are known here."""
    for each in records:
        for row in each.rows:
            recipe = parse_recipe(row)
            try:
                check_recipe(recipe)
            except ValueError:
                continue
            yield recipe


def _nothing(plan: Plan) -> str:
    reasons = "".join(f"\n  {reason}" for reason in dict.fromkeys(plan.without_data.values()))
    return f"there is nothing to rank: no row but the baseline has data for a target{reasons}"


def _seconds(plan: Plan) -> float:
    return sum(node.cost * node.trials for node in plan.nodes.values())
