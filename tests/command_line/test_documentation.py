"""The pages name every field of the configuration, and their commands can be parsed."""

import re
import shlex
from pathlib import Path

import pytest
from pydantic import BaseModel

from search_spaces.config import SweepConfig
from sweep.command_line.arguments import GRID, XSTILTS, parse

ROOT = Path(__file__).parents[2]
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")
PAGES = ("README.md", "docs/search.md", "docs/cluster.md", "docs/adding_a_task.md", "docs/scheduling.md")
PROGRAMS = {"xstilts": XSTILTS, "python -m sweep.grid": GRID}
COMMAND = re.compile(
    r"^(?:\| `| *(?:\S*/)?)(xstilts|python -m sweep\.grid) "
    r"((?:run|plan|simulate|status|tasks|search)\b(?:[^`\n]*\\\n)*[^`\n]*)",
    re.MULTILINE,
)
SECTIONS = {
    name: field.annotation
    for name, field in SweepConfig.model_fields.items()
    if isinstance(field.annotation, type) and issubclass(field.annotation, BaseModel)
}


@pytest.mark.parametrize("section", SECTIONS)
def test_the_page_names_every_section_and_field(section):
    assert f"`{section}`" in PAGE
    missing = [name for name in SECTIONS[section].model_fields if name not in PAGE]
    assert not missing


@pytest.mark.parametrize("page", PAGES)
def test_the_commands_of_a_page_can_be_parsed(page):
    """`...` and comments at their ends are for the reader."""
    text = (ROOT / page).read_text(encoding="utf-8")
    parsed = [
        parse(shlex.split(line.replace("\\\n", " ").replace("...", ""), comments=True), PROGRAMS[program])
        for program, line in COMMAND.findall(text)
    ]
    assert parsed


@pytest.mark.parametrize("page", sorted([*ROOT.glob("*.md"), *ROOT.glob("docs/*.md")]), ids=lambda page: page.name)
def test_links_between_pages_lead_somewhere(page):
    links = re.findall(r"\]\((?!https?:|#|mailto:)([^)#\s]+)", page.read_text(encoding="utf-8"))
    assert [link for link in links if not (page.parent / link).exists()] == []
