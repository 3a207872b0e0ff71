"""`python -m sweep.search`: search the settings of some tasks without a grid; ends with YAML that the grid takes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from sweep.arguments import SEARCHED, UsageError, parse
from trainables.nearest import unknown

if TYPE_CHECKING:
    from sweep.nodes import Plan
    from trainables.store import LocalStore

YAML_FILE = "best.yaml"
_DESCRIPTION = """\
Search learning rates, epochs and what else has a range (search.ranges) for some tasks, each by the English dev figure
of its own task. All options of `python -m sweep.grid` that say data, encoder, rows, store and settings hold here too.
"""
_EXAMPLES = """\
examples:
  python -m sweep.search --phase intermediate --tasks squad,qqp --trials 12 --data DIR --encoder bundled:6
  python -m sweep.search --phase target --tasks xnli --set search.ranges.target.epochs=fixed
  python -m sweep.search --phase intermediate --tasks squad,qqp --hours 20 ...  spread by cost and expected gain
  python -m sweep.search --phase target --tasks xnli --trials 20 --set search.pruning=median
  python -m sweep.grid run --config results/search/best.yaml ...          with what was found
"""


def main(arguments: Sequence[str] | None = None) -> int:
    """Command line; returns the exit code, as `sweep.grid` does."""
    from sweep.grid import guarded, make_console

    arguments = sys.argv[1:] if arguments is None else list(arguments)
    return guarded(arguments, lambda: _search(arguments, make_console()))


def _search(arguments: Sequence[str], console: Console) -> int:
    from sweep.commands import compute, configured, store_of
    from sweep.outlook import look_at
    from sweep.plan import build_plan
    from sweep.search_description import searches
    from trainables.spec import Phase

    own, rest = _parser().parse_known_args(arguments)
    if own.phase not in SEARCHED:
        raise UsageError(unknown("phase", own.phase, SEARCHED))
    if own.trials < 2:
        raise UsageError(f"--trials {own.trials}: allowed: 2 or more, the configured setting among them")
    if own.hours is not None and not 0 < own.hours < float("inf"):
        raise UsageError(f"--hours {own.hours:g}: allowed: a number above 0")
    given = parse(["run", *rest, *_as_grid(own)])
    config = configured(given, console)
    if not config.store:
        config = config.model_copy(update={"store": "results/search"})
    plan = _only(build_plan(config), Phase(own.phase))
    if not plan.nodes:
        reasons = sorted(set(plan.without_data.values()))
        raise ValueError(f"nothing to search: {'; '.join(reasons) or 'no task of this phase trains'}")
    store = store_of(config).prepare()
    console.print(*searches(look_at(plan, config.search, store), config.search))
    summary = compute(config, plan, store, console)
    for node_id, reason in summary.failed.items():
        console.print(Text(f"{plan.nodes[node_id].name}: {reason}", style="red"))
    if summary.stopped:
        console.print(Text(f"{summary.stopped}; the same command continues", style="yellow"))
    else:
        _show(store, console)
    return summary.exit_code


def best_settings(studies: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """The winners' settings as sections of the configuration; those of runs with MLM have a learning rate of their own.

    Settings that differ between the run with MLM and the one without and have a single field are taken from the run
    without.
    """
    found: dict[str, Any] = {}
    for study in sorted(studies, key=lambda study: not study["mlm"]):
        winner = next((trial for trial in study["trials"] if trial["run_id"] == study["winner"]), None)
        if winner is None:
            continue
        name = study["name"].split(" #")[0].split(" -> ")[-1].removesuffix("+mlm")
        for task in name.split(","):
            place = found.setdefault(study["phase"], {}).setdefault("tasks", {}).setdefault(task, {})
            for parameter, value in winner["params"].items():
                if parameter == "mixing_cap":
                    found.setdefault("mlm", {})["mixing_cap"] = value
                else:
                    with_mlm = parameter == "learning_rate" and study["mlm"]
                    place["learning_rate_with_mlm" if with_mlm else parameter] = value
    return found


def _show(store: LocalStore, console: Console) -> None:
    import yaml

    from analysis.searches import read_searches, searches_section
    from sweep.plan_file import write_text

    studies = read_searches(store.root)
    console.print(Markdown(searches_section(studies)))
    text = yaml.safe_dump(best_settings(studies), sort_keys=True)
    write_text(store.root / YAML_FILE, text)
    console.print(Text(f"\n# {store.root / YAML_FILE}\n{text}"))


def _as_grid(own: argparse.Namespace) -> list[str]:
    """The options of the grid in which these searches are."""
    from search_spaces.fields import target_names

    grid = ["--search", f"{own.phase}={own.trials}" if own.hours is None else f"gpu-hours={own.hours!r}"]
    if own.phase == "intermediate":
        return [*grid, "--intermediates", own.tasks, "--targets", ",".join(target_names()), "--mlm", own.mlm]
    return [*grid, "--intermediates", "none", "--targets", own.tasks, "--mlm", "off"]


def _only(plan: Plan, phase: Any) -> Plan:
    """The nodes of a phase, without cells."""
    return replace(plan, nodes={id_: node for id_, node in plan.nodes.items() if node.spec.phase is phase}, cells={})


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(
        prog="python -m sweep.search",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("--phase", required=True, metavar="PHASE", help="intermediate or target")
    parser.add_argument("--tasks", required=True, metavar="LIST", help="for example squad,qqp")
    budget = parser.add_mutually_exclusive_group()
    budget.add_argument("--trials", type=int, default=12, metavar="N", help="of every task (default: 12)")
    budget.add_argument("--hours", type=float, metavar="H", help="GPU-hours of all tasks together, instead of --trials")
    parser.add_argument("--mlm", default="off", metavar="LIST", help="off, on, or off,on (intermediate phase)")
    return parser


if __name__ == "__main__":
    sys.exit(main())
