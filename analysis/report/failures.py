"""The sections on what is missing and what has gone wrong: failures and gaps, runs that have learnt nothing."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Mapping, Sequence

from analysis.report.content import Block, Code, Item, Items, Paragraph, Section, Strong, listed
from analysis.report.material import Material
from analysis.scores.headings import heading, row_title
from analysis.scores.load import Run
from analysis.selection.averages import Gap
from analysis.selection.results import Results
from trainables.ledger.cells import Cell, Row
from trainables.ledger.record import Finding, Record
from trainables.ledger.states import State
from trainables.tasks.registry import is_open, task

NO_REASON = "no reason noted"
_COLLAPSED = (
    "Their predictions are all or nearly all the same, or score below what a constant answer or chance would. The"
    " scores stand as they are, with the mark ! in Table 2, and a selection may fall on one of them."
)


def failures_section(material: Material) -> Section:
    """Cells without a score by reason, failed attempts, finished runs that cannot be used."""
    blocks: list[Block] = []
    if gaps := _gaps(material.sweep.results):
        blocks.append(Items(items=tuple(gaps)))
    if material.failures:
        blocks.append(Paragraph(said="Attempts that failed and were not made good:"))
        found = sorted(material.failures.items())
        items = tuple(Item(said=("run ", Code(run_id), ": ", reason or NO_REASON)) for run_id, reason in found)
        blocks.append(Items(items=items))
    if material.sweep.unusable:
        blocks.append(Paragraph(said="Finished runs that cannot be used and count as not finished:"))
        blocks.append(Items(items=tuple(
            Item(said=(*listed([Code(run_id) for run_id in ids]), ": ", reason or NO_REASON))
            for reason, ids in _by_reason(material.sweep.unusable)
        )))  # fmt: skip
    none = Paragraph(said="None: every cell is done.")
    return Section(id="failures", title="Failures and gaps", blocks=tuple(blocks) or (none,), brief=True)


def collapsed_section(runs: Sequence[Run]) -> Section:
    """The runs that show signs of collapse, with their words. Signs on closed test sets are left out."""
    records: dict[str, Record] = {}
    for run in runs:
        for record in filter(None, (run.intermediate, run.record)):
            records[record.run_id] = record
    items = tuple(
        Item(said=(record.name, " (", Code(run_id), "): ", finding.text))
        for run_id, record in sorted(records.items())
        for finding in filter(_is_open, record.findings)
    )
    blocks = (Paragraph(said=_COLLAPSED), Items(items=items)) if items else ()
    return Section(id="collapsed", title="Collapsed runs", blocks=blocks, brief=True)


def _is_open(finding: Finding) -> bool:
    return is_open(finding.task, finding.split)


def _gaps(results: Results) -> list[Item]:
    found: dict[tuple[State, str], list[Cell]] = defaultdict(list)
    for variant in results.variants:
        for target in results.targets:
            for seed, score in results.seeds_of(variant, target, task(target).selection_split).items():
                if isinstance(score, Gap):
                    found[score.state, score.reason].append(Cell(*variant, target, seed))
    return [
        Item(
            said=(Strong(state), f", {len(cells)} cell{'s' * (len(cells) > 1)}: ", reason or NO_REASON),
            under=_named(cells, results),
        )
        for (state, reason), cells in sorted(found.items())
    ]


def _named(cells: Sequence[Cell], results: Results) -> str:
    several = len(results.seeds) > 1
    by_row: dict[Row, list[str]] = defaultdict(list)
    for cell in cells:
        by_row[cell.row].append(heading(cell.target) + (f" #{cell.seed}" if several else ""))
    return "; ".join(f"{row_title(variant)} -> {', '.join(names)}" for variant, names in by_row.items())


def _by_reason(unusable: Mapping[str, str]) -> list[tuple[str, list[str]]]:
    ids: dict[str, list[str]] = defaultdict(list)
    for run_id, reason in sorted(unusable.items()):
        ids[reason].append(run_id)
    return list(ids.items())
