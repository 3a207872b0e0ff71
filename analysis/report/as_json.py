"""Content as JSON: `report.json`. docs/report.md describes it."""

from __future__ import annotations

import json
import math
from collections.abc import Mapping
from typing import Any

from analysis.report.content import (
    FORMAT,
    Block,
    Cell,
    Commands,
    Content,
    Document,
    Facts,
    Figure,
    Folded,
    Grid,
    Items,
    MainTable,
    Paragraph,
    Said,
    Value,
    pieces,
)
from analysis.statistics.estimate import NoVerdict, Verdict
from trainables.ledger.plain import plain, plain_lines


def in_json(content: Content) -> str:
    """The text of the file; numbers unrounded, what is not a number null. The same content gives the same bytes."""
    fields = {
        "format": FORMAT,
        "title": plain(content.title),
        "about": _said(content.said),
        "newest_record": plain(content.newest),
        "sections": {
            section.id: {"title": plain(section.title), "blocks": [_block(block) for block in section.blocks]}
            for section in content.sections
        },
    }
    return json.dumps(fields, indent=1, allow_nan=False) + "\n"


def _block(block: Block) -> dict[str, Any]:
    match block:
        case Paragraph():
            return {"kind": "paragraph", "text": _said(block.said)}
        case Items():
            items = [{"text": _said(item.said)} | _filled({"about": _said(item.under)}) for item in block.items]
            return {"kind": "list", "items": items}
        case Facts():
            return {"kind": "facts", "facts": {plain(name): _said(said) for name, said in block.facts}}
        case Grid():
            lines = [[_value(value) for value in line.cells] for line in block.lines]
            heads = [plain(head.title) for head in block.heads]
            return {"kind": "grid"} | _filled({"title": plain(block.title)}) | {"columns": heads, "lines": lines}
        case MainTable():
            return {"kind": "table2", **_table(block)}
        case Figure():
            return {"kind": "figure", "name": plain(block.name), "title": plain(block.title),
                    "caption": plain(block.caption)}  # fmt: skip
        case Commands():
            found = [{"command": plain(command), "text": plain(what)} for command, what in block.commands]
            return {"kind": "commands", "commands": found}
        case Document():
            return {"kind": "document", "text": plain_lines(block.text)}
        case Folded():
            return {"kind": "folded", "text": _said(block.said), "blocks": [_block(each) for each in block.blocks]}


def _table(block: MainTable) -> dict[str, Any]:
    table, cells = block.table, iter(block.cells)
    return {
        "title": plain(table.title),
        "columns": [
            {"target": column.target, "title": column.title, "unit": column.unit, "marks": column.marks}
            for column in table.columns
        ],
        "blocks": [
            {
                "title": each.title,
                "rows": [{"label": row.label, "cells": [_cell(next(cells)) for _ in row.entries]} for row in each.rows],
            }
            for each in table.blocks
        ],
        "notes": [plain(note) for note in table.notes],
    }


def _cell(cell: Cell) -> dict[str, Any]:
    gap = cell.entry.gap
    return {
        "intermediate": cell.row.intermediate,
        "mlm": cell.row.mlm,
        "target": cell.target,
        "split": cell.split,
        "shown": str(cell.entry),
        "selected": cell.entry.best,
        "score": cell.score,
        "change": cell.change,
        "gap": {"state": gap.state.value, "reason": plain(gap.reason), "bounds": list(gap.bounds)} if gap else None,
        "seeds": [
            {"seed": each.seed, "run": each.run, "score": each.score} | _filled({"reason": plain(each.reason)})
            for each in cell.seeds
        ],
        "verdict": _verdict(cell.verdict),
    }


def _verdict(verdict: Verdict | NoVerdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    if isinstance(verdict, NoVerdict):
        return {"word": None, "reason": plain(verdict.reason)}
    estimate = verdict.estimate
    return {
        "word": verdict.word.value,
        "difference": _number(estimate.value),
        "low": _number(estimate.low),
        "high": _number(estimate.high),
        "p": _number(verdict.p),
        "p_equivalent": _number(verdict.p_equivalent),
        "detectable": _number(verdict.detectable),
        "seeds_needed": verdict.seeds_needed,
        "rows": estimate.rows,
        "items": estimate.items,
        "seeds": estimate.seeds,
        "over_seeds": estimate.over_seeds,
        "standard_error": _number(estimate.error),
        "degrees_of_freedom": _number(estimate.freedom),
        "seed_variance": _number(estimate.seed_variance),
    }


def _value(value: Value) -> Any:
    """A text alone where there is no number."""
    fields = {"number": _number(value.number), "low": _number(value.low), "high": _number(value.high)}
    known = {name: number for name, number in fields.items() if number is not None}
    return {"text": _said(value.said), **known} if known else _said(value.said)


def _said(said: Said) -> str:
    return plain("".join(pieces(said)))


def _number(value: float | None) -> float | None:
    return value if value is not None and math.isfinite(value) else None


def _filled(fields: Mapping[str, str]) -> dict[str, str]:
    return {name: text for name, text in fields.items() if text}
