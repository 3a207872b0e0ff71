"""The commands of `python -m sweep.grid`: run, plan, status, tasks. Each returns the exit code."""

from __future__ import annotations

import argparse
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console
from rich.text import Text

from sweep.arguments import configure, starts_as_published

if TYPE_CHECKING:
    from analysis.racing import Rule
    from search_spaces.config import SweepConfig
    from search_spaces.grid import Cell
    from sweep.nodes import Plan
    from sweep.run import Summary
    from sweep.status import State
    from trainables.phases.options import Options
    from trainables.store import LocalStore

CONFIG_FILE = "config.yaml"
REPORT_FOLDER = "report"
MOST_REASONS = 10
"""Failures named on the terminal; the report has all."""


def run(given: argparse.Namespace, console: Console) -> int:
    """Compute what is missing; show Table 2 and write the report."""
    from analysis.cells import RACE_FILE
    from analysis.searches import SEARCH_FILE
    from search_spaces.config_file import dump_yaml
    from sweep.plan import build_plan
    from sweep.plan_file import save_plan, write_text
    from sweep.status import State, cell_states

    config = configured(given, console)
    plan = build_plan(config)
    store = store_of(config)
    _check(config, plan, store)
    store.prepare()
    with store.driver_lock():
        if not config.race.enabled:
            (store.root / RACE_FILE).unlink(missing_ok=True)
        if not config.search.is_asked_for and (store.root / SEARCH_FILE).exists():
            # not removed: it also says that the store holds trials that lost (`analysis.report.chosen_runs`)
            write_text(store.root / SEARCH_FILE, "[]")
        write_text(store.root / CONFIG_FILE, dump_yaml(config))
        save_plan(plan, store.root)
    console.print(Text(f"configuration: {store.root / CONFIG_FILE}"))
    console.print(_described(plan, store, config))
    summary = compute(config, plan, store, console)
    if summary.resolved:
        plan = summary.resolved
        save_plan(plan, store.root)
    states = cell_states(plan, store)
    if summary.computed:
        console.print(Text(f"{len(summary.computed)} runs computed in {summary.seconds:.0f} s"))
    if summary.stopped:
        console.print(Text(f"{summary.stopped}; the same command continues", style="yellow"))
    _show_reasons(states, console)
    _report(plan, store, states, console)
    if summary.exit_code:
        return summary.exit_code
    return 0 if all(state in (State.DONE, State.NO_DATA, State.DROPPED) for state, _ in states.values()) else 1


def plan(given: argparse.Namespace, console: Console) -> int:
    """Say what `run` would do; writes nothing."""
    from sweep.plan import build_plan

    config = configured(given, console)
    plan = build_plan(config)
    store = store_of(config)
    _check(config, plan, store)
    console.print(_described(plan, store, config))
    return 0


def status(given: argparse.Namespace, console: Console) -> int:
    """Where the sweep of a store stands; needs neither its data nor Ray."""
    from sweep.board import Board
    from sweep.plan_file import load_plan
    from sweep.scheduler import RunState
    from sweep.status import State, cell_states, run_states

    store = store_of(configure(given))
    plan = load_plan(store.root)
    states = run_states(plan, store)
    shown = {
        State.DONE: RunState.DONE,
        State.FAILED: RunState.FAILED,
        State.BLOCKED: RunState.BLOCKED,
        State.PENDING: RunState.WAITING,
        State.DROPPED: RunState.DROPPED,
    }
    board = Board(plan, lambda run_id: shown[states[run_id][0]], now=0.0, slots=1)
    console.print(Text(f"store: {store.root}"))
    console.print(board.matrix(console.width))
    console.print(Text(board.legend(), style="dim"))
    cells = cell_states(plan, store)
    counts = [f"{n} {state.value}" for state in State if (n := sum(found is state for found, _ in cells.values()))]
    console.print(Text(f"{len(cells)} cells: {', '.join(counts)}"))
    _show_reasons(cells, console)
    return 1 if any(state in (State.FAILED, State.BLOCKED) for state, _ in cells.values()) else 0


def tasks(given: argparse.Namespace, console: Console) -> int:
    """The tasks, and the rows that the data has for them."""
    from sweep.task_table import task_table
    from trainables.data.hub import open_data

    config = configure(given)
    console.print(task_table(open_data(config.data.source, config.data.raw.folders), config.data.repositories))
    return 0


def compute(config: SweepConfig, plan: Plan, store: LocalStore, console: Console) -> Summary:
    """Compute what a plan lacks, as the configuration says."""
    from sweep.run import run_plan

    return run_plan(
        plan,
        store,
        run_options(config, plan),
        address=config.cluster.address or "local",
        results=Path(config.cluster.results).expanduser() if config.cluster.results else store.root / "ray",
        name=config.name,
        console=console,
        max_concurrent=config.cluster.max_concurrent,
        search=config.search if config.search.is_asked_for else None,
        race=race_of(config, plan, store),
    )


def _check(config: SweepConfig, plan: Plan, store: LocalStore) -> None:
    """Before anything is written: raises ValueError or StudyError for a search or a race that cannot be."""
    from sweep.budget_file import trials_of

    if config.search.is_asked_for:
        trials_of(plan, config.search, store.root, keep=False)
    race_of(config, plan, store)


def race_of(config: SweepConfig, plan: Plan, store: LocalStore) -> Rule | None:
    """The rule of the race, if there is to be one; raises ValueError when the plan has nothing to race for."""
    if not config.race.enabled:
        return None
    from analysis.racing import Guarantee, Rule
    from sweep.budget_file import trials_of
    from sweep.races import check_races

    check_races(plan, trials_of(plan, config.search, store.root, keep=False))
    race = config.race
    return Rule(alpha=race.alpha, guarantee=Guarantee(race.guarantee), seed_sd=race.seed_sd)


def run_options(config: SweepConfig, plan: Plan) -> Options:
    """How all runs of a plan are computed; paths are absolute, since workers have folders of their own."""
    from trainables.phases.options import Options

    return Options(
        data=config.data.source,
        raw=config.data.raw.folders,
        encoder=config.encoder.name,
        repositories=dict(config.data.repositories),
        device="cuda" if any(node.share.gpus for node in plan.nodes.values()) else "cpu",
        threads=config.cluster.threads,
        **config.engine.model_dump(),
        checkpoint_seconds=config.cluster.checkpoint_seconds,
        commit=code_commit(),
    )


def code_commit() -> str:
    """Commit of the checkout this code runs from, with `+` when files differ from it; empty outside a checkout."""

    def git(*arguments: str) -> str:
        command = ["git", "-C", str(Path(__file__).resolve().parent), *arguments]
        return subprocess.run(command, capture_output=True, text=True, check=True, timeout=10).stdout.strip()

    try:
        return git("rev-parse", "HEAD") + ("+" if git("status", "--porcelain") else "")
    except (OSError, subprocess.SubprocessError):
        return ""


def configured(given: argparse.Namespace, console: Console) -> SweepConfig:
    """The sweep that the options describe, with absolute paths."""
    config = configure(given)
    if starts_as_published(given):
        console.print(Text("neither --preset nor --config: whatever is not said is as published", style="dim"))
    data = config.data
    found = {name: str(Path(path).expanduser().resolve()) for name, path in data.raw.folders.items()}
    places: dict[str, object] = {"raw": data.raw.model_copy(update=found)}
    folder = Path(data.source).expanduser()
    if data.source not in ("hub", "demo") and folder.is_dir():
        places["source"] = str(folder.resolve())
    return config.model_copy(update={"data": data.model_copy(update=places)})


def store_of(config: SweepConfig) -> LocalStore:
    """Where the results of a sweep are."""
    from trainables.store import LocalStore

    return LocalStore(Path(config.store) if config.store else Path("results") / config.name)


def _described(plan: Plan, store: LocalStore, config: SweepConfig) -> object:
    from search_spaces.encoders import encoder_size
    from sweep.description import describe
    from sweep.outlook import clusters, look_at

    size = encoder_size(config.encoder.name, config.encoder.revision)
    outlook, machines = look_at(plan, config.search, store), clusters(config.cluster, plan)
    return describe(
        outlook,
        store,
        size,
        config.search,
        machines,
        config.cluster.max_concurrent,
        racing=config.race.enabled,
    )


def _show_reasons(states: Mapping[Cell, tuple[State, str]], console: Console) -> None:
    from sweep.status import State

    bad = [(cell, *found) for cell, found in states.items() if found[0] in (State.FAILED, State.BLOCKED)]
    for cell, state, reason in bad[:MOST_REASONS]:
        console.print(Text(f"{cell.row} -> {cell.target} #{cell.seed} {state.value}: {reason}", style="red"))
    if len(bad) > MOST_REASONS:
        console.print(Text(f"and {len(bad) - MOST_REASONS} more; `status` and the report have all", style="red"))


def _report(plan: Plan, store: LocalStore, states: Mapping[Cell, tuple[State, str]], console: Console) -> None:
    from analysis.load import load
    from analysis.races import read_race
    from analysis.rendering import Terminal
    from analysis.report import write_report
    from analysis.results import collect
    from analysis.sections import table_title
    from analysis.selection import select
    from analysis.tables import table2

    status = {(c.intermediate, c.mlm, c.target, c.seed): (state.value, why) for c, (state, why) in states.items()}
    run_ids = list(plan.nodes)
    path = write_report(store, store.root / REPORT_FOLDER, run_ids=run_ids, cells_status=status)
    runs = load(store, run_ids)
    results = collect(runs, status, read_race(store.root))
    console.print(Terminal(table2(results, select(results), title=table_title(runs))))
    console.print(Text(f"report: {path}"))
