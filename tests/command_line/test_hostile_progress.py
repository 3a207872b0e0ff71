"""Reasons and remarks from data and errors on the way of a sweep: each is one line of text, and ends nothing."""

from __future__ import annotations

import dataclasses
import io
import re

import pytest

from search_spaces.search_fields import SearchFields
from sweep.grid import main
from sweep.terminal.board import Board
from sweep.terminal.description import describe
from sweep.terminal.progress import Progress
from tests.made import graphs
from tests.made.bills import bill
from tests.made.hostile import BYTES, TEXTS
from trainables.ledger.cells import Cell
from trainables.ledger.console import PlainConsole
from trainables.ledger.plain import plain
from trainables.ledger.store import Store

STYLING = re.compile(r"\x1b\[(?:[0-9;]*m|\?25[lh]|\d*[AK]|2K)|\r")
"""What rich says to a terminal."""


@pytest.mark.parametrize("text", TEXTS)
@pytest.mark.parametrize("terminal", [False, True], ids=["log", "terminal"])
def test_a_reason_does_not_end_the_progress_and_is_shown(store: Store, text: str, terminal: bool) -> None:
    file = io.StringIO()
    console = PlainConsole(file=file, width=100, force_terminal=terminal, color_system="standard")
    graph = graphs.graph_of(graphs.fan(["a"], ["x"]), store, SearchFields(), machines=graphs.TWO_CORES)
    progress = Progress(Board(graph.plan, graph.state, 0.0, slots=2), graph, store, console)
    run_id = graph.start(0.0)
    assert run_id
    progress.start(run_id, 0.0)
    store.fail(run_id, "a", f"why {text}")
    graph.fail(run_id)
    progress.end(run_id, 1.0)
    progress.draw(0.0)
    progress.close()
    shown = STYLING.sub("", file.getvalue())
    assert shown.splitlines()[0].rstrip() == f"failed a: why {plain(text)}".rstrip()
    assert not BYTES.search(shown.encode())


def test_remarks_of_a_plan_are_one_line_each(tmp_path):
    found = graphs.fan(["a"], ["x"])
    reasons = {Cell("a", False, f"t{number}", 42): f"no rows {text}" for number, text in enumerate(TEXTS)}
    found = dataclasses.replace(found, notes=tuple(f"see {text}" for text in TEXTS), without_data=reasons)
    store, file = Store(tmp_path / "store"), io.StringIO()
    console = PlainConsole(file=file, width=20_000)
    console.print(describe(bill(found, store), store, SearchFields()))
    lines = [line.rstrip() for line in file.getvalue().splitlines()]
    for number, text in enumerate(TEXTS):
        assert f"note: see {plain(text)}".rstrip() in lines
        assert f"no data for 1 cell of target t{number}: no rows {plain(text)}".rstrip() in lines


@pytest.mark.parametrize("option", ["--data", "--encoder", "--store", "--set", "--targets", "--bad"])
def test_a_command_line_is_quoted_as_text(tmp_path, capsys, option):
    word = f"{tmp_path}/[/word][red]\x1b[31m\u202e:smile:"
    assert main(["plan", option, word]) in (0, 2)
    found = capsys.readouterr()
    assert not BYTES.search((found.out + found.err).encode())
    if option not in ("--store", "--bad"):
        assert "[/word][red]" in " ".join((found.out + found.err).split())
