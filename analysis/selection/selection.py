"""The best variant of every target, chosen on development data only (protocol.md 7).

Where the encoder of a variant has seen labels in some languages, its gain over the baseline in the others decides.
Test scores are opened for the chosen variant and the baseline, and only once the choice stands: while a candidate may
still change it, the selection is a Gap and nothing of the test set is shown.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from analysis.scores.headings import heading, row_order, row_title
from analysis.selection.averages import Gap, TaskScore, mean, overall
from analysis.selection.results import Results
from trainables.ledger.cells import Row
from trainables.ledger.states import State
from trainables.tasks.registry import task
from trainables.tasks.task import Split


@dataclass(frozen=True, kw_only=True)
class Candidate:
    """A variant with its dev score (percent) or gap by seed; `dropped` says why a race has dropped it."""

    variant: Row
    seeds: Mapping[int, float | Gap]
    dropped: str = ""

    @property
    def score(self) -> float:
        """Mean over the seeds; only for a candidate without gaps."""
        return mean(score for score in self.seeds.values() if not isinstance(score, Gap))

    @property
    def gaps(self) -> dict[int, Gap]:
        """Seed -> why it has no score."""
        return {seed: score for seed, score in self.seeds.items() if isinstance(score, Gap)}


@dataclass(frozen=True, kw_only=True)
class Choice:
    """The best of the candidates, and those that never got a score or were dropped by a race: variant -> why."""

    best: Candidate
    candidates: tuple[Candidate, ...]
    left_out: Mapping[Row, str]


@dataclass(frozen=True, kw_only=True)
class Selection:
    """What was selected for one target.

    Attributes:
        target: task name.
        choice: the variant, or why none can be named yet.
        split: the split that selected.
        on_evaluation_data: the task has one set only, so the same rows select and report.
        test: test score of the chosen variant; a Gap while sealed.
        baseline_test: test score of the baseline, opened together with `test`; a Gap when the sweep has none.
        is_open: test scores of the chosen variant and the baseline may be shown.
    """

    target: str
    choice: Choice | Gap
    split: Split
    on_evaluation_data: bool
    test: TaskScore | Gap
    baseline_test: TaskScore | Gap
    is_open: bool

    @property
    def variant(self) -> Row | None:
        """The chosen variant."""
        return None if isinstance(self.choice, Gap) else self.choice.best.variant


def _state_of_none(candidates: Sequence[Candidate]) -> State:
    """Why no candidate can ever have a score: no data, if that is so of all of them."""
    states = {gap.state for candidate in candidates for gap in candidate.gaps.values()}
    if not states:
        return State.PENDING
    return State.NO_DATA if states == {State.NO_DATA} else State.FAILED


def choose(candidates: Sequence[Candidate]) -> Choice | Gap:
    """The candidate with the highest mean over its seeds; ties go to no MLM, then to the order of Table 2.

    A candidate that will never have any score (failed, blocked, no data), or that a race has dropped, is left out by
    name. One that is pending or incomplete, or has other seeds than the rest, makes a Gap: it could still win.
    """
    left_out = {
        candidate.variant: candidate.dropped or "; ".join(sorted({gap.reason for gap in candidate.gaps.values()}))
        for candidate in candidates
        if candidate.dropped
        or (len(candidate.gaps) == len(candidate.seeds) and all(gap.state.absent for gap in candidate.gaps.values()))
    }
    racing = [candidate for candidate in candidates if candidate.variant not in left_out]
    if not racing:
        return Gap(reason="no candidate has a score", state=_state_of_none(candidates))
    open_ones = [candidate for candidate in racing if any(not gap.state.absent for gap in candidate.gaps.values())]
    if open_ones:
        names = ", ".join(row_title(candidate.variant) for candidate in open_ones)
        count = f"{len(open_ones)} of {len(candidates)} candidates without a dev score"
        states = {gap.state for candidate in open_ones for gap in candidate.gaps.values() if not gap.state.absent}
        return Gap(reason=f"{count}: {names}", state=State.PENDING if State.PENDING in states else State.INCOMPLETE)
    seeds = {candidate.variant: frozenset(candidate.seeds) - frozenset(candidate.gaps) for candidate in racing}
    if len(set(seeds.values())) > 1:
        listed = "; ".join(f"{row_title(v)}: {', '.join(map(str, sorted(s)))}" for v, s in seeds.items())
        return Gap(reason=f"candidates have scores of different seeds ({listed})", state=State.INCOMPLETE)
    best = min(racing, key=lambda candidate: (-candidate.score, row_order(candidate.variant)))
    return Choice(best=best, candidates=tuple(racing), left_out=left_out)


def select(results: Results) -> dict[str, Selection]:
    """Selection of every target of a sweep."""
    return {target: _select(results, target) for target in results.targets}


def best_models_average(selections: Mapping[str, Selection], targets: Sequence[str]) -> float | Gap:
    """Overall test average of the selected models (the row `Our Best Models` of Table 2)."""
    return overall({target: selections[target].test for target in targets}, targets)


def baseline_average(selections: Mapping[str, Selection], targets: Sequence[str]) -> float | Gap:
    """Overall test average of the baseline, as far as it is opened."""
    return overall({target: selections[target].baseline_test for target in targets}, targets)


def _select(results: Results, target: str) -> Selection:
    of = task(target)
    split = of.selection_split
    choice = choose(
        [
            Candidate(
                variant=variant,
                seeds=results.comparable(variant, target, split),
                dropped=results.dropped.get((variant, target), ""),
            )
            for variant in results.variants
        ]
    )
    sealed = Gap(reason=f"the test set of {heading(target)} is sealed until its model is selected", state=State.PENDING)
    test: TaskScore | Gap = sealed
    baseline_test: TaskScore | Gap = sealed
    if isinstance(choice, Choice):
        best, baseline = choice.best.variant, results.baseline
        test = results.score(best, target, Split.TEST)
        baseline_test = (
            results.score_beside(baseline, best, target, Split.TEST) if baseline else Gap(reason="no baseline run")
        )
    elif choice.state is not State.PENDING:
        test = baseline_test = Gap(reason=choice.reason, state=choice.state)
    return Selection(
        target=target,
        choice=choice,
        split=split,
        on_evaluation_data=split is Split.TEST,
        test=test,
        baseline_test=baseline_test,
        is_open=isinstance(choice, Choice),
    )
