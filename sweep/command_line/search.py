"""The command `search`: search the settings of some tasks without a grid; ends with YAML that the grid takes."""

from __future__ import annotations

import argparse

from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from analysis.report.brief import body
from analysis.report.searches import searches_section
from search_spaces.own_tasks import SUFFIXES
from search_spaces.plain_yaml import write_yaml
from sweep.command_line.arguments import SEARCHED, UsageError
from sweep.command_line.best_settings import best_settings
from sweep.command_line.compute import compute
from sweep.command_line.setup import Setup, configured, earlier_allocation, note
from sweep.command_line.stores import store_of
from sweep.planning.known_costs import costs_of
from sweep.planning.outlook import look_at
from sweep.planning.own_tasks import carry_own
from sweep.planning.planner import build_phase_plan, data_of
from sweep.planning.start import check_start
from sweep.planning.trials import with_trials
from sweep.terminal.search_description import searches
from trainables.ledger.nearest import unknown
from trainables.ledger.plain import plain
from trainables.ledger.spec import Phase
from trainables.ledger.store import Store

_TRIALS = 12
"""Of every task, where nothing else is said."""


def search(given: argparse.Namespace, console: Console) -> int:
    """Search, show what was found, write it as YAML; returns the exit code."""
    phase = _checked(given)
    config = configured(_as_grid(given), console)
    if config.race.enabled:
        console.print(Text("race.enabled is off here: a race needs a grid", style="dim"))
        config = config.model_copy(update={"race": config.race.model_copy(update={"enabled": False})})
    if not config.store:
        config = config.model_copy(update={"store": "results/search"})
    store = store_of(config)
    data = data_of(config)
    carry_own(config, data)
    costs = costs_of(config, store)
    found, reasons = build_phase_plan(config, phase, data, costs=costs)
    if not found.nodes:
        raise ValueError(f"nothing to search: {'; '.join(reasons) or 'no task of this phase trains'}")
    for remark in (*(f"note: {text}" for text in found.notes), *(f"not searched: {reason}" for reason in reasons)):
        console.print(Text(plain(remark)))
    plan, allocation = with_trials(found, config.search, earlier_allocation(config, store))
    check_start(config, plan, store)
    setup = Setup(config=config, store=store, plan=plan, allocation=allocation, rule=None, costs=costs)
    with store.prepare().driver_lock():
        note(setup)
    console.print(*searches(look_at(plan, store), config.search))
    summary = compute(setup, console)
    for node_id, reason in summary.failed.items():
        console.print(Text(f"{plan.nodes[node_id].name}: {plain(reason)}", style="red"))
    if summary.stopped:
        console.print(Text(summary.ending, style="yellow"))
    else:
        _show(store, console)
    return summary.exit_code


def _show(store: Store, console: Console) -> None:
    studies = store.studies()
    console.print(Markdown(body(searches_section(studies))))
    found, choices = best_settings(studies)
    text = "".join(f"# {plain(choice)}\n" for choice in choices) + write_yaml(found, sort_keys=True)
    console.print(Text(f"\n# {store.save_best(text)}\n{text}"))


def _checked(given: argparse.Namespace) -> Phase:
    """The phase; raises UsageError for options that do not fit together."""
    if given.phase not in SEARCHED:
        raise UsageError(unknown("phase", given.phase, SEARCHED))
    if not _searched(given):
        files = f"; given files alone: {given.tasks}" if given.tasks else ""
        raise UsageError(f"--tasks: allowed: tasks to search, for example squad,qqp{files}")
    if given.trials is not None and given.hours is not None:
        raise UsageError(f"--trials {given.trials} and --hours {given.hours:g}: allowed: one of them")
    return Phase(given.phase)


def _as_grid(given: argparse.Namespace) -> argparse.Namespace:
    """The options of the grid in which these searches are."""
    trials = _TRIALS if given.trials is None else given.trials
    search = f"{given.phase}={trials}" if given.hours is None else f"gpu-hours={given.hours!r}"
    tasks = ",".join(_searched(given))
    files = [word for word in _words(given) if word not in _searched(given)]
    if given.phase == "intermediate":
        grid = {"intermediates": tasks, "mlm": given.mlm or "off"}
    else:
        grid = {"intermediates": "none", "targets": tasks, "mlm": "off"}
    return argparse.Namespace(**vars(given) | grid | {"search": search, "tasks": ",".join(files) or None})


def _searched(given: argparse.Namespace) -> list[str]:
    """What `--tasks` names to be searched: all but files of tasks."""
    return [word for word in _words(given) if not word.endswith(SUFFIXES)]


def _words(given: argparse.Namespace) -> list[str]:
    return [word.strip() for word in (given.tasks or "").split(",") if word.strip()]
