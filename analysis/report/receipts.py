"""What the report shows of the receipts of selections."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.report.content import Block, Code, Folded, Grid, Head, Line, Paragraph, Value, listed
from analysis.scores.headings import heading, row_title
from analysis.tables.table import number
from trainables.ledger.receipts import Receipt
from trainables.tasks.registry import tasks

_SAID = (
    "Written before a test score was opened on the strength of the selection. Whoever has the dev scores of a receipt "
    "can make its choice again; the digest of its dev table is the one that the openings name."
)
_HEADS = (
    Head(title="made"), Head(title="target"), Head(title="selected"), Head(title="dev", numeric=True),
    Head(title="of candidates", numeric=True), Head(title="dev table"), Head(title="runs"), Head(title="sweep"),
)  # fmt: skip


def receipts_blocks(receipts: Sequence[Receipt]) -> tuple[Block, ...]:
    """Every receipt of the store, folded; nothing where there is none."""
    if not receipts:
        return ()
    rules = dict.fromkeys(receipt.rule for receipt in receipts)
    blocks: tuple[Block, ...] = (
        Paragraph(said=_SAID),
        *(Paragraph(said=f"Rule: {rule}.") for rule in rules),
        Grid(heads=_HEADS, lines=tuple(map(_line, receipts))),
    )
    return (Folded(said=f"Receipts ({len(receipts)})", blocks=blocks),)


def _line(receipt: Receipt) -> Line:
    scores = dict(receipt.candidates)
    dev = scores.get(receipt.selected)
    target = heading(receipt.target) if receipt.target in tasks() else receipt.target
    return Line(cells=(
        Value(said=receipt.made_at), Value(said=target), Value(said=row_title(receipt.selected)),
        Value(said="" if dev is None else number(dev), number=dev),
        Value(said=f"{len(scores)}", number=len(scores)), Value(said=(Code(receipt.table),)),
        Value(said=listed([(Code(run),) for run in receipt.runs])),
        Value(said=(Code(receipt.sweep),) if receipt.sweep else ""),
    ))  # fmt: skip
