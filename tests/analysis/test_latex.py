"""The LaTeX compiles on a two-column page and nothing runs over; text that its fonts lack does no harm."""

import shutil
import subprocess

import pytest

from analysis.report import writer
from analysis.report.worked_out import Judged
from analysis.showing.markup import in_latex
from analysis.tables.latex import latex
from analysis.tables.table import Block, Column, Entry, Line, Table
from tests.made.hostile import ALL
from tests.made.paper_grid import fill_paper
from tests.made.records import fill
from tests.made.verdicts import made_verdicts, verdict

PAGE = r"""\documentclass[11pt,twocolumn,a4paper]{article}
\usepackage{booktabs}
\usepackage[textwidth=16cm,textheight=24.7cm,columnsep=0.6cm]{geometry}
\begin{document}
Text.
%s
\end{document}
"""
needs_tex = pytest.mark.skipif(shutil.which("pdflatex") is None, reason="no pdflatex here")


def compile_page(folder, body):
    """The log of a page with this body."""
    (folder / "page.tex").write_text(PAGE % body)
    command = ["pdflatex", "-interaction=nonstopmode", "-halt-on-error", "page.tex"]
    done = subprocess.run(command, cwd=folder, capture_output=True, timeout=120)
    log = (folder / "page.log").read_text(encoding="latin-1")
    assert done.returncode == 0, log[-2000:]
    return log


@pytest.fixture
def judging(monkeypatch):
    monkeypatch.setattr(
        writer, "judged", lambda store, sweep, selections, margin: Judged(
            verdicts=made_verdicts(sweep.results, selections))
    )  # fmt: skip


@needs_tex
@pytest.mark.parametrize("make", [fill, fill_paper], ids=["small", "paper"])
def test_the_tables_of_a_report_fit_their_page(make, judging, tmp_path):
    writer.write_report(make(tmp_path / "store"), tmp_path)
    log = compile_page(tmp_path, "\\input{table2}\n\\input{languages}")
    assert "Overfull" not in log
    assert "Float too large" not in log
    assert "Missing character" not in log
    text = (tmp_path / "table2.tex").read_text()
    assert text.count("\\begin{tabular}") == 1
    assert "\\label{tab:xstilts-table2}" in text
    assert "\\label{tab:xstilts-xnli-dev}" in (tmp_path / "languages.tex").read_text()


def wide(num_columns, num_rows=3):
    columns = tuple(Column(title=f"Column{i}", unit="F1/EM") for i in range(num_columns))
    entries = tuple(Entry(values=(-12.3, -45.6), signed=True, verdict=verdict(-5.0), marks="°!") for _ in columns)
    rows = tuple(Line(label=f"label {i}", entries=entries) for i in range(num_rows))
    return Table(title="A wide table", columns=columns, blocks=(Block(title="Dev", rows=rows),), notes=("A note.",))


@needs_tex
@pytest.mark.parametrize(("columns", "rows", "tabulars", "floats"), [(4, 3, 1, 1), (20, 3, 4, 1), (20, 45, 4, 4)])
def test_a_table_too_wide_is_set_in_pieces_and_a_long_one_in_floats(columns, rows, tabulars, floats, tmp_path):
    text = latex(wide(columns, rows), "tab:x")
    assert (text.count("\\begin{tabular}"), text.count("\\begin{table*}")) == (tabulars, floats)
    assert (text.count("\\caption"), text.count("\\label"), text.count("A note.")) == (floats, 1, 1)
    log = compile_page(tmp_path, text)
    assert "Overfull" not in log
    assert "Float too large" not in log


@needs_tex
def test_marks_signs_and_hostile_texts_compile(tmp_path):
    texts = ["†‡°↓!…▲▼≈→±×≤≥−“”‘’–—·§", "naïve Ångström Łódź ß", "中文 ไทย العربية ελ 🙂", ALL]
    entry = Entry(values=(1.0,), marks="†‡°↓!")
    rows = tuple(Line(label=text[:40], entries=(entry,)) for text in texts)
    table = Table(title=ALL, columns=(Column(title="x†"),), blocks=(Block(title=ALL[:60], rows=rows),), notes=(*texts,))
    log = compile_page(tmp_path, latex(table, "tab:x"))
    assert "Missing character" not in log
    assert "Unicode" not in log


def test_a_character_that_the_fonts_lack_is_its_code_point():
    assert in_latex("a中é") == "a{[}U+4E2D{]}é"
