"""Separation: how sure the choice of the best candidate for a target is.

The selected candidate is compared with every other one, with Holm's adjustment over the candidates of the target. The
comparisons have two sides, as the intervals that stand beside them: the selected one was not known beforehand. The
selected one and the rivals that are left hold the best with a chance of at least 1 - LEVEL, as the set of multiple
comparisons with the best does (Hsu 1981), which has one side and leaves fewer.
"""

from __future__ import annotations

from analysis.selection.selection import Choice, Selection
from analysis.statistics.column import Column
from analysis.statistics.estimate import LEVEL, Rival, Separation
from analysis.statistics.multiplicity import holm
from analysis.statistics.rows import RowsError


def separation(column: Column, selection: Selection) -> Separation | None:
    """Of one target; None where nothing is selected."""
    if not isinstance(selection.choice, Choice):
        return None
    best = selection.choice.best.variant
    others = [each.variant for each in selection.choice.candidates if each.variant != best]
    behind, reasons = {}, []
    for other in others:
        try:
            behind[other] = column.difference(best, other)
        except RowsError as error:
            reasons.append(str(error))
    if not behind:
        return Separation(variant=best, reason=reasons[0] if reasons else "there is no other candidate")
    adjusted = holm([found.p for found in behind.values()])
    rivals = [
        Rival(variant=other, behind=found, p=p)
        for (other, found), p in zip(behind.items(), adjusted, strict=True)
        if p > LEVEL
    ]
    return Separation(
        variant=best, rivals=tuple(sorted(rivals, key=lambda rival: rival.behind.value)), compared=len(behind)
    )
