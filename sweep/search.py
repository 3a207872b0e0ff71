"""`python -m sweep.search`: search the settings of some tasks without a grid; ends with YAML that the grid takes."""

from __future__ import annotations

import argparse
import math
import sys
from collections import defaultdict
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from rich.console import Console
from rich.markdown import Markdown
from rich.text import Text

from sweep.arguments import SEARCHED, UsageError, parse
from trainables.nearest import unknown

if TYPE_CHECKING:
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
    from sweep.plan import build_phase_plan
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
    if given.race:
        raise UsageError("--race: a race needs a grid; allowed: no --race here, or `python -m sweep.grid run --race`")
    config = configured(given, console)
    if config.race.enabled:
        console.print(Text("race.enabled is off here: a race needs a grid", style="dim"))
        config = config.model_copy(update={"race": config.race.model_copy(update={"enabled": False})})
    if not config.store:
        config = config.model_copy(update={"store": "results/search"})
    plan, reasons = build_phase_plan(config, Phase(own.phase))
    if not plan.nodes:
        raise ValueError(f"nothing to search: {'; '.join(reasons) or 'no task of this phase trains'}")
    for remark in (*(f"note: {note}" for note in plan.notes), *(f"not searched: {reason}" for reason in reasons)):
        console.print(Text(remark))
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


@dataclass(frozen=True, kw_only=True)
class _Winner:
    """The best trial of a study: settings, dev figure, gain over the configured run (infinite where that failed)."""

    study: str
    phase: str
    mlm: bool
    params: Mapping[str, float]
    dev: float
    gain: float

    @property
    def run(self) -> str:
        """Name of the run without its seed."""
        return self.study.partition(" #")[0]

    def fields(self) -> Iterator[tuple[tuple[str, ...], float]]:
        """The settings as fields of the configuration."""
        from search_spaces.ranges import field_of

        for task in self.run.split(" -> ")[-1].removesuffix("+mlm").split(","):
            for parameter, value in self.params.items():
                own = (self.phase, "tasks", task, field_of(parameter, mlm=self.mlm))
                yield ("mlm", parameter) if parameter == "mixing_cap" else own, value


def best_settings(studies: Sequence[Mapping[str, Any]]) -> tuple[dict[str, Any], tuple[str, ...]]:
    """The winners' settings as sections of the configuration, and a sentence for each choice between them.

    Of the seeds of a run the one with the best dev figure is taken, with all its settings. Where runs disagree on a
    field that they share (epochs with MLM and without, `mlm.mixing_cap`), the one with the best gain decides.
    """
    seeds: defaultdict[str, list[_Winner]] = defaultdict(list)
    for winner in _winners(studies):
        seeds[winner.run].append(winner)
    choices: list[str] = []
    offers: defaultdict[tuple[str, ...], list[tuple[float, _Winner]]] = defaultdict(list)
    for winners in seeds.values():
        best = max(winners, key=lambda winner: winner.dev)
        if others := [_passed_over(each, best) for each in winners if each.params != best.params]:
            choices.append(f"{best.study} (dev {best.dev:.1f}) is taken, not {', '.join(others)}")
        for keys, value in best.fields():
            offers[keys].append((value, best))
    found: dict[str, Any] = {}
    for keys, offered in offers.items():
        value, best = max(offered, key=lambda offer: offer[1].gain)
        if rest := [_offer(*each) for each in offered if each[0] != value]:
            choices.append(f"{'.'.join(keys)}: {_offer(value, best)} is taken, not {', '.join(rest)}")
        place = found
        for key in keys[:-1]:
            place = place.setdefault(key, {})
        place[keys[-1]] = value
    return found, tuple(choices)


def _winners(studies: Sequence[Mapping[str, Any]]) -> Iterator[_Winner]:
    for study in studies:
        for trial in study["trials"]:
            if trial["run_id"] == study["winner"]:
                yield _Winner(
                    study=study["name"], phase=study["phase"], mlm=study["mlm"], params=trial["params"],
                    dev=trial["value"], gain=math.inf if study["gain"] is None else study["gain"],
                )  # fmt: skip


def _passed_over(winner: _Winner, best: _Winner) -> str:
    differ = [f"{name} {value:.6g}" for name, value in winner.params.items() if best.params.get(name) != value]
    return f"{winner.study} (dev {winner.dev:.1f}: {', '.join(differ)})"


def _offer(value: float, winner: _Winner) -> str:
    gain = "configured run failed" if math.isinf(winner.gain) else f"gain {winner.gain:+.1f}"
    return f"{value:.6g} of {winner.study} ({gain})"


def _show(store: LocalStore, console: Console) -> None:
    import yaml

    from analysis.searches import read_searches, searches_section
    from sweep.plan_file import write_text

    studies = read_searches(store.root)
    console.print(Markdown(searches_section(studies)))
    found, choices = best_settings(studies)
    text = "".join(f"# {choice}\n" for choice in choices) + yaml.safe_dump(found, sort_keys=True)
    write_text(store.root / YAML_FILE, text)
    console.print(Text(f"\n# {store.root / YAML_FILE}\n{text}"))


def _as_grid(own: argparse.Namespace) -> list[str]:
    """The options of the grid in which these searches are."""
    grid = ["--search", f"{own.phase}={own.trials}" if own.hours is None else f"gpu-hours={own.hours!r}"]
    if own.phase == "intermediate":
        return [*grid, "--intermediates", own.tasks, "--mlm", own.mlm]
    return [*grid, "--intermediates", "none", "--targets", own.tasks, "--mlm", "off"]


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
