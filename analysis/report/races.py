"""The section of the report on the race across the grid."""

from __future__ import annotations

from collections import defaultdict

from analysis.report.content import Block, Grid, Head, Item, Items, Line, Paragraph, Section, Value
from analysis.scores.headings import heading, row_title
from trainables.ledger.race import Guarantee, RaceRecord, shown_p

_HEADS = (
    Head(title="target"), Head(title="dropped"), Head(title="when"), Head(title="behind"),
    Head(title="points", numeric=True), Head(title="p", numeric=True), Head(title="level", numeric=True),
    Head(title="rows", numeric=True),
)  # fmt: skip


def race_section(record: RaceRecord | None) -> Section:
    """The rule, what was dropped from which target, where there was no race, how many runs were saved."""
    return Section(id="race", title="Race", blocks=_blocks(record) if record else ())


def _blocks(record: RaceRecord) -> tuple[Block, ...]:
    rule = record.rule
    guarantee = {
        Guarantee.PAIR: "that the best intermediate is dropped for the sake of one given rival",
        Guarantee.FAMILY: "that the best intermediate is dropped at all",
    }
    head = Paragraph(said=(
        f"An intermediate that is beaten beyond chance on the rows that select for a target gets no further runs "
        f"there. The chance {guarantee[rule.guarantee]} is at most {rule.alpha:g} a target, if runs that differ by the "
        f"seed have a standard deviation of about {rule.seed_sd:g} points. The baseline is never dropped."
    ))  # fmt: skip
    dropped = _table(record) if record.decisions else Paragraph(said="Nothing was dropped.")
    saved = ", ".join(f"{runs} {phase}" for phase, runs in record.saved.items() if runs)
    total = Paragraph(said=f"Runs saved: {sum(record.saved.values())}{f' ({saved})' if saved else ''}.")
    standing: dict[str, list[str]] = defaultdict(list)
    for race in record.races:
        standing[race.why_none or f"{race.held} of {race.rounds} rounds held"].append(heading(race.target))
    items = tuple(Item(said=f"{', '.join(targets)}: {what}") for what, targets in standing.items())
    return head, dropped, total, Items(items=items)


def _table(record: RaceRecord) -> Grid:
    lines = tuple(
        Line(cells=(
            Value(said=heading(race.target)), Value(said=row_title(decision.row)), Value(said=decision.when),
            Value(said=row_title(decision.leader)), Value(said=f"{each.difference:.1f}", number=each.difference),
            Value(said=shown_p(each.p), number=each.p), Value(said=f"{each.level:.3g}", number=each.level),
            Value(said=f"{each.rows:,}", number=each.rows),
        ))
        for race in record.races
        for decision in race.dropped
        for each in [decision.dropped]
    )  # fmt: skip
    return Grid(heads=_HEADS, lines=lines)
