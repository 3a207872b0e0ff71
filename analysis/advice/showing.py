"""An advice as text: a table for every target, how good such advice was, what it took; and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass

from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from analysis.advice.advised import Advised
from analysis.advice.judging import CHOSEN
from analysis.advice.left_out import ADVICE, AVERAGE, CHANCE, FEATURES, SQUAD, Check, line_of, titles
from analysis.advice.ranking import ELSEWHERE, PUBLISHED, Ranked
from analysis.advice.signals import FAMILY, FORMAT, LABELS, NEAR, SIZE, TEXT
from analysis.languages.distances import source
from analysis.scores.headings import heading, row_title
from trainables.ledger.plain import plain
from trainables.ledger.recipe import parse_recipe

FORMAT_OF_JSON = 1
MOST = 12
"""Candidates of a target that are shown; the JSON has all."""
NOT_CHECKED = (
    "How good this is was not checked, for that takes a store with a full sweep of the same encoder (--store). On the "
    "paper's Table 2, without features, such advice was no better than 'take SQuAD' (docs/advice.md)."
)
_SHOWN_RULES = (ADVICE, SQUAD, AVERAGE, FEATURES, CHANCE)
_COLUMNS = (ELSEWHERE, PUBLISHED, FAMILY, FORMAT, LABELS, TEXT, SIZE, NEAR)


@dataclass(frozen=True)
class Shown:
    """An advice for a rich console."""

    advised: Advised

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Tables, then paragraphs."""
        for target, ranked in self.advised.ranked.items():
            yield from _of_target(target, ranked)
        for line in paragraphs(self.advised):
            yield Text(plain(line, 600))


def paragraphs(found: Advised) -> Iterator[str]:
    """How good such advice was, what it took, what is missing."""
    for each in found.records:
        yield (f"records: {each.name}, {len(each.rows)} rows on {len(each.gains)} targets, encoder {each.encoder}")
    for check in found.checks:
        yield from _of_check(check)
    if not found.checks:
        yield NOT_CHECKED
    cost = found.cost
    read = f"{cost.rows} rows of each task read" if cost.rows else "no rows read"
    yield (
        f"took {cost.seconds:.1f} s ({read}): {cost.share:.2%} of the {cost.sweep_seconds / 3600:.2f} hours of runs "
        "that the sweep is estimated at"
    )
    yield from (f"note: {note}" for note in found.notes)


def as_json(found: Advised) -> str:
    """All that is known: every candidate, signal, kind of distance and rule."""
    return json.dumps(
        {
            "format": FORMAT_OF_JSON,
            "encoder": found.encoder,
            "targets": {
                target: [asdict(each) for each in ranked] for target, ranked in found.ranked.items()
            },
            "records": [
                {"store": each.name, "encoder": each.encoder, "rows": list(each.rows), "targets": list(each.gains)}
                for each in found.records
            ],
            "checks": [
                {
                    "store": check.store,
                    "targets": list(check.targets),
                    "rules": {name: asdict(own) for name, own in check.judgements.items()},
                    "compared": {rule: asdict(check.against(rule)) for rule in (SQUAD, AVERAGE)},
                    "words": [check.sentence(rule) for rule in (SQUAD, AVERAGE)],
                }
                for check in found.checks
            ],
            "cost": {**asdict(found.cost), "share": found.cost.share},
            "distances": source(),
            "notes": list(found.notes),
        },
        indent=2,
        allow_nan=False,
    )  # fmt: skip


def _of_target(target: str, ranked: Sequence[Ranked]) -> Iterator[Table | Text]:
    known = [name for name in _COLUMNS if any(each.signals.get(name) is not None for each in ranked)]
    table = Table(
        "", "row", "score", "measured", *known, title=f"Candidates for {heading(target)}", title_justify="left"
    )
    for place, each in enumerate(ranked[:MOST], start=1):
        table.add_row(
            str(place),
            row_title(parse_recipe(each.row).row),
            f"{each.score:+.2f}",
            "" if each.measured is None else f"{each.measured:+.1f}",
            *(_number(each.signals.get(name), signed=name in (ELSEWHERE, PUBLISHED)) for name in known),
        )
    yield table
    if len(ranked) > MOST:
        yield Text(f"and {len(ranked) - MOST} more (--json)")


def _of_check(check: Check) -> Iterator[str]:
    yield (
        f"checked on {check.store}: {len(check.targets)} targets left out in turn with their families "
        f"({titles(check.targets)}), up to {check.rows} candidates"
    )
    for name in _SHOWN_RULES:
        if name in check.judgements:
            regret, first, ndcg = line_of(check.judgements[name])
            yield f"  {name:<15} regret@{CHOSEN} {regret:6.2f}   regret@1 {first:6.2f}   NDCG {ndcg:.3f}"
    yield from (f"  {check.sentence(rule)}" for rule in (SQUAD, AVERAGE))


def _number(value: float | None, *, signed: bool) -> str:
    return "" if value is None else f"{value:+.2f}" if signed else f"{value:.2f}"
