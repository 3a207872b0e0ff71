"""The best settings that searches have found, as sections of the configuration."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from search_spaces.ranges import field_of, names_of
from trainables.ledger.hyperparameters import of_section
from trainables.ledger.studies import StudyResult, Trial

_OF_MLM = frozenset(own.name for own in of_section("mlm") if own.searchable)
"""What a search varies that all runs with MLM or a mixture share."""


@dataclass(frozen=True, kw_only=True)
class _Winner:
    """The best trial of a study, and its gain over the configured run (infinite where that failed)."""

    study: StudyResult
    trial: Trial

    @property
    def dev(self) -> float:
        """Dev figure."""
        assert self.trial.value is not None
        return self.trial.value

    @property
    def gain(self) -> float:
        """Dev points over the configured run."""
        return math.inf if self.study.gain is None else self.study.gain

    @property
    def run(self) -> tuple[object, ...]:
        """What seeds of one run have in common."""
        return self.study.row, self.study.phase, self.study.tasks, self.study.mlm

    def fields(self) -> Iterator[tuple[tuple[str, ...], float]]:
        """The settings as fields of the configuration."""
        study = self.study
        for task in names_of(study.phase, study.tasks):
            for parameter, value in self.trial.params.items():
                own = (study.phase.value, "tasks", task, field_of(parameter, mlm=study.mlm))
                yield ("mlm", parameter) if parameter in _OF_MLM else own, value


def best_settings(studies: Sequence[StudyResult]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The winners' settings as sections of the configuration, and a sentence for each choice between them.

    Of the seeds of a run the one with the best dev figure is taken, with all its settings. Where runs disagree on a
    field that they share (epochs with MLM and without, `mlm.mixing_cap`), the one with the best gain decides.
    """
    seeds: defaultdict[tuple[object, ...], list[_Winner]] = defaultdict(list)
    for study in studies:
        if study.best:
            winner = _Winner(study=study, trial=study.best)
            seeds[winner.run].append(winner)
    choices: list[str] = []
    offers: defaultdict[tuple[str, ...], list[tuple[float, _Winner]]] = defaultdict(list)
    for winners in seeds.values():
        best = max(winners, key=lambda winner: winner.dev)
        if others := [_passed_over(each, best) for each in winners if each.trial.params != best.trial.params]:
            choices.append(f"{best.study.name} (dev {best.dev:.1f}) is taken, not {', '.join(others)}")
        for keys, value in best.fields():
            offers[keys].append((value, best))
    found: dict[str, Any] = {}
    for keys, offered in offers.items():
        value, best = max(offered, key=lambda offer: offer[1].gain)
        if rest := [_offer(*each) for each in offered if each[0] != value]:
            choices.append(f"{'.'.join(keys)}: {_offer(value, best)} is taken, not {', '.join(rest)}")
        place = found
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
    return found, tuple(choices)


def _passed_over(winner: _Winner, best: _Winner) -> str:
    others = best.trial.params
    differ = [f"{name} {value:.6g}" for name, value in winner.trial.params.items() if others.get(name) != value]
    return f"{winner.study.name} (dev {winner.dev:.1f}: {', '.join(differ)})"


def _offer(value: float, winner: _Winner) -> str:
    gain = "configured run failed" if math.isinf(winner.gain) else f"gain {winner.gain:+.1f}"
    return f"{value:.6g} of {winner.study.name} ({gain})"
