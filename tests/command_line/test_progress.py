"""The board of a sweep, its text, and the states read from the store."""

from __future__ import annotations

import io
import time

from rich.console import Console

from search_spaces.search_fields import SearchFields
from sweep.cluster.run import NO_SEARCH
from sweep.graph.graph import Graph
from sweep.terminal.board import Board
from sweep.terminal.progress import Progress
from sweep.terminal.wording import duration
from tests.made import executors, graphs
from tests.made.executors import learning_record, quadratic_record
from trainables.ledger.cells import Cell
from trainables.ledger.plan import Plan
from trainables.ledger.standing import cell_states
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.phases.options import Options

EXPECTED = """\
                 train  x  paraphrase-detection  y
squad                ●  ●                   38%  ○
cosmosqa             ✗  ⊘                     ⊘  –
a-long-name+mlm    50%  ·                     ·  ·
· waiting  ○ ready  ● done  ✗ failed  ⊘ blocked  – no data
2 of 11 runs done, 2 running, 1 failed, 2 blocked, 1.1 min gone, about 19 s to go
"""


def example() -> tuple[Plan, dict[str, State]]:
    targets = ["x", "paraphrase-detection", "y"]
    plan = graphs.fan(["squad", "cosmosqa", "a-long-name+mlm"], targets)
    nodes, cells, without = dict(plan.nodes), dict(plan.cells), {}
    missing = Cell(intermediate="cosmosqa", mlm=False, target="y", seed=42)
    without[missing] = "no rows in the mirror"
    del nodes[cells.pop(missing)]
    plan = Plan(nodes=nodes, cells=cells, without_data=without)
    states = dict.fromkeys(nodes, State.WAITING)
    names = {node.name: run_id for run_id, node in nodes.items()}
    for name, state in {
        "squad": State.DONE,
        "squad -> x #42": State.DONE,
        "squad -> paraphrase-detection #42": State.RUNNING,
        "squad -> y #42": State.READY,
        "cosmosqa": State.FAILED,
        "cosmosqa -> x #42": State.BLOCKED,
        "cosmosqa -> paraphrase-detection #42": State.BLOCKED,
        "a-long-name+mlm": State.RUNNING,
    }.items():
        states[names[name]] = state
    return plan, states


def board_of(plan: Plan, states: dict[str, State]) -> Board:
    names = {node.name: run_id for run_id, node in plan.nodes.items()}
    board = Board(plan, lambda run_id: states[run_id], now=100.0, slots=2)
    board.start(names["squad"], 100.0)
    board.end(names["squad"], 120.0)
    board.start(names["squad -> paraphrase-detection #42"], 165.0)
    board.advance(names["squad -> paraphrase-detection #42"], 0.375, 165.0)
    board.start(names["a-long-name+mlm"], 165.0)
    board.advance(names["a-long-name+mlm"], 0.5, 165.0)
    return board


def text(board: Board, width: int) -> str:
    output = io.StringIO()
    Console(file=output, width=width).print(board.render(width, now=165.0))
    return "\n".join(line.rstrip() for line in output.getvalue().splitlines()) + "\n"


def test_board_at_width_100() -> None:
    """Costs: an intermediate run 2 s, a target 1 s; squad took 20 s, ten times as long.

    Of that one run, log 10 has the variance 0.15^2 + 0.2^2 + 0.25^2 = 0.125 (a run, its task, its kind) as a figure of
    the machine, beside 0.7^2 for what is assumed: exp(0.797 log 10) = 6.27 for all other kinds. Left: 0.625 x 6.27 =
    3.9 s of paraphrase, then y to 10.2 s; beside them 6.3 s of the long name, then two of its targets to 12.5 and
    16.5 s, and the third from 12.5 to 18.8 s.
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
    states = dict(zip(plan.nodes, [State.DONE, State.DONE, State.READY], strict=True))
    board = Board(plan, lambda run_id: states[run_id], now=0.0, slots=1)
    assert board.place("squad", "x") == ("○ 1/2", "")


def test_durations() -> None:
    seconds = (0.4, 59.4, 66, 3600 * 7 + 12 * 60, 36 * 3600)
    assert [duration(s) for s in seconds] == ["0 s", "59 s", "1.1 min", "7.2 h", "1.5 days"]


def test_states_from_the_store(store: Store) -> None:
    plan, _ = example()
    names = {node.name: node for node in plan.nodes.values()}
    for name in ("squad", "squad -> x #42"):
        node = names[name]
        list(executors.empty(node.spec, node.name, store, Options(data="demo", encoder="bundled")))
    store.fail(names["cosmosqa"].run_id, "cosmosqa", "ValueError: no labels")
    states = {(str(cell.row), cell.target): found for cell, found in cell_states(plan, store).items()}
    assert states["squad", "x"] == (State.DONE, "")
    assert states["squad", "y"] == (State.PENDING, "")
    assert states["cosmosqa", "x"] == (State.BLOCKED, "cosmosqa failed: ValueError: no labels")
    assert states["cosmosqa", "y"] == (State.NO_DATA, "no rows in the mirror")
    assert states["a-long-name+mlm", "x"] == (State.PENDING, "")
    assert len(states) == 9


# what is said of runs as they end


def followed(store: Store, search: SearchFields = NO_SEARCH, *, terminal: bool = False) -> tuple[Graph, Progress]:
    """The progress of an intermediate run `a` and its target, on a console whose text can be read."""
    console = Console(file=io.StringIO(), width=100, force_terminal=terminal, color_system=None)
    graph = graphs.graph_of(graphs.fan(["a"], ["x"]), store, search, machines=graphs.TWO_CORES)
    return graph, Progress(Board(graph.plan, graph.state, 0.0, slots=2), graph, store, console)


def said(progress: Progress) -> list[str]:
    return progress._console.file.getvalue().splitlines()  # type: ignore[attr-defined]


def started(graph: Graph, progress: Progress) -> str:
    run_id = graph.start(0.0)
    assert run_id
    progress.start(run_id, 0.0)
    return run_id


def test_a_log_has_a_line_for_every_run_that_ends_and_the_board_at_the_end(store: Store) -> None:
    graph, progress = followed(store)
    run_id = started(graph, progress)
    store.finish(quadratic_record(graph.runs[run_id].spec, "a"))
    graph.finish(run_id)
    progress.end(run_id, 66.0)
    assert said(progress) == [
        "done   a  (1 of 2 runs done, 0 running, 1.1 min gone, about 16 s to go)"
    ]  # 33^0.797 = 16.2 (see above)
    child = started(graph, progress)
    progress.lose(child)
    store.fail(child, "a -> x #42", "ValueError: no [labels]")
    graph.fail(child)
    progress.end(child, 70.0)
    assert said(progress)[1:] == [
        "again  a -> x #42: the attempt was lost", "failed a -> x #42: ValueError: no [labels]"
    ]  # fmt: skip
    progress.close()
    assert "1 of 2 runs done, 0 running, 1 failed" in said(progress)[-1]


def test_a_trial_that_is_pruned_says_why_and_is_no_failure(store: Store) -> None:
    search = graphs.fields(intermediate=9, parallel=1, startup=2, pruning="median")
    graph, progress = followed(store, search)
    pruned = ""
    while not pruned and (run_id := graph.start(0.0)):
        progress.start(run_id, 0.0)
        run = graph.runs[run_id]
        record = learning_record(run.spec, run.name)
        if any(graph.trials_of(run_id).report(run_id, point, record.planned_steps) for point in record.dev_curve):
            pruned = run_id
            graph.fail(run_id)
        else:
            store.finish(record)
            graph.finish(run_id)
        progress.end(run_id, 1.0)
    assert graph.end(pruned) is State.PRUNED
    note = store.pruned(pruned)
    assert note
    assert said(progress)[-1] == f"pruned {graph.runs[pruned].name}: {note.reason.removeprefix('pruned ')}"
    assert not any(line.startswith("failed") for line in said(progress))


def test_on_a_terminal_only_the_board_and_trouble_are_shown(store: Store) -> None:
    graph, progress = followed(store, terminal=True)
    run_id = started(graph, progress)
    progress.advance(run_id, 0.5, time.monotonic())
    progress.draw(time.monotonic())
    assert any("50%" in line for line in said(progress))
    store.finish(quadratic_record(graph.runs[run_id].spec, "a"))
    graph.finish(run_id)
    progress.end(run_id, 2.0)
    progress.close()
    assert not any("done   a" in line for line in said(progress))
    board = said(progress)
    assert any(line.startswith("1 of 2 runs done") for line in board[-3:])
    progress.close()
    assert said(progress) == board
