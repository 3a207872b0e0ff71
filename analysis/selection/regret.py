"""Selection regret: how much test score a choice on dev gave away against the best candidate.

Two choices are judged: the one that the table makes, on the dev sets of all languages, and the one that a user without
dev data in other languages would make, on English dev alone (it can mislead: Keung et al. 2020). Both are of the same
candidates. To know a regret all test scores of a target must be opened, so it is never computed unasked.

The best candidate on the test set is the largest of noisy scores: the regret leans upwards, more so the more candidates
there are and the fewer rows.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass

from analysis.scores.headings import row_order
from analysis.selection.averages import Gap, TaskScore, mean
from analysis.selection.opening import opening
from analysis.selection.receipts import runs_of
from analysis.selection.results import Results
from analysis.selection.selection import Choice, Selection
from analysis.selection.sweep import Sweep
from trainables.ledger.cells import Row
from trainables.ledger.openings import Opening
from trainables.tasks.task import Split

ENGLISH = "en"
REQUEST = "regret"
"""What an opening for the sake of the regret is noted as."""


@dataclass(frozen=True, kw_only=True)
class Judged:
    """A candidate with its test score (percent) and how far that is below the best one (points)."""

    variant: Row
    test: float
    regret: float


@dataclass(frozen=True, kw_only=True)
class Regret:
    """The regrets of one target.

    Attributes:
        target: task name.
        candidates: how many were compared.
        chosen: by the dev scores of all languages.
        english: by English dev alone; None for a task without English sentences of its own (BUCC, Tatoeba).
        best: on the test set.
        left_out: candidates without a test score.
        on_evaluation_data: the same rows select and report, so that `chosen` has no regret by construction.
    """

    target: str
    candidates: int
    chosen: Judged
    english: Judged | None
    best: Judged
    left_out: tuple[Row, ...]
    on_evaluation_data: bool


def regrets(sweep: Sweep) -> dict[str, Regret | Gap]:
    """Regret of every target; a Gap where its selection does not stand, or its choice has no test score."""
    return {target: _regret(sweep.results, selection) for target, selection in sweep.selections.items()}


def opened_by_regret(sweep: Sweep) -> list[Opening]:
    """What the regrets open: the test scores of all candidates of the targets whose selection stands."""
    found = []
    for target, selection in sweep.selections.items():
        if isinstance(choice := selection.choice, Choice) and not selection.on_evaluation_data:
            rows = [candidate.variant for candidate in choice.candidates]
            found.append(opening(sweep, target, choice.best.variant, runs_of(sweep, target, rows), REQUEST))
    return found


def average_regret(found: Mapping[str, Regret | Gap]) -> tuple[float, float, int] | None:
    """Mean regret of the choice and of the English choice, over the targets that have both, and how many these are."""
    both = [(each.chosen.regret, each.english.regret) for each in _known(found.values()) if each.english]
    if not both:
        return None
    return mean(chosen for chosen, _ in both), mean(english for _, english in both), len(both)


def english_choice(results: Results, selection: Selection) -> Row | None:
    """The candidate with the highest English score on the split that selects; None where there is no such score."""
    if isinstance(selection.choice, Gap):
        return None
    scores = {
        candidate.variant: mean(english)
        for candidate in selection.choice.candidates
        if isinstance(score := results.dev(candidate.variant, selection.target), TaskScore)
        and (english := [v for name, v in score.languages.get(ENGLISH, {}).items() if name in score.metrics])
    }
    if len(scores) < len(selection.choice.candidates):
        return None
    return min(scores, key=lambda row: (-scores[row], row_order(row)))


def _regret(results: Results, selection: Selection) -> Regret | Gap:
    choice, target = selection.choice, selection.target
    if isinstance(choice, Gap):
        return choice
    tests = {each.variant: results.score(each.variant, target, Split.TEST) for each in choice.candidates}
    known = {row: _value(results, row, score) for row, score in tests.items() if isinstance(score, TaskScore)}
    chosen = tests[choice.best.variant]
    if isinstance(chosen, Gap):
        return chosen
    best = min(known, key=lambda row: (-known[row], row_order(row)))
    english = english_choice(results, selection)

    def judged(row: Row) -> Judged:
        return Judged(variant=row, test=known[row], regret=known[best] - known[row])

    return Regret(
        target=target,
        candidates=len(known),
        chosen=judged(choice.best.variant),
        english=judged(english) if english in known else None,
        best=judged(best),
        left_out=tuple(row for row in tests if row not in known),
        on_evaluation_data=selection.on_evaluation_data,
    )


def _value(results: Results, row: Row, score: TaskScore) -> float:
    """Test score in percent, put beside those of other rows where its mean is over other languages."""
    if not score.seen:
        return score.value
    found = results.comparable(row, score.target, Split.TEST).values()
    return mean(value for value in found if not isinstance(value, Gap))


def _known(found: Iterable[Regret | Gap]) -> list[Regret]:
    return [each for each in found if isinstance(each, Regret)]
