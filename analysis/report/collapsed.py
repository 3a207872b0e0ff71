"""The section of the report on runs that have learnt nothing."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.scores.load import Run
from analysis.showing.markup import code, in_markdown
from trainables.ledger.record import Finding, Record
from trainables.tasks.registry import is_open

_HEAD = (
    "Their predictions are all or nearly all the same, or score below what a constant answer or chance would. The"
    " scores stand as they are, with the mark ! in Table 2, and a selection may fall on one of them."
)


def collapsed_section(runs: Sequence[Run]) -> str:
    """Markdown: the runs that show signs of collapse, with their words. Signs on closed test sets are left out."""
    records: dict[str, Record] = {}
    for run in runs:
        for record in filter(None, (run.intermediate, run.record)):
            records[record.run_id] = record
    lines = []
    for run_id, record in sorted(records.items()):
        for finding in filter(_is_open, record.findings):
            lines.append(f"- {in_markdown(record.name)} ({code(run_id)}): {in_markdown(finding.text)}")
    return "\n".join([_HEAD, "", *lines]) if lines else ""


def _is_open(finding: Finding) -> bool:
    return is_open(finding.task, finding.split)
