"""Many cells in few words, for notes under a table."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Sequence
from typing import TypeVar

from analysis.scores.headings import heading, row_title
from analysis.selection.results import Results
from trainables.ledger.cells import Row

_Item = TypeVar("_Item")


def cell_list(found: Sequence[tuple[Row, str]], results: Results) -> str:
    """Cells by row, with `all targets`, `all rows` and `all rows but the baseline` where that is true."""
    rows: dict[Row, list[str]] = defaultdict(list)
    for variant, target in found:
        rows[variant].append(target)
    lists: dict[tuple[str, ...], list[Row]] = defaultdict(list)
    for variant, targets in rows.items():
        lists[tuple(targets)].append(variant)
    return "; ".join(
        f"{_rows(variants, results)} -> {_names(targets, results.targets, 'targets', heading)}"
        for targets, variants in lists.items()
    )


def _rows(some: Sequence[Row], results: Results) -> str:
    others = [row for row in results.variants if row != results.baseline]
    if len(others) > 2 and set(some) == set(others) != set(results.variants):
        return "all rows but the baseline"
    return _names(some, results.variants, "rows", row_title)


def _names(some: Sequence[_Item], every: Sequence[_Item], things: str, title: Callable[[_Item], str]) -> str:
    return f"all {things}" if len(some) == len(every) > 1 else ", ".join(title(item) for item in some)
