"""docs/configuration.md names every field of the configuration."""

from pathlib import Path

import pytest
from pydantic import BaseModel

from search_spaces.config import SweepConfig

PAGE = (Path(__file__).parents[1] / "docs" / "configuration.md").read_text(encoding="utf-8")
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
