"""Reading a report that was written."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

from analysis.report.brief import body
from analysis.report.writer import Written


def whole(written: Written) -> str:
    """All that the page shows, as Markdown."""
    return "\n".join(f"## {section.title}\n\n{body(section)}\n" for section in written.content.sections)


def part(written: Written, id: str) -> str:
    """One section as Markdown; empty where the report has none."""
    return body(written.content[id]) if id in written.content else ""


def texts(folder: Path) -> dict[str, str]:
    """File -> its text, of all files of a report that have one; without the coordinates of drawings."""
    paths = (path for path in folder.rglob("*") if path.is_file() and path.suffix not in (".parquet", ".pdf"))
    return {path.name: re.sub(r"<svg.*?</svg>", _words, path.read_text(), flags=re.DOTALL) for path in paths}


def _words(drawing: re.Match[str]) -> str:
    return re.sub(r"<[^>]*>", " ", drawing[0])


def in_json(folder: Path, id: str) -> list[dict[str, Any]]:
    """The blocks of a section of report.json; none where it has no such section."""
    sections = json.loads((folder / "report.json").read_text())["sections"]
    return sections[id]["blocks"] if id in sections else []


def table2(folder: Path) -> dict[tuple[str, str, str], dict[str, Any]]:
    """(title of the block, label of the row, title of the column) -> cell of Table 2 in report.json."""
    [table] = in_json(folder, "table2")
    return {
        (block["title"], row["label"], column["title"]): cell
        for block in table["blocks"]
        for row in block["rows"]
        for column, cell in zip(table["columns"], row["cells"], strict=True)
    }
