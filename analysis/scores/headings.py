"""Headings of rows and columns of Table 2, and their order."""

from __future__ import annotations

from trainables.ledger.cells import BASELINE, MULTI_TASK, Row
from trainables.tasks.registry import intermediates, targets, task


class AnalysisError(ValueError):
    """Results that cannot be analysed as asked; the message says why and what to do."""


def heading(name: str) -> str:
    """Row or column heading of an intermediate or target task; raises AnalysisError for an unknown name."""
    if name == BASELINE:
        return "baseline"
    if name == MULTI_TASK:
        return "Multi-task"
    try:
        return task(name).title
    except ValueError as error:
        raise AnalysisError(str(error)) from error


def row_title(row: Row) -> str:
    """For example `SQuAD + MLM`."""
    return heading(row.intermediate) + (" + MLM" if row.mlm else "")


def row_order(row: Row) -> tuple[bool, int, str]:
    """Sort key: rows without MLM first, then the order of Table 2, the baseline before all (protocol.md 7)."""
    known = [BASELINE, *(found.name for found in intermediates()), MULTI_TASK]
    place = known.index(row.intermediate) if row.intermediate in known else len(known)
    return row.mlm, place, row.intermediate


def target_order(name: str) -> tuple[int, str]:
    """Sort key: the order of Table 2."""
    known = [found.name for found in targets()]
    return (known.index(name) if name in known else len(known)), name
