"""The command line of `python -m sweep.grid`: its options, and the configuration they add up to."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NoReturn

from trainables.nearest import unknown

if TYPE_CHECKING:
    from search_spaces.config import SweepConfig
    from search_spaces.config_file import Override

COMMANDS = ("run", "plan", "status", "tasks")

_DESCRIPTION = """\
Which English task should an encoder train on first? Runs the grid of intermediate-task training and zero-shot
cross-lingual evaluation (Phang et al. 2020).

commands:
  run     compute what is missing of a sweep, then show Table 2 and write the report (default)
  plan    say what `run` would do: cells, runs, what is done, what lacks data, work and disk
  status  where a sweep stands, from its store alone
  tasks   the tasks, and the rows that --data has for them

Without any option the sweep is the demo: the built-in corpus and a small encoder, minutes on two cores. With options
but neither --preset nor --config, everything not said is as published: XLM-R Large, data from the hub, Tables 3 and 4.
"""

_EXAMPLES = """\
examples:
  python -m sweep.grid                                       the demo
  python -m sweep.grid plan --preset paper                   what the paper's grid costs
  python -m sweep.grid run --data DIR --encoder bundled:6 --intermediates none,qqp --mlm off,on --targets xnli,udpos
  python -m sweep.grid run --config sweep.yaml --set target.learning_rate=5e-5 --set intermediate.tasks.qqp.epochs=1

exit codes: 0 every cell done (or without data), 1 some failed or blocked, 2 bad input, 130 interrupted
"""

_FIELDS = {
    "data": ("data", "source"),
    "encoder": ("encoder", "name"),
    "intermediates": ("grid", "intermediates"),
    "mlm": ("grid", "mlm"),
    "targets": ("grid", "targets"),
    "seeds": ("grid", "seeds"),
    "train_rows": ("data", "train_rows"),
    "eval_rows": ("data", "eval_rows"),
    "languages": ("data", "languages"),
    "store": ("store",),
    "address": ("cluster", "address"),
}
"""Option -> field of the configuration."""

SEARCHED = ("intermediate", "target")
"""Phases whose settings can be searched."""

_BUDGETS = {"intermediate": "intermediate", "target": "target", "gpu-hours": "gpu_hours"}
"""Key of `--search` -> field of the section `search`."""

_WHERE = frozenset({"store", "address"})
"""Options that say where, not what; alone they leave the sweep the demo."""


class UsageError(ValueError):
    """A command line that cannot be understood."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. `python -m sweep.grid --help` shows all options")


def parse(arguments: Sequence[str] | None) -> argparse.Namespace:
    """Options as given; raises UsageError with the nearest right name for an unknown command or option."""
    parser = _parser()
    given, rest = parser.parse_known_args(arguments)
    if given.command not in COMMANDS:
        raise UsageError(unknown("command", given.command, COMMANDS))
    for argument in rest:
        if argument.startswith("-"):
            options = [option for option in parser._option_string_actions if option.startswith("--")]
            raise UsageError(unknown("option", argument.partition("=")[0], options))
        raise UsageError(f"unexpected {argument!r}; lists are separated by commas without spaces")
    return given


def configure(given: argparse.Namespace) -> SweepConfig:
    """The sweep that the options describe; raises ConfigError or ValueError for what cannot be.

    A preset or a file is the base; without either it is the demo when no option says what to compute, else the
    published settings. Options change the base, `--set` comes last.
    """
    from search_spaces.config_file import Override, apply, load_yaml, parse_set
    from search_spaces.presets import demo, paper, preset

    if given.preset and given.config:
        raise UsageError(f"--preset {given.preset} and --config {given.config}: allowed: one of them")
    if given.preset:
        config = preset(given.preset)
    elif given.config:
        config = load_yaml(given.config, paper().model_copy(update={"name": _as_name(given.config)}))
    elif starts_as_published(given):
        config = paper().model_copy(update={"name": "sweep"})
    else:
        config = demo()
    overrides = [
        Override(keys=keys, value=value, origin=f"--{option.replace('_', '-')} {value}")
        for option, keys in _FIELDS.items()
        if (value := getattr(given, option)) is not None
    ]
    race = [Override(keys=("race", "enabled"), value="on", origin="--race")] if given.race else []
    return apply(config, [*overrides, *_searches(given.search), *race, *map(parse_set, given.set)])


def _searches(given: str | None) -> list[Override]:
    """`intermediate=12,target=6`, `20h` or `gpu-hours=20,target=6` as settings of the section `search`."""
    from search_spaces.config_file import Override

    found: dict[str, Override] = {}
    for part in given.split(",") if given is not None else ():
        name, equals, value = ("gpu-hours", "=", part[:-1]) if _is_hours(part) else part.partition("=")
        if name not in _BUDGETS:
            raise UsageError(f"--search {part}: {unknown('budget', name, _BUDGETS)}; hours alone as 20h")
        if not equals or not value:
            raise UsageError(f"--search {part}: allowed: a number after it, for example {name}=12")
        if name in found:
            raise UsageError(f"--search {given}: {name} is given twice")
        found[name] = Override(keys=("search", _BUDGETS[name]), value=value, origin=f"--search {part}")
    return list(found.values())


def _is_hours(part: str) -> bool:
    """Whether this is a number of hours such as `20h`, be it a good one or not."""
    return part.endswith("h") and part[:1] in "0123456789.+-" and "=" not in part


def starts_as_published(given: argparse.Namespace) -> bool:
    """Whether some option says what to compute but none says from which sweep to start."""
    what = [option for option in _FIELDS if option not in _WHERE and getattr(given, option) is not None]
    return not given.preset and not given.config and bool(what or given.set or given.search or given.race)


def _as_name(path: Path) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in path.stem).strip("-.") or "sweep"


def _parser() -> _Parser:
    parser = _Parser(
        prog="python -m sweep.grid",
        description=_DESCRIPTION,
        epilog=_EXAMPLES,
        formatter_class=argparse.RawDescriptionHelpFormatter,
        allow_abbrev=False,
    )
    parser.add_argument("command", nargs="?", default="run", metavar="{run,plan,status,tasks}", help="default: run")
    start = parser.add_argument_group("which sweep")
    start.add_argument("--preset", metavar="NAME", help="demo, quick or paper")
    start.add_argument("--config", metavar="FILE", type=Path, help="YAML; what it leaves out is as published")
    what = parser.add_argument_group("what to compute")
    what.add_argument("--data", metavar="SOURCE", help="hub, demo, or a folder that mirrors the hub")
    what.add_argument("--encoder", metavar="NAME", help="bundled, bundled:N, a folder, or a hub id")
    what.add_argument("--intermediates", metavar="LIST", help="intermediate tasks, for example none,qqp,squad")
    what.add_argument("--mlm", metavar="LIST", help="off, on, or off,on")
    what.add_argument("--targets", metavar="LIST", help="target tasks, for example xnli,udpos")
    what.add_argument("--seeds", metavar="LIST", help="for example 42,43,44")
    what.add_argument("--languages", metavar="LIST", help="evaluated languages, for example en,de,sw")
    what.add_argument("--train-rows", metavar="N", help="cap on training rows; 0 is no cap")
    what.add_argument("--eval-rows", metavar="N", help="cap on rows of every evaluated split; 0 is no cap")
    what.add_argument(
        "--search", metavar="LIST",
        help="trials of every run of a phase, for example intermediate=12,target=6, or a total of GPU-hours, 20h",
    )  # fmt: skip
    what.add_argument(
        "--race", action="store_true", help="no further seeds or trials on targets where an intermediate is beaten"
    )
    what.add_argument(
        "--set", metavar="FIELD=VALUE", action="append", default=[],
        help="any field of the configuration, for example target.tasks.xnli.epochs=1; may be repeated",
    )  # fmt: skip
    where = parser.add_argument_group("where")
    where.add_argument("--store", metavar="DIR", help="results and resume (default: results/NAME of the sweep)")
    where.add_argument("--address", metavar="ADDRESS", help="of a running Ray cluster (default: this machine)")
    parser.add_argument("--debug", action="store_true", help="show the traceback of an error")
    return parser
