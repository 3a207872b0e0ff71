"""What is worked out of a sweep for its report: verdicts, scores by language with intervals, gains by donor."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from analysis.languages.transfer import Transfer, transfers, with_verdicts
from analysis.report.material import LanguageScores
from analysis.selection.selection import Selection
from analysis.selection.sweep import Sweep
from analysis.statistics.breakdown import language_scores
from analysis.statistics.estimate import Verdicts
from analysis.statistics.measured import Measured, measure
from analysis.statistics.verdicts import verdicts
from trainables.ledger.store import Store


@dataclass(frozen=True, kw_only=True)
class Judged:
    """Verdicts and intervals of a sweep, and the scores by row that they were made from."""

    verdicts: Verdicts | None = None
    languages: Mapping[str, LanguageScores] = field(default_factory=dict)
    measured: Measured | None = None
    transfers: tuple[Transfer, ...] = ()


def judged(store: Store, sweep: Sweep, selections: Mapping[str, Selection], margin: float) -> Judged:
    """Verdicts on the changes of Table 2 and intervals of the scores by language; `margin` in points."""
    measured = measure(store, sweep)
    found = verdicts(measured, selections, margin=margin)
    languages = {target: language_scores(measured, target) for target in sweep.results.targets}
    by_donor = tuple(with_verdicts(each, measured, margin) for each in transfers(sweep.results))
    return Judged(verdicts=found, languages=languages, measured=measured, transfers=by_donor)
