"""The section that says how to get each number again."""

from __future__ import annotations

from analysis.report.content import Commands, Facts, Paragraph, Section
from analysis.report.material import Material


def reproduce_section(material: Material) -> Section:
    """Command lines, with STORE for the folder of the store; where the numbers of the page lie."""
    sweep = f" --sweep {material.sweep.id}" if material.sweep.id else ""
    runs = sorted(run.record.run_id for run in material.sweep.runs)
    example = runs[0] if runs else "RUN"
    commands = (
        (f"xstilts report STORE{sweep}", "makes this page and its tables again from the records, without computing"),
        ("xstilts run --config STORE/config.yaml --store NEW", "computes the whole sweep again in another store"),
        ("xstilts run --config STORE/config.yaml --store STORE", "computes what is missing"),
        (
            f"xstilts run --config STORE/config.yaml --store STORE --recompute {example}",
            "computes one run again; the run behind every number stands under Every cell",
        ),
    )
    facts = (
        ("Verdict on a cell", "runs/ID/predictions of the cell's runs and of the baseline's with the same seeds"),
        ("Score of a cell", "scores.csv: the lines of the cell's runs; mean over languages, metrics, seeds"),
        ("Settings of a run", "runs/ID/record.json, field spec; its id is made from it"),
        ("All of this page", "report.json"),
    )
    said = "A run is named by the digest of everything that decides its result; the same settings give the same id."
    blocks = (Paragraph(said=said), Commands(commands=commands), Facts(facts=facts))
    return Section(id="reproduce", title="How to reproduce", blocks=blocks)
