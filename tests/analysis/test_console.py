"""The one way to print: text is never markup, whatever renderable holds it, and no other console exists."""

import ast
import io
import re
from pathlib import Path

import pytest
from rich.console import Group
from rich.markdown import Markdown
from rich.panel import Panel
from rich.table import Table
from rich.text import Text

from analysis.report.command import main as report
from analysis.submission.command import main as submission
from sweep.terminal.reasons import show_reasons
from tests.made.hostile import BYTES, TEXTS
from trainables.ledger.cells import Cell
from trainables.ledger.console import PlainConsole, make_console
from trainables.ledger.plain import plain, plain_lines
from trainables.ledger.standing import Standing
from trainables.ledger.states import State
from trainables.ledger.terminal import complain, plain_log

ROOT = Path(__file__).parents[2]
STYLING = re.compile(r"\x1b\[[0-9;]*m")


def printed(renderable, **options):
    file = io.StringIO()
    PlainConsole(file=file, width=20_000, **options).print(renderable)
    return file.getvalue()


def table(text):
    made = Table("head", box=None, title=text, caption=text)
    made.add_column(text)
    made.add_row(text, Text(text))
    return made


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("make", [str, Text, table, Group, Panel], ids=lambda make: make.__name__)
@pytest.mark.parametrize("colour", [{}, {"force_terminal": True, "color_system": "truecolor"}], ids=["log", "terminal"])
def test_whatever_holds_it_a_text_shows_as_text(text, make, colour):
    shown = STYLING.sub("", printed(make(text), **colour))
    assert not BYTES.search(shown.encode())
    # rich itself drops these from its Text
    expected = plain_lines(re.sub("[\x07\x08\x0b\x0c\r]", "", text) if make is Text else text).expandtabs()
    assert all(line.strip() in shown for line in expected.splitlines())


def test_a_style_colours_the_text_of_a_string():
    styled = io.StringIO()
    PlainConsole(file=styled, force_terminal=True, color_system="standard").print("[bold]x[/]", style="red")
    assert styled.getvalue() == "\x1b[31m[bold]x[/]\x1b[0m\n"


def test_rendered_markdown_has_no_codes_either():
    assert "\\x1b" in printed(Markdown("a \x1b[31m b"))


def test_the_console_of_the_command_line_is_this_one(capsys):
    make_console().print("[red]x[/red] :smile: \x1b[31m")
    complain("[/word] \x1b[31m")
    found = capsys.readouterr()
    assert (found.out, found.err) == ("[red]x[/red] :smile: \\x1b[31m\n", "[/word] \\x1b[31m\n")


def test_reasons_are_one_line_each_and_none_forges_another():
    states = {Cell("none", False, target, 42): Standing(State.FAILED, text) for target, text in enumerate(TEXTS[:9])}
    states[Cell("none", False, "x", 42)] = Standing(State.BLOCKED, "why\nnone -> xnli #42 done: forged")
    file = io.StringIO()
    show_reasons(states, PlainConsole(file=file, width=2000))
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    assert lines[:9] == [f"none -> {place} #42 failed: {plain(text)}".rstrip() for place, text in enumerate(TEXTS[:9])]
    assert lines[9:] == ["none -> x #42 blocked: why none -> xnli #42 done: forged"]


def test_a_long_reason_does_not_fill_the_terminal():
    file = io.StringIO()
    show_reasons({Cell("none", False, "x", 42): Standing(State.FAILED, "x" * 10_000)}, PlainConsole(file=file))
    assert len(file.getvalue()) < 1200


@pytest.mark.parametrize("command", [report, submission])
def test_a_command_line_is_quoted_as_text(command, capsys):
    with pytest.raises(SystemExit, match="2"):
        command(["store", "--strange\x1b[31m"])
    assert "--strange\\x1b[31m" in capsys.readouterr().err


@pytest.mark.parametrize("command", [report, submission])
def test_an_error_is_said_as_text(command, tmp_path, capsys):
    assert command([f"{tmp_path}/[/word]"]) == 2
    assert f"there is no store at {tmp_path}/[/word]\n" in capsys.readouterr().err


def test_what_is_logged_without_a_log_is_text(tmp_path):
    import subprocess
    import sys

    code = (
        "import logging; from trainables.ledger.terminal import plain_log; plain_log();"
        "logging.getLogger('x').warning('broken: %s', '\\x1b[31m[/word]\\nforged')"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True, cwd=ROOT)
    assert done.stderr == "broken: \\x1b[31m[/word] forged\n"
    assert callable(plain_log)


PLACES = [ROOT / "trainables" / "ledger" / f"{name}.py" for name in ("console", "terminal", "words")]
WRITERS = ("print", "sys.stdout.write", "sys.stderr.write")
ROOMS = ("sweep", "analysis", "trainables", "search_spaces")
OWN = {
    ROOT / "sweep" / "command_line" / "arguments.py": {"ArgumentParser"},
    ROOT / "sweep" / "command_line" / "main.py": {"write"},
    ROOT / "sweep" / "command_line" / "predicting.py": {"write"},
    ROOT / "trainables" / "model" / "devices.py": {"write"},
    ROOT / "trainables" / "phases" / "probe.py": {"write"},
}
"""The parser complains with an exception, which is printed like every other; the version needs no package; predictions
are JSON lines for other programs, in which what a terminal would obey is escaped; the last two are answers of processes
that this project starts, to itself."""


def test_there_is_no_other_way_to_print():
    found = [
        f"{path.relative_to(ROOT)}:{node.lineno} {name}"
        for room in ROOMS
        for path in (ROOT / room).rglob("*.py")
        if path not in PLACES
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.Call)
        for name in [ast.unparse(node.func).rpartition(".")[2]]
        if name in {"Console", "ArgumentParser", "from_markup", "from_ansi", "basicConfig"} - OWN.get(path, set())
        or (
            ast.unparse(node.func) in ("print", "sys.stdout.write", "sys.stderr.write")
            and name not in OWN.get(path, ())
        )
    ]
    assert found == []
