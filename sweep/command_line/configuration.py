"""From the options of a command line to the configuration that they add up to."""

from __future__ import annotations

import argparse
from pathlib import Path

from search_spaces.config import SweepConfig
from search_spaces.config_file import Override, apply, load_yaml, parse_set
from search_spaces.presets import demo, paper, preset
from sweep.command_line.arguments import UsageError
from trainables.ledger.nearest import unknown
from trainables.ledger.s3.place import without_keys

_FIELDS = {
    "tasks": ("tasks",),
    "data": ("data", "source"),
    "encoder": ("encoder", "name"),
    "intermediates": ("grid", "intermediates"),
    "mlm": ("grid", "mlm"),
    "targets": ("grid", "targets"),
    "seeds": ("grid", "seeds"),
    "train_rows": ("data", "train_rows"),
    "eval_rows": ("data", "eval_rows"),
    "languages": ("data", "languages"),
    "keep": ("keep",),
    "store": ("store",),
    "address": ("cluster", "address"),
    "callbacks": ("cluster", "callbacks"),
}
"""Option -> field of the configuration."""

_BUDGETS = {"intermediate": "intermediate", "target": "target", "gpu-hours": "gpu_hours"}
"""Key of `--search` -> field of the section `search`."""

_WHERE = frozenset({"keep", "store", "address", "callbacks"})
"""Options that say where and what is kept, not what is computed; alone they leave the sweep the demo."""


def configure(given: argparse.Namespace) -> SweepConfig:
    """The sweep that the options describe; raises ConfigError or ValueError for what cannot be.

    A preset or a file is the base; without either it is the demo when no option says what to compute, else the
    published settings. Options change the base, `--set` comes last.
    """
    if given.preset is not None and given.config:
        raise UsageError(f"--preset {given.preset} and --config {given.config}: allowed: one of them")
    if given.preset is not None:
        config = preset(given.preset)
    elif given.config:
        config = load_yaml(given.config, paper().model_copy(update={"name": _as_name(given.config)}))
    elif starts_as_published(given):
        config = paper().model_copy(update={"name": "sweep"})
    else:
        config = demo()
    overrides = [
        Override(keys=keys, value=value, origin=f"--{option.replace('_', '-')} {without_keys(value)}")
        for option, keys in _FIELDS.items()
        if (value := getattr(given, option)) is not None
    ]
    race = [Override(keys=("race", "enabled"), value="on", origin="--race")] if given.race else []
    return apply(config, [*overrides, *_searches(given.search), *race, *map(parse_set, given.set)])


def _searches(given: str | None) -> list[Override]:
    """`intermediate=12,target=6`, `20h` or `gpu-hours=20,target=6` as settings of the section `search`."""
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
    return given.preset is None and not given.config and bool(what or given.set or given.search or given.race)


def _as_name(path: Path) -> str:
    return "".join(c if c.isascii() and (c.isalnum() or c in "-_.") else "-" for c in path.stem).strip("-.") or "sweep"
