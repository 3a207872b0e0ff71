"""Desk: what a configuration and its data say of candidates and targets, and their samples."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import cached_property
from typing import TYPE_CHECKING

from analysis.advice.signals import Goal, Source
from search_spaces import resolve
from search_spaces.config import SweepConfig
from sweep.command_line.sampling import Allowance, Sampled, Wanted, sample_all
from sweep.planning.at_hand import AtHand, NoRowsError
from sweep.planning.row_counts import RowCounts
from trainables.data.source import DataSource
from trainables.ledger.cells import MULTI_TASK
from trainables.ledger.recipe import Recipe, Stage
from trainables.phases.options import Options
from trainables.tasks import registry
from trainables.tasks.sample import Sample
from trainables.tasks.task import Split, Task

if TYPE_CHECKING:
    from trainables.phases.frozen import FrozenEncoder

_FEW_LANGUAGES = 8
"""That the sentences of a target without training rows are taken from."""


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


def _has_rows(stage: Stage) -> bool:
    return not stage.is_mlm_alone and stage.task != MULTI_TASK
