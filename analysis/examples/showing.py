"""Rows that were fixed or broken, on the terminal and as JSON."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from rich.box import SIMPLE_HEAD
from rich.console import Console, ConsoleOptions, RenderResult
from rich.table import Table
from rich.text import Text

from analysis.examples.asked import Asked
from analysis.examples.examples import Example, Examples, Kind
from analysis.examples.texts import CONTEXT
from analysis.scores.headings import heading, row_title
from trainables.ledger.plain import plain

FORMAT = 1
"""Of the JSON."""
LONGEST = 160
"""Characters of a text in the table; the page has the whole."""
TITLES = {Kind.FIXED: "Fixed", Kind.BROKEN: "Broken"}
NOTHING = "(nothing)"


@dataclass(frozen=True)
class Shown:
    """The counts and the first rows of each kind for a rich console."""

    found: Examples
    most: int

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Title, counts, a table of what was fixed, one of what was broken."""
        yield Text(plain(title(self.found.what)), style="bold")
        yield Text(counts(self.found))
        for note in notes(self.found):
            yield Text(plain(note, 3 * LONGEST), style="dim")
        for kind, name in TITLES.items():
            rows = self.found.of(kind, self.most)
            if rows:
                yield Text(f"\n{name}, {len(rows)} of {self.found.counts[kind]}", style="bold")
                yield _table(rows, self.found)


def title(what: Asked) -> str:
    """For example `SQuAD against the baseline: XQuAD, th, the only set, seed 42`."""
    split = "the only set" if what.split == "test" and not what.is_test else what.split.value
    where = f"{heading(what.target)}, {what.language}, {split}, seed {what.seed}"
    return f"{row_title(what.row)} against the baseline: {where}"


def counts(found: Examples) -> str:
    """The four kinds with their numbers and shares."""
    total = sum(found.counts.values())
    return f"{total:,} rows: " + ", ".join(
        f"{kind} {count:,} ({count / total if total else 0:.0%})" for kind, count in found.counts.items()
    )


def notes(found: Examples) -> Iterator[str]:
    """What a reader must know."""
    if found.is_graded:
        yield "Rows may be partly right: fixed and broken go by the change of a row's score; right is a score of 1."
    yield (
        f"One run each ({found.what.baseline.record.run_id}, {found.what.run.record.run_id}): what single rows show is"
        " no evidence for the task; the report's intervals are."
    )
    if found.why_no_texts:
        yield f"Without texts: {found.why_no_texts}."


def listed(texts: Sequence[str]) -> str:
    """A prediction or reference in one line."""
    return " | ".join(texts) if any(texts) else NOTHING


def as_json(found: Examples, most: int = 0) -> str:
    """Counts and rows as JSON, ASCII; `most` rows of each kind, 0 is all."""
    what = found.what
    rows: list[Example] = [row for kind in TITLES for row in found.of(kind, most)]
    fields: dict[str, Any] = {
        "format": FORMAT,
        "target": what.target,
        "language": what.language,
        "row": str(what.row),
        "seed": what.seed,
        "split": what.split.value,
        "runs": {"baseline": what.baseline.record.run_id, "row": what.run.record.run_id},
        "counts": {kind.value: count for kind, count in found.counts.items()},
        "graded": found.is_graded,
        "why_no_texts": found.why_no_texts,
        "rows": [asdict(row) | {"parts": dict(row.parts), "change": row.change} for row in rows],
    }
    return json.dumps(fields, indent=1, allow_nan=False)


def _table(rows: Sequence[Example], found: Examples) -> Table:
    has_texts = any(row.parts for row in rows)
    table = Table(box=SIMPLE_HEAD, pad_edge=False, show_edge=False)
    names = [*(["text"] if has_texts else []), "reference", "baseline", row_title(found.what.row)]
    for name in ["id", *(["change"] if found.is_graded else []), *names]:
        table.add_column(name, overflow="fold", justify="right" if name == "change" else "left")
    for row in rows:
        cells = [row.id, *([f"{100 * row.change:+.0f}"] if found.is_graded else [])]
        if has_texts:
            cells.append(" / ".join(text for name, text in row.parts if name != CONTEXT))
        cells += [listed(row.reference), listed(row.baseline), listed(row.prediction)]
        table.add_row(*(Text(plain(cell, LONGEST)) for cell in cells))
    return table
