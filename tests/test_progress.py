"""The board of a sweep, its text, and the states read from the store."""

from __future__ import annotations

import io
from pathlib import Path

from rich.console import Console

from search_spaces.grid import Cell
from sweep.board import Board, duration
from sweep.nodes import Plan
from sweep.scheduler import RunState
from sweep.status import State, cell_states
from tests import executors, graphs
from trainables.phases.options import Options
from trainables.store import LocalStore

EXPECTED = """\
                 train  x  paraphrase-detection  y
squad                ●  ●                   38%  ○
cosmosqa             ✗  ⊘                     ⊘  –
a-long-name+mlm    50%  ·                     ·  ·
· waiting  ○ ready  ● done  ✗ failed  ⊘ blocked  – no data
2 of 11 runs done, 2 running, 1 failed, 2 blocked, 1 min 05 s gone, about 35 s to go
"""


def example() -> tuple[Plan, dict[str, RunState]]:
    targets = ["x", "paraphrase-detection", "y"]
    plan = graphs.fan(["squad", "cosmosqa", "a-long-name+mlm"], targets)
    nodes, cells, without = dict(plan.nodes), dict(plan.cells), {}
    missing = Cell(intermediate="cosmosqa", mlm=False, target="y", seed=42)
    without[missing] = "no rows in the mirror"
    del nodes[cells.pop(missing)]
    plan = Plan(nodes=nodes, cells=cells, without_data=without)
    states = dict.fromkeys(nodes, RunState.WAITING)
    names = {node.name: run_id for run_id, node in nodes.items()}
    for name, state in {
        "squad": RunState.DONE,
        "squad -> x #42": RunState.DONE,
        "squad -> paraphrase-detection #42": RunState.LIVE,
        "squad -> y #42": RunState.READY,
        "cosmosqa": RunState.FAILED,
        "cosmosqa -> x #42": RunState.BLOCKED,
        "cosmosqa -> paraphrase-detection #42": RunState.BLOCKED,
        "a-long-name+mlm": RunState.LIVE,
    }.items():
        states[names[name]] = state
    return plan, states


def board_of(plan: Plan, states: dict[str, RunState]) -> Board:
    names = {node.name: run_id for run_id, node in plan.nodes.items()}
    board = Board(plan, lambda run_id: states[run_id], now=100.0, slots=2)
    board.start(names["squad"], 100.0)
    board.end(names["squad"], 120.0)
    board.start(names["squad -> paraphrase-detection #42"], 165.0)
    board.advance(names["squad -> paraphrase-detection #42"], 0.375)
    board.start(names["a-long-name+mlm"], 165.0)
    board.advance(names["a-long-name+mlm"], 0.5)
    return board


def text(board: Board, width: int) -> str:
    output = io.StringIO()
    Console(file=output, width=width).print(board.render(width, now=165.0))
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()) + "\n"


def test_board_at_width_100() -> None:
    """Costs: an intermediate run 2 s, a target 1 s; squad took 20 s, so the pace is 10.

    Left: paraphrase 10 s, y 10 s, the long name 20 s, then its three targets 10 s each: 70 s of work in 2 slots are
    35 s; the longest chain is 20 + 10 s = 30 s.
    """
    rendered = text(board_of(*example()), 100)
    assert rendered == EXPECTED


def test_narrow_terminal_shortens_targets_not_rows() -> None:
    lines = text(board_of(*example()), 40).splitlines()
    assert max(map(len, lines[:4])) <= 40
    assert lines[0].split() == ["train", "x", "paraphras…", "y"]
    assert lines[3].startswith("a-long-name+mlm")


def test_seeds_share_a_place() -> None:
    plan = graphs.fan(["squad"], ["x", "y"])
    seeds = [Cell(intermediate="squad", mlm=False, target="x", seed=seed) for seed in (1, 2)]
    plan = Plan(nodes=plan.nodes, cells=dict(zip(seeds, plan.cells.values(), strict=True)))
    states = dict(zip(plan.nodes, [RunState.DONE, RunState.DONE, RunState.READY], strict=True))
    board = Board(plan, lambda run_id: states[run_id], now=0.0, slots=1)
    assert board.place("squad", "x") == ("○ 1/2", "")


def test_durations() -> None:
    assert [duration(s) for s in (0.4, 59.4, 65, 3600 * 7 + 12 * 60)] == ["0 s", "59 s", "1 min 05 s", "7 h 12 min"]


def test_states_from_the_store(tmp_path: Path) -> None:
    store = LocalStore(tmp_path).prepare()
    plan, _ = example()
    names = {node.name: node for node in plan.nodes.values()}
    for name in ("squad", "squad -> x #42"):
        node = names[name]
        list(executors.empty(node.spec, node.name, store, Options(data="demo", encoder="bundled")))
    store.fail(names["cosmosqa"].run_id, "cosmosqa", "ValueError: no labels")
    states = {(cell.row, cell.target): found for cell, found in cell_states(plan, store).items()}
    assert states["squad", "x"] == (State.DONE, "")
    assert states["squad", "y"] == (State.PENDING, "")
    assert states["cosmosqa", "x"] == (State.BLOCKED, "cosmosqa failed: ValueError: no labels")
    assert states["cosmosqa", "y"] == (State.NO_DATA, "no rows in the mirror")
    assert states["a-long-name+mlm", "x"] == (State.PENDING, "")
    assert len(states) == 9
