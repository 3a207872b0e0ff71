"""Rows that an intermediate task fixed or broke against the baseline."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum

from analysis.examples.asked import Asked
from analysis.examples.predictions import Predicted, Texts, is_graded, read, row_scores
from analysis.examples.texts import Parts, read_texts
from analysis.examples.texts import Texts as Sentences
from analysis.scores.headings import AnalysisError
from analysis.selection import opening
from analysis.selection.sweep import Sweep
from trainables.ledger.store import Store
from trainables.tasks.formats.mining import MiningFormat
from trainables.tasks.formats.tagging import TaggingFormat
from trainables.tasks.registry import task
from trainables.tasks.task import Task

NONE: Predicted = Predicted((), ())
"""A row of BUCC that has neither a prediction nor a reference; files leave it out."""


class Kind(StrEnum):
    """What became of a row; where rows may be partly right, by the change of its score."""

    BOTH_RIGHT = "both right"
    FIXED = "fixed"
    BROKEN = "broken"
    BOTH_WRONG = "both wrong"


@dataclass(frozen=True, kw_only=True)
class Example:
    """One row whose score the intermediate task changed.

    Attributes:
        reference: what is right, each a text; of a tagged sentence the words whose tags are not all alike.
        baseline: prediction of the baseline, in the same terms.
        prediction: of the row of the table.
        before: score of the baseline's prediction, 0 to 1.
        after: score of the other.
        parts: texts of the row; empty where the data is not at hand.
    """

    id: str
    kind: Kind
    reference: Texts
    baseline: Texts
    prediction: Texts
    before: float
    after: float
    parts: Parts = ()

    @property
    def change(self) -> float:
        """Of the score, -1 to 1."""
        return self.after - self.before


@dataclass(frozen=True, kw_only=True)
class Examples:
    """All rows of one split of a target in one language.

    Attributes:
        what: the two runs.
        counts: rows by kind; every kind is there.
        rows: those that changed, from the largest gain to the largest loss, then by id.
        is_graded: rows may be partly right, so that kinds go by the change of the score.
        why_no_texts: why the texts are not there; empty when they are.
    """

    what: Asked
    counts: Mapping[Kind, int]
    rows: tuple[Example, ...]
    is_graded: bool
    why_no_texts: str

    def of(self, kind: Kind, most: int = 0) -> tuple[Example, ...]:
        """The rows of a kind, those that changed most first; at most so many, 0 is all."""
        found = sorted((row for row in self.rows if row.kind is kind), key=lambda row: (-abs(row.change), row.id))
        return tuple(found[:most] if most else found)


def examples(store: Store, sweep: Sweep, what: Asked, data: str | None = None) -> Examples:
    """Compare two runs row by row; test rows are noted in the store as opened before they are read.

    Raises AnalysisError for runs of different rows and predictions that do not give their recorded score, StoreError
    for predictions that are not there, ClosedError where an opening cannot be noted.
    """
    if what.is_test:
        runs = [run.record.run_id for run in (what.baseline, what.run)]
        selected = sweep.selections[what.target].variant
        opening.note(store, sweep, [opening.opening(sweep, what.target, selected, runs, "examples")])
    of = task(what.target)
    before, after = (read(store, run, of, what.split, what.language) for run in (what.baseline, what.run))
    if isinstance(of.format, MiningFormat):
        before, after = _completed(before, after), _completed(after, before)
    _check_same(what, before, after)
    was, became = (row_scores(of, what.language, rows) for rows in (before, after))
    scores = {key: (was[key], became[key]) for key in before}
    kinds = {key: _kind(*pair) for key, pair in scores.items()}
    counts = Counter(kinds.values())
    changed = [key for key, kind in kinds.items() if kind in (Kind.FIXED, Kind.BROKEN)]
    texts = read_texts(store, what, before, data)
    rows = [
        Example(
            id=key, kind=kinds[key], before=scores[key][0], after=scores[key][1], parts=texts.parts.get(key, ()),
            **_shown(of, key, before[key], after[key], texts),
        )
        for key in changed
    ]  # fmt: skip
    return Examples(
        what=what,
        counts={kind: counts[kind] for kind in Kind},
        rows=tuple(sorted(rows, key=lambda row: (-row.change, row.id))),
        is_graded=is_graded(of),
        why_no_texts=texts.why_none,
    )


def _kind(before: float, after: float) -> Kind:
    if after != before:
        return Kind.FIXED if after > before else Kind.BROKEN
    return Kind.BOTH_RIGHT if after == 1 else Kind.BOTH_WRONG


def _completed(rows: Mapping[str, Predicted], others: Mapping[str, Predicted]) -> dict[str, Predicted]:
    """With the rows that only the other file has: nothing was predicted there, and nothing is right."""
    return {**rows, **{key: NONE for key in others if key not in rows}}


def _check_same(what: Asked, before: Mapping[str, Predicted], after: Mapping[str, Predicted]) -> None:
    if before.keys() != after.keys() or any(before[key].reference != after[key].reference for key in before):
        ids = " and ".join(run.record.run_id for run in (what.baseline, what.run))
        raise AnalysisError(f"runs {ids} were measured on different rows of {what.target} {what.language}")


def _shown(of: Task, key: str, before: Predicted, after: Predicted, texts: Sentences) -> dict[str, Texts]:
    """Reference and predictions as a reader sees them."""
    found = {"reference": before.reference, "baseline": before.prediction, "prediction": after.prediction}
    if isinstance(of.format, TaggingFormat):
        return _tags(found, texts.words.get(key))
    return {name: tuple(texts.meant.get(each, each) for each in values) for name, values in found.items()}


def _tags(found: Mapping[str, Texts], words: Sequence[str] | None) -> dict[str, Texts]:
    """The words whose tags are not all alike, by their text or else their number from 1, with their tag."""
    tags = list(zip(*found.values(), strict=True))
    names = words if words is not None and len(words) == len(tags) else [str(n) for n in range(1, len(tags) + 1)]
    places = [place for place, each in enumerate(tags) if len(set(each)) > 1]
    return {name: tuple(f"{names[place]}: {values[place]}" for place in places) for name, values in found.items()}
