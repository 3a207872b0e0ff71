"""What the other rooms work out of a sweep for its report: verdicts, scores by language with intervals, pictures."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Mapping
from dataclasses import dataclass, field
from types import ModuleType
from typing import Any

from analysis.report.content import Figure
from analysis.report.material import LanguageScores
from analysis.selection.selection import Selection
from analysis.selection.sweep import Sweep
from analysis.statistics.estimate import Verdicts
from trainables.ledger.store import Store


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Verdicts and intervals of a sweep, and what they were made from."""

    verdicts: Verdicts | None = None
    languages: Mapping[str, LanguageScores] = field(default_factory=dict)
    measured: Any = None


def judged(store: Store, sweep: Sweep, selections: Mapping[str, Selection], margin: float) -> Judged:
    """Verdicts on the changes of Table 2 and intervals of the scores by language."""
    measuring, judging = _room("analysis.statistics.measured"), _room("analysis.statistics.verdicts")
    if measuring is None or judging is None:
        return Judged()
    measured = measuring.measure(store, sweep)
    verdicts = judging.verdicts(measured, selections, margin=margin)
    breakdown = _room("analysis.statistics.breakdown")
    targets = sweep.results.targets
    languages = {target: breakdown.language_scores(measured, target) for target in targets} if breakdown else {}
    return Judged(verdicts=verdicts, languages=languages, measured=measured)


def drawn(pictures: Any) -> tuple[Figure, ...]:
    """Pictures as they stand on a page."""
    writing = _room("analysis.figures.write")
    if writing is None:
        return ()
    return tuple(
        Figure(name=each.name, title=each.title, caption=each.caption, svg=writing.inline(each)) for each in pictures
    )


def _room(name: str) -> ModuleType | None:
    parent = name.rpartition(".")[0]
    return (
        importlib.import_module(name) if importlib.util.find_spec(parent) and importlib.util.find_spec(name) else None
    )
