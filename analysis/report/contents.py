"""The whole content of a report, made from its material: the sections in their order."""

from __future__ import annotations

from analysis.report.cells import cells_section, main_table
from analysis.report.checklist import checklist
from analysis.report.content import Block, Content, Document, Folded, Item, Items, Section
from analysis.report.costs import costs_section
from analysis.report.donors import donors_section
from analysis.report.failures import collapsed_section, failures_section
from analysis.report.languages import languages_section
from analysis.report.material import Material
from analysis.report.notes import notes_section
from analysis.report.openings import openings_section
from analysis.report.overview import headline, newest, overview_section, versions_section
from analysis.report.paper import paper_section
from analysis.report.races import race_section
from analysis.report.regrets import regret_section
from analysis.report.reproduce import reproduce_section
from analysis.report.searches import searches_section
from analysis.report.selected import answer_section, selection_section
from analysis.report.settings import settings_section

TITLE = "Sweep report"


def content_of(material: Material) -> Content:
    """Every section that has something to say."""
    runs = material.sweep.runs
    table = main_table(material)
    checked = Document(text=checklist(material.sweep, material.studies, material.verdicts))
    warnings = tuple(Item(said=warning) for warning in material.warnings)
    sections = (
        _section("warnings", "What could not be done", *((Items(items=warnings),) if warnings else ())),
        answer_section(material),
        Section(id="table2", title="Table 2", blocks=(table,), brief=True),
        _section("figures", "Figures", *material.figures),
        selection_section(material),
        regret_section(material.regrets),
        failures_section(material),
        collapsed_section(runs),
        languages_section(material),
        donors_section(material.transfers),
        overview_section(material),
        settings_section(runs),
        searches_section(material.studies),
        race_section(material.sweep.race),
        paper_section(material),
        openings_section(material.openings),
        cells_section(table),
        costs_section(runs),
        versions_section(runs),
        notes_section(runs),
        reproduce_section(material),
        _section("checklist", "Experiments, for the checklist of a paper", Folded(said="Text", blocks=(checked,))),
    )
    return Content(
        title=TITLE,
        said=headline(material),
        newest=newest(runs),
        sections=tuple(section for section in sections if section.blocks),
    )


def _section(id: str, title: str, *blocks: Block) -> Section:
    return Section(id=id, title=title, blocks=blocks)
