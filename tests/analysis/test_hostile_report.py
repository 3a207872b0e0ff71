"""A report on hostile texts has the elements of one on harmless words, and shows the texts as they are."""

import csv
import io
import json
import re
from collections import Counter
from html.parser import HTMLParser
from pathlib import Path

import pyarrow.parquet as pq
import pytest
from markdown_it import MarkdownIt

from analysis.report.command import main
from analysis.report.writer import report_on
from sweep.cluster.driver import trial_dirname
from sweep.grid import main as grid
from tests.made.hostile import ALL, BYTES, fill_hostile
from tests.made.reports import whole
from trainables.ledger.plain import plain
from trainables.ledger.states import State

PARSER = MarkdownIt("commonmark", {"html": True}).enable(["table", "strikethrough"])
HARMLESS = "words"


@pytest.fixture(scope="module")
def reports(tmp_path_factory):
    """Folder of the report, by what its texts say."""
    root = tmp_path_factory.mktemp("reports")
    for name, say in (("hostile", ALL), ("harmless", HARMLESS)):
        store, plan = fill_hostile(root / name / "store", say)
        command = [str(store.root), "--out", str(root / name / "out"), "--sweep", plan.sweep, "--open-test"]
        assert main(command) == 0
        written = report_on(store.root, root / name / "out", sweep=plan.sweep, open_test=True)
        (root / name / "out" / "whole.md").write_text(whole(written))
    return {name: root / name / "out" for name in ("hostile", "harmless")}


def elements(text):
    """How many of each element the HTML has, and all its text."""
    html = PARSER.render(text)
    shown = "".join(piece.content for block in PARSER.parse(text) for piece in block.children or ())
    return Counter(re.findall(r"<(/?\w+)", html)), shown, html


@pytest.mark.parametrize("name", ["report.md", "table2.md", "whole.md"])
def test_the_markdown_has_no_element_that_a_harmless_one_has_not(reports, name):
    hostile, shown, html = elements((reports["hostile"] / name).read_text())
    harmless, _, _ = elements((reports["harmless"] / name).read_text())
    # code that cannot be set as code is set as words
    for tag in ("code", "/code"):
        assert hostile.pop(tag, 0) <= harmless.pop(tag, 0)
    assert hostile == harmless
    assert "<script" not in html
    assert "href" not in html
    longest = 900 if name == "whole.md" else 90
    for what in ("enc", "src") if name != "whole.md" else (
        "enc", "rev", "src", "device", "lib", "commit", "note", "finding", "reason", "trial", "study",
        "param", "stage", "name", "metric", "no rows",
    ):  # fmt: skip
        assert f"{what} {plain(ALL)[:longest]}" in shown, what


class Seen(HTMLParser):
    """Counts the elements of a page, and keeps its text and the attributes that could load or run something."""

    def __init__(self, page):
        super().__init__()
        self.elements, self.text, self.references = Counter(), "", set()
        self.feed(page)

    def handle_starttag(self, tag, attrs):
        self.elements[tag] += 1
        self.references |= {
            (name, value) for name, value in attrs if name in ("src", "href", "style") or name.startswith("on")
        }

    def handle_data(self, data):
        self.text += data


def test_the_page_has_no_element_that_a_harmless_one_has_not(reports):
    hostile, harmless = (Seen((reports[name] / "report.html").read_text()) for name in ("hostile", "harmless"))
    assert hostile.elements == harmless.elements
    assert hostile.elements["script"] == 1
    for found in (hostile, harmless):
        assert {value[:1] for name, value in found.references if name == "href" and value != "data:,"} == {"#"}
        assert {name for name, _ in found.references} <= {"href", "style"}
        assert all(
            re.fullmatch(r"--width: \d+(\.\d+)?px", value) for name, value in found.references if name == "style"
        )
    for what in ("rev", "device", "lib", "commit", "note", "finding", "reason", "trial", "study", "param", "stage",
                 "name", "metric", "no rows"):  # fmt: skip
        assert f"{what} {plain(ALL)}".strip() in hostile.text, what


def test_report_json_is_strict_and_says_the_same_texts(reports):
    def refuse(constant):
        raise AssertionError(constant)

    found = json.loads((reports["hostile"] / "report.json").read_text(), parse_constant=refuse)
    harmless = json.loads((reports["harmless"] / "report.json").read_text(), parse_constant=refuse)
    assert found["format"] == 1
    assert list(found["sections"]) == list(harmless["sections"])
    assert f"commit {plain(ALL)}" in found["sections"]["versions"]["blocks"][0]["facts"]["Commits"]


def test_nothing_in_any_file_is_a_control_code(reports):
    for path in filter(Path.is_file, reports["hostile"].rglob("*")):
        if path.suffix not in (".parquet", ".pdf"):
            assert not BYTES.search(path.read_bytes()), path.name


def test_the_latex_is_balanced_and_has_no_command_of_theirs(reports):
    found = {}
    for name, folder in reports.items():
        first, _, text = (folder / "table2.tex").read_text().partition("\n")
        assert first == "% needs \\usepackage{booktabs}"
        found[name] = set(re.findall(r"\\([A-Za-z]+)", text))
        assert len(re.findall(r"(?<!\\)\{", text)) == len(re.findall(r"(?<!\\)\}", text))
        assert not re.search(r"(?<!\\)[#%]", text)
        assert "\\begin{table*}" in text
    escapes = {"textbackslash", "textasciitilde", "textasciicircum", "textasciigrave", "textbar", "char", "ldots"}
    assert found["hostile"] - found["harmless"] <= escapes
    rows = {name: (folder / "table2.tex").read_text().count(" & ") for name, folder in reports.items()}
    assert rows["hostile"] == rows["harmless"]


def test_the_long_table_has_a_line_a_score_and_no_formula(reports):
    tables = {
        name: list(csv.reader(io.StringIO((folder / "scores-open.csv").read_text(), newline="")))
        for name, folder in reports.items()
    }
    assert len(tables["hostile"]) == len(tables["harmless"])
    assert {len(line) for line in tables["hostile"]} == {16}
    assert f"enc {plain(ALL)}" in {line[13] for line in tables["hostile"]}
    encoders = pq.read_table(reports["hostile"] / "scores-open.parquet")["encoder"].to_pylist()
    assert set(encoders) == {f"enc {plain(ALL)}"}


def test_the_terminal_shows_texts(tmp_path, capsys, monkeypatch):
    monkeypatch.setenv("COLUMNS", "200")
    store, plan = fill_hostile(tmp_path / "store")
    assert main([str(store.root), "--sweep", plan.sweep]) == 0
    assert grid(["status", "--store", str(store.root)]) == 1
    found = capsys.readouterr()
    assert not BYTES.search((found.out + found.err).encode())
    shown = " ".join(found.out.split())
    for text in ("[/word]", "[red]x[/]", ":smile:", "<script>", "\\x1b[31mred", "\\x1b]0;t\\x07", "\\u202egpj.exe"):
        assert text in shown
    assert "squad -> udpos #42 failed: reason [/word]" in shown


def test_a_board_shows_names_as_they_are(tmp_path, capsys):
    """Rows and columns of a plan that somebody else wrote."""
    from sweep.terminal.board import Board
    from tests.made import graphs
    from trainables.ledger.console import make_console

    plan = graphs.fan(["[red]row[/]", "[/word]"], ["[bold]x", "y\x1b[31m"])
    board = Board(plan, lambda run_id: State.DONE, now=0.0, slots=1)
    make_console().print(board.render(120, now=1.0))
    shown = capsys.readouterr().out
    assert all(text in shown for text in ("[red]row[/]", "[/word]", "[bold]x", "y\\x1b[31m"))


def test_a_folder_of_a_run_has_a_name_that_no_shell_or_terminal_minds():
    class Trial:
        config = {"name": ALL, "run_id": "0123456789ab"}

    assert re.fullmatch(r"[A-Za-z0-9+_.-]{1,60}-0123456789ab", trial_dirname(Trial()))
