"""Advising: the candidates and targets of a configuration, their samples within an allowance of time, the advice."""

from __future__ import annotations

import argparse
import time
from collections.abc import Iterator, Sequence
from dataclasses import replace
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from analysis.advice.advised import Advised, Cost
from analysis.advice.left_out import Check, check
from analysis.advice.ranking import Advice
from analysis.advice.records import Records, published, records_of
from analysis.advice.signals import Goal, Source, signals_of
from search_spaces import resolve
from search_spaces.config import SweepConfig
from search_spaces.fields import target_names
from search_spaces.recipe_fields import check_recipe
from sweep.command_line.sampling import Allowance, Sampled, Wanted, sample_all
from sweep.command_line.setup import configured, planned
from sweep.planning.at_hand import AtHand, NoRowsError
from sweep.planning.planner import data_of
from sweep.planning.row_counts import RowCounts
from trainables.data.source import DataSource
from trainables.ledger.cells import BASELINE, MULTI_TASK
from trainables.ledger.console import silent_console
from trainables.ledger.plan import Plan
from trainables.ledger.recipe import Recipe, Stage, parse_recipe, recipe_of
from trainables.phases.options import Options
from trainables.tasks import registry
from trainables.tasks.sample import Sample
from trainables.tasks.task import Split, Task

if TYPE_CHECKING:
    from trainables.phases.frozen import FrozenEncoder

SHARE = 0.01
"""Of the work of the sweep, that an advice may take."""
_FEW_LANGUAGES = 8
"""That the sentences of a target without training rows are taken from."""


def advise(given: argparse.Namespace, stores: Sequence[Path | str], rows: int, began: float) -> Advised:
    """Rank the candidates of a configuration for its targets; `rows` of every task are read, 0 is none.

    `began` is when the command did, by `time.perf_counter`. Raises ValueError or DataError for what cannot be planned,
    AnalysisError for a store without gains.
    """
    records = [records_of(place) for place in stores]
    config = configured(_with_usual(given), silent_console())
    data = data_of(config)
    plan = planned(config, data).plan
    seconds = sum(node.cost * node.trials for node in plan.nodes.values())
    desk = Desk(config, data)
    names = list(dict.fromkeys(cell.target for cell in plan.cells))
    recipes = [recipe for row in dict.fromkeys(cell.row for cell in plan.cells) if (recipe := recipe_of(row)).stages]
    if not recipes:
        raise ValueError(_nothing(plan))
    goals = [desk.goal(name) for name in dict.fromkeys([*names, *_targets_of(records)])]
    sources = [desk.source(recipe) for recipe in dict.fromkeys([*recipes, *_rows_of(records)])]
    sampled = desk.sampled(goals, sources, rows, Allowance(seconds=seconds * SHARE, began=began))
    cheap = signals_of(
        [replace(each, sample=sampled.of(desk.rows_of(each.recipe))) for each in sources],
        [replace(each, sample=sampled.of(desk.rows_for(each.name))) for each in goals],
    )
    advice = Advice(cheap=cheap, stores=records, paper=published())
    checks = [check(advice, store) for store in records]
    return Advised(
        encoder=config.encoder.name,
        ranked={name: tuple(advice.rank(_apart(recipes, name), name)) for name in names},
        records=tuple(records),
        checks=tuple(each for each in checks if isinstance(each, Check)),
        notes=tuple(_notes(plan, sampled, [each for each in checks if isinstance(each, str)])),
        cost=Cost(seconds=time.perf_counter() - began, sweep_seconds=seconds, rows=sampled.rows),
    )


class Desk:
    """What a configuration and its data say of candidates and targets."""

    def __init__(self, config: SweepConfig, data: DataSource) -> None:
        self._config = config
        self._data = data
        self._at_hand = AtHand(config, data, RowCounts(data), lambda _: None)

    def source(self, recipe: Recipe) -> Source:
        """A candidate without its sample."""
        return Source(recipe=recipe, rows=sum(map(self._count, recipe.stages)))

    def goal(self, name: str) -> Goal:
        """A target without its sample."""
        of = registry.task(name)
        return Goal(name=name, languages=tuple(self._evaluated(of)))

    def rows_of(self, recipe: Recipe) -> Wanted | None:
        """The rows of the last stage of a candidate that has a task of its own."""
        stage = next((each for each in reversed(recipe.stages) if _has_rows(each)), None)
        if stage is None:
            return None
        languages = stage.languages or registry.task(stage.task).usual_training_languages
        return Wanted(stage.task, Split.TRAIN, tuple(languages))

    def rows_for(self, name: str) -> Wanted | None:
        """The rows that a target is trained on, or the sentences that it is about."""
        of = registry.task(name)
        if of.trains:
            languages = resolve.target_languages(self._config, [name]) or of.usual_training_languages
            return Wanted(name, Split.TRAIN, tuple(languages))
        held = [code for code in self._evaluated(of) if self._has(of, code)]
        return Wanted(name, of.selection_split, tuple(held[:_FEW_LANGUAGES])) if held else None

    def sampled(self, goals: Sequence[Goal], sources: Sequence[Source], rows: int, allowance: Allowance) -> Sampled:
        """Samples of all of them."""
        wanted = [*(self.rows_for(each.name) for each in goals), *(self.rows_of(each.recipe) for each in sources)]
        return sample_all([each for each in wanted if each], self._take, rows, allowance)

    def _take(self, wanted: Wanted, rows: int) -> Sample:
        return self._encoder.sample(wanted.task, wanted.split, wanted.languages, rows)

    @cached_property
    def _encoder(self) -> FrozenEncoder:
        from trainables.phases.exported_model import has_cuda  # late: torch takes seconds, which records do without
        from trainables.phases.frozen import FrozenEncoder

        config = self._config
        options = Options(
            data=config.data.source,
            raw=config.data.raw.folders,
            encoder=config.encoder.name,
            repositories=dict(config.data.repositories),
            device="cuda" if has_cuda() else "cpu",
            threads=config.cluster.threads,
            eval_tokens=config.engine.eval_tokens,
        )
        return FrozenEncoder(options, resolve.encoder_ref(config).revision, resolve.retrieval(config).layer)

    def _evaluated(self, of: Task) -> Iterator[str]:
        asked = self._config.data.languages
        return (code for code in of.languages.get(of.selection_split, ()) if not asked or code in asked)

    def _has(self, of: Task, code: str) -> bool:
        preference = self._config.data.repositories.get(of.name, "")
        return all(map(self._data.has, of.files(of.selection_split, code, preference)))

    def _count(self, stage: Stage) -> int:
        """Training rows of a stage, as far as its dose and the configuration let them be."""
        if not _has_rows(stage):
            return 0
        cap = resolve.train_rows(self._config, stage)
        try:
            rows = self._at_hand.train_rows(registry.task(stage.task), stage.languages, cap)
        except NoRowsError:
            return 0
        return min(rows, cap) if cap else rows


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


def _has_rows(stage: Stage) -> bool:
    return not stage.is_mlm_alone and stage.task != MULTI_TASK


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


def _notes(plan: Plan, sampled: Sampled, checks: Sequence[str]) -> Iterator[str]:
    yield from dict.fromkeys(f"left out: {reason}" for reason in plan.without_data.values())
    yield from sampled.notes
    yield from checks


def _nothing(plan: Plan) -> str:
    reasons = "".join(f"\n  {reason}" for reason in dict.fromkeys(plan.without_data.values()))
    return f"there is nothing to rank: no row but the baseline has data for a target{reasons}"
