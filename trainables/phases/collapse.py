"""Signs that a run has learnt nothing: (nearly) one answer for everything, or worse than the best constant answer."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from statistics import fmean

from trainables.ledger.record import Finding, Symptom
from trainables.tasks.formats.trivial import Comparison
from trainables.tasks.languages import ENGLISH
from trainables.tasks.task import Split, Task

_FEW = 8
"""So many languages are named; of more the number."""


def findings(task: Task, split: Split, compared: Mapping[str, Comparison]) -> Iterator[Finding]:
    """What the predictions of a split show; `compared` is by language, without those that have no rows.

    A run is constant if it is so in English or in more than half of the languages, and below what is trivial if its
    mean over the languages is.
    """
    constant = tuple(code for code, found in compared.items() if found.constant)
    if ENGLISH in constant or 2 * len(constant) > len(compared):
        answers = ", ".join(dict.fromkeys(repr(compared[code].constant) for code in constant[:_FEW]))
        yield Finding(
            symptom=Symptom.CONSTANT,
            task=task.name,
            split=str(split),
            languages=constant,
            text=f"{task.title} {split}: all predictions, or nearly all, are the same ({answers}) in {_some(constant)}",
        )
    measured = {code: found for code, found in compared.items() if found.measure}
    if not measured:
        return
    figure = fmean(found.figure for found in measured.values())
    trivial = fmean(found.trivial for found in measured.values())
    if figure < trivial:
        below = tuple(code for code, found in measured.items() if found.figure < found.trivial)
        measure = next(iter(measured.values())).measure
        yield Finding(
            symptom=Symptom.BELOW_TRIVIAL,
            task=task.name,
            split=str(split),
            languages=below,
            text=f"{task.title} {split}: {measure} {figure:.1f} is below the {trivial:.1f} that need no model",
        )


def _some(codes: tuple[str, ...]) -> str:
    return ", ".join(codes) if len(codes) <= _FEW else f"{len(codes)} languages"
