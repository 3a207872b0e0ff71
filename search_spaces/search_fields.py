"""The section `search` of the configuration: which runs Optuna searches, how, and within which ranges."""

from __future__ import annotations

import dataclasses
from collections.abc import Mapping, Sequence
from types import MappingProxyType
from typing import Annotated, Any

from pydantic import AfterValidator

from search_spaces.fields import Count, Section, Slots, Trained, Trials, Within, named, target_names
from search_spaces.hyperparameter_fields import range_fields
from search_spaces.ranges import field_of, names_of, space
from trainables.ledger.bounds import HOURS
from trainables.ledger.nearest import unknown
from trainables.ledger.space import PARAMETERS, Fixed, Range
from trainables.ledger.spec import Optimisation, Phase
from trainables.tasks import registry

SAMPLERS: Mapping[str, str] = MappingProxyType({
    "tpe": "TPESampler",
    "random": "RandomSampler",
    "cmaes": "CmaEsSampler",
    "gp": "GPSampler",
    "qmc": "QMCSampler",
    "nsgaii": "NSGAIISampler",
    "nsgaiii": "NSGAIIISampler",
    "bruteforce": "BruteForceSampler",
})  # fmt: skip
"""Short name -> class in `optuna.samplers`; those that need nothing but the space and a seed."""
PRUNERS = ("off", "median", "hyperband")
"""How trials that fall behind are ended early."""


def _sampler(given: str) -> str:
    """The short name of a sampler given by short or class name."""
    names = {name.lower(): short for short, cls in SAMPLERS.items() for name in (short, cls)}
    found = names.get(given.lower().replace("-", "").replace("_", ""))
    if found is None:
        raise ValueError(unknown("sampler", given, SAMPLERS))
    return found


class _Ranges(Section):
    def given(self, *, mlm: bool) -> dict[str, Range | Fixed]:
        """The ranges that are set for runs with or without MLM."""
        found = {parameter: getattr(self, field_of(parameter, mlm=mlm), None) for parameter in PARAMETERS}
        return {parameter: own for parameter, own in found.items() if own is not None}


_Intermediate: Any = range_fields("intermediate", _Ranges)
_Target: Any = range_fields("target", _Ranges)


class TargetRanges(_Target):
    """What target runs may vary. None is unset: the default range of learning rate and epochs, fixed elsewhere."""


class IntermediateRanges(_Intermediate):
    """What intermediate runs may vary. `mixing_cap` does so in runs with several tasks or with MLM.

    As in the section `intermediate`, `learning_rate` is that of runs without MLM only.
    """


def _of_use(tasks: dict[str, IntermediateRanges]) -> dict[str, IntermediateRanges]:
    targets = [name for name in tasks if name in target_names()]
    problems = [f"{name} trains nothing" for name in targets if not registry.task(name).trains]
    problems += [
        f"{field} of {name}: a target run mixes in neither tasks nor MLM"
        for name in targets
        for field in IntermediateRanges.model_fields
        if field not in TargetRanges.model_fields and getattr(tasks[name], field) is not None
    ]
    if problems:
        raise ValueError("; ".join(problems))
    return tasks


class RangesFields(Section):
    """Ranges by phase; `tasks` overrides single parameters of single tasks, or of the mixture as a whole."""

    intermediate: IntermediateRanges = IntermediateRanges()
    target: TargetRanges = TargetRanges()
    tasks: Annotated[dict[Trained, IntermediateRanges], AfterValidator(_of_use)] = {}


class SearchFields(Section):
    """The search for better settings, by the English dev figure of a run's own task (protocol.md 2.6).

    Attributes:
        gpu_hours: of all trials beyond the configured runs, spread over the runs; 0 is no such budget.
        intermediate: trials of every intermediate run, the configured setting among them; 0 and 1 are no search. With
            `gpu_hours` the most trials of one run, and 0 is no limit.
        target: the same for target runs.
        sampler: of Optuna, by short or class name.
        startup: trials drawn at random before the sampler models what it has seen.
        parallel: most trials of one run at the same time.
        pruning: end trials early that fall behind others at the same fraction of training: off, median, hyperband.
        ranges: what varies.
    """

    gpu_hours: Annotated[float, Within(dataclasses.replace(HOURS, above=False))] = 0.0
    intermediate: Trials = 0
    target: Trials = 0
    sampler: Annotated[str, AfterValidator(_sampler)] = "tpe"
    startup: Count = 5
    parallel: Slots = 4
    pruning: Annotated[str, named("pruning", lambda: PRUNERS)] = "off"
    ranges: RangesFields = RangesFields()

    @property
    def is_asked_for(self) -> bool:
        """Whether any run is to be searched."""
        return bool(self.gpu_hours) or any(map(self.trials, Phase))

    def trials(self, phase: Phase) -> int:
        """Trials of a run of this phase, without regard to hours; 0 where nothing is searched."""
        count = self.count(phase)
        return count if count > 1 else 0

    def count(self, phase: Phase) -> int:
        """The number given for a phase; 0 where none is."""
        return {Phase.INTERMEDIATE: self.intermediate, Phase.TARGET: self.target}.get(phase, 0)

    def space(self, optimisation: Optimisation, *, phase: Phase, tasks: Sequence[str], mlm: bool) -> dict[str, Range]:
        """What a run may vary; `optimisation` is the run as configured.

        Raises ValueError as `ranges.space` does, and when targets that share a fine-tuning have different ranges.
        """
        return space(optimisation, phase=phase, tasks=tasks, mlm=mlm, given=self._given(phase, tasks, mlm=mlm))

    def _given(self, phase: Phase, tasks: Sequence[str], *, mlm: bool) -> dict[str, Range | Fixed]:
        of_phase: _Ranges = self.ranges.target if phase is Phase.TARGET else self.ranges.intermediate
        of_tasks = {name: self.ranges.tasks.get(name, IntermediateRanges()) for name in names_of(phase, tasks)}
        found = {name: of_phase.given(mlm=mlm) | own.given(mlm=mlm) for name, own in of_tasks.items()}
        first, *others = found
        for other in others:
            differ = [name for name in PARAMETERS if found[first].get(name) != found[other].get(name)]
            if differ:
                raise ValueError(
                    f"{first} and {other} share one fine-tuning but differ in the range of {', '.join(differ)}; "
                    f"allowed: the same in search.ranges.tasks.{first} and search.ranges.tasks.{other}"
                )
        return found[first]
