"""The commands of docs/offline.md can be parsed, and its table names every check."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from sweep.command_line.arguments import XSTILTS, parse

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "offline.md").read_text(encoding="utf-8")


def test_the_commands_of_the_page_can_be_parsed():
    blocks = re.findall(r"^```\n(.*?)^```", PAGE, re.DOTALL | re.MULTILINE)
    lines = [line.removeprefix("HF_HUB_OFFLINE=1 ") for block in blocks for line in block.splitlines()]
    parsed = [parse(shlex.split(line)[1:], XSTILTS).command for line in lines]
    assert parsed == ["fetch", "fetch", "fetch", "run", "doctor", "doctor"]


def test_the_table_names_every_check():
    source = (ROOT / "sweep/planning/preflight/judgement.py").read_text() + (
        ROOT / "sweep/command_line/requirements.py"
    ).read_text()
    checks = set(re.findall(r'(?:good|warning|problem)\(\s*"([a-z0-9 ]+)"', source))
    assert {"versions", "locks", "space", "gpus", "bf16"} <= checks
    rows = {name for row in re.findall(r"^\| ([a-z0-9, ]+) \|", PAGE, re.MULTILINE) for name in row.split(", ")}
    assert checks - {"torch"} <= rows
