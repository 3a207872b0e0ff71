"""The section of the report on the race across the grid."""

from __future__ import annotations

from collections import defaultdict

from analysis.scores.headings import heading, row_title
from analysis.showing.markup import in_markdown, pipe_table
from trainables.ledger.race import Guarantee, RaceRecord, shown_p


def race_section(record: RaceRecord | None) -> str:
    """Markdown: the rule, what was dropped from which target, where there was no race, how many runs were saved."""
    if record is None:
        return ""
    rule = record.rule
    guarantee = {
        Guarantee.PAIR: "that the best intermediate is dropped for the sake of one given rival",
        Guarantee.FAMILY: "that the best intermediate is dropped at all",
    }
    parts = [
        f"An intermediate that is beaten beyond chance on the rows that select for a target gets no further runs "
        f"there. The chance {guarantee[rule.guarantee]} is at most {rule.alpha:g} a target, if runs that differ by the "
        f"seed have a standard deviation of about {rule.seed_sd:g} points. The baseline is never dropped."
    ]
    if record.decisions:
        parts.append(_table(record))
    else:
        parts.append("Nothing was dropped.")
    saved = ", ".join(f"{runs} {in_markdown(phase)}" for phase, runs in record.saved.items() if runs)
    parts.append(f"Runs saved: {sum(record.saved.values())}{f' ({saved})' if saved else ''}.")
    standing: dict[str, list[str]] = defaultdict(list)
    for race in record.races:
        standing[race.why_none or f"{race.held} of {race.rounds} rounds held"].append(heading(race.target))
    parts.append("\n".join(f"- {', '.join(targets)}: {in_markdown(what)}" for what, targets in standing.items()))
    return "\n\n".join(parts)


def _table(record: RaceRecord) -> str:
    header = ["target", "dropped", "when", "behind", "points", "p", "level", "rows"]
    rows = [
        [
            heading(race.target), row_title(decision.row), decision.when, row_title(decision.leader),
            f"{each.difference:.1f}", shown_p(each.p), f"{each.level:.3g}", f"{each.rows:,}",
        ]
        for race in record.races
        for decision in race.dropped
        for each in [decision.dropped]
    ]  # fmt: skip
    return pipe_table(header, rows, [*["---"] * 4, *["---:"] * 4]).rstrip("\n")
