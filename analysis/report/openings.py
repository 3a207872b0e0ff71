"""The section of the report on the test scores that were looked at."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Sequence

from analysis.scores.headings import heading, row_title
from analysis.showing.markup import code, pipe_table
from trainables.ledger.openings import EVERYTHING, Opening
from trainables.tasks.registry import tasks

_HEAD = (
    "Test scores are shown for the selected model and the baseline, once the selection stands; each look is noted"
    " before it is taken. A selection is named by the digest of the dev scores that it was made from: where it differs"
    " from an earlier one, the dev scores changed after the test set had been seen."
)


def openings_section(openings: Sequence[Opening]) -> str:
    """Markdown: how often each test set was opened, after how many selections; then every look."""
    if not openings:
        return ""
    by_target: dict[str, list[Opening]] = defaultdict(list)
    for opening in openings:
        by_target[opening.target].append(opening)
    lines = [f"- {_title(target)}: {_count(found)}" for target, found in by_target.items()]
    rows = [
        [
            opening.opened_at, _title(opening.target), row_title(opening.selected) if opening.selected else "",
            f"{len(opening.runs)}", code(opening.selection), opening.by, code(opening.sweep) if opening.sweep else "",
        ]
        for opening in openings
    ]  # fmt: skip
    table = pipe_table(["when", "test scores of", "selected", "runs", "selection", "by", "sweep"], rows)
    return "\n\n".join([_HEAD, "\n".join(lines), table])


def _count(openings: Sequence[Opening]) -> str:
    selections = len({opening.selection for opening in openings})
    times = f"opened {len(openings)} time{'s' * (len(openings) > 1)}"
    if selections == 1:
        return f"{times} after one selection"
    return f"{times} after {selections} different selections: **it changed after the test set had been seen**"


def _title(target: str) -> str:
    if target == EVERYTHING:
        return "all runs"
    return heading(target) if target in tasks() else target
