"""The ledger of reproduced numbers as Markdown."""

from __future__ import annotations

from collections.abc import Sequence

from analysis.published.numbers import Average, Follows, Part
from analysis.published.reproduction import Line, Reproduction
from analysis.scores.headings import heading
from analysis.showing.markup import Markdown, bold, in_markdown, pipe_table
from analysis.tables.table2 import METRIC_TITLES

_RIGHT = "---:"


def markdown(found: Reproduction) -> str:
    """Head, flags, the printed averages, then every number; causes are numbered and listed below the lines."""
    parts = [in_markdown(found.head), "### Doubts and readings of the printed table"]
    parts.append("\n".join(f"- {in_markdown(flag)}" for flag in found.flags))
    parts += ["### Printed averages against their cells", _averages(found.averages)]
    numbered = list(dict.fromkeys(cause for line in found.lines for cause in line.causes))
    for part, title in ((Part.DEV, "Development rows"), (Part.TEST, "Test rows")):
        parts += [f"### {title}", _lines([line for line in found.lines if line.number.part is part], numbered)]
    if numbered:
        causes = (f"{place}. {in_markdown(cause)}" for place, cause in enumerate(numbered, 1))
        parts += ["### Known causes", "\n".join(causes)]
    return "\n\n".join(part.rstrip("\n") for part in parts) + "\n"


def _averages(averages: Sequence[Average]) -> str:
    rows = [
        [
            each.number.label, each.number.part.value, each.number.printed,
            f"{each.recomputed:{'+' if each.number.is_change else ''}.3f}",
            bold("no") if each.follows is Follows.NO else each.follows.value,
        ]
        for each in averages
    ]  # fmt: skip
    return pipe_table(
        ["row", "rows", "printed", "from the cells", "follows"], rows, ["---", "---", _RIGHT, _RIGHT, "---"]
    )


def _lines(lines: Sequence[Line], causes: Sequence[str]) -> str:
    header = ["row", "score", "published", "ours", "difference", "chance", "causes"]
    rows = [
        [
            line.number.label, _score(line), line.number.printed, *_ours(line),
            ", ".join(str(causes.index(cause) + 1) for cause in line.causes),
        ]
        for line in lines
    ]  # fmt: skip
    return pipe_table(header, rows, ["---", "---", *[_RIGHT] * 4, "---"])


def _score(line: Line) -> str:
    number = line.number
    return f"{heading(number.target)} {METRIC_TITLES[number.metric]}" if number.target else "Avg"


def _ours(line: Line) -> Sequence[str]:
    """Ours, the difference and what chance explains; a difference beyond that is bold."""
    if line.ours is None or line.difference is None or line.spread is None:
        return Markdown(f"*{in_markdown(line.absent)}*") if line.absent else "–", "", ""
    difference = f"{round(line.difference, 1) + 0.0:+.1f}"
    return (
        f"{round(line.ours, 1) + 0.0:{'+' if line.number.is_change else ''}.1f}",
        difference if line.within else bold(difference),
        f"±{line.spread:.1f}",
    )
