"""The options of the commands: what each says, and which command has which."""

from __future__ import annotations

import dataclasses
from typing import Any, NamedTuple

from sweep.planning.gpus import gpus_of
from trainables.ledger.bounds import DRAWS, FACTOR, HOURS, NODES, SEED, TRIALS
from trainables.ledger.words import checked, number, path, seconds, text


class Option(NamedTuple):
    """One option of the command line.

    Attributes:
        group: heading in the help.
        settings: of `argparse.ArgumentParser.add_argument`.
    """

    group: str
    settings: dict[str, Any]

    @property
    def takes_value(self) -> bool:
        """Whether the next word is its value."""
        return "action" not in self.settings or self.settings["action"] == "append"


def _option(group: str, help: str, **settings: Any) -> Option:
    return Option(group, {"help": help, **settings})


_START, _WHAT, _WHERE, _SEARCH = "which sweep", "what to compute", "where", "what to search"
_REPORT, _CLUSTER, _FAULTS = "what to show", "what it would take", "what goes wrong"
_FETCH, _DOCTOR = "what to fetch", "how to look"
OPTIONS = {
    "--phase": _option(_SEARCH, "intermediate or target", metavar="PHASE", required=True),
    "--trials": _option(
        _SEARCH, "of every task (default: 12)", metavar="N", type=number(dataclasses.replace(TRIALS, low=2))
    ),
    "--hours": _option(
        _SEARCH, "GPU-hours of all tasks together, instead of --trials", metavar="H", type=number(HOURS)
    ),
    "--preset": _option(_START, "demo, grid-demo, quick or paper", metavar="NAME"),
    "--config": _option(_START, "YAML; what it leaves out is as published", metavar="FILE", type=path),
    "--data": _option(_WHAT, "hub, demo, or a folder that mirrors the hub", metavar="SOURCE"),
    "--encoder": _option(_WHAT, "bundled, bundled:N, a folder, or a hub id", metavar="NAME"),
    "--tasks": _option(
        _WHAT, "files of your own tasks (.py, .yaml); of a search the tasks, for example squad,qqp", metavar="LIST"
    ),
    "--intermediates": _option(_WHAT, "rows: tasks and recipes, for example none,qqp,squad>panx@de", metavar="LIST"),
    "--mlm": _option(_WHAT, "off, on, or off,on", metavar="LIST"),
    "--targets": _option(_WHAT, "target tasks, for example xnli,udpos", metavar="LIST"),
    "--seeds": _option(_WHAT, "for example 42,43,44", metavar="LIST"),
    "--languages": _option(_WHAT, "evaluated languages, for example en,de,sw", metavar="LIST"),
    "--train-rows": _option(_WHAT, "cap on training rows; 0 is no cap", metavar="N"),
    "--eval-rows": _option(_WHAT, "cap on rows of every evaluated split; 0 is no cap", metavar="N"),
    "--search": _option(
        _WHAT,
        "trials of every run of a phase, for example intermediate=12,target=6, or a total of GPU-hours, 20h",
        metavar="LIST",
    ),
    "--race": _option(
        _WHAT, "no further seeds or trials on targets where an intermediate is beaten", action="store_true"
    ),
    "--keep": _option(
        _WHAT,
        "models to keep: selected (of every target the one that dev selects), all or none",
        metavar="WHICH",
    ),
    "--recompute": _option(
        _WHAT,
        "id of a finished run to compute again, for one that is damaged; may be repeated",
        metavar="RUN",
        action="append",
        default=[],
        type=text,
    ),
    "--set": _option(
        _WHAT,
        "any field of the configuration, for example target.tasks.xnli.epochs=1; may be repeated",
        metavar="FIELD=VALUE",
        action="append",
        default=[],
    ),
    "--store": _option(
        _WHERE, "results and resume: a folder or s3://BUCKET/PREFIX (default: results/NAME of the sweep)", metavar="DIR"
    ),
    "--watch": _option(
        _REPORT, "look again every two seconds, until the sweep is over or its driver leaves", action="store_true"
    ),
    "--open-test": _option(
        _REPORT, "write the test scores of all runs too; the store notes that they were opened", action="store_true"
    ),
    "--address": _option(_WHERE, "of a running Ray cluster (default: this machine)", metavar="ADDRESS"),
    "--callbacks": _option(
        _WHERE, "who else is told of the runs: wandb, mlflow, or callbacks of Tune as module:Class", metavar="LIST"
    ),
    "--gpus": _option(
        _CLUSTER,
        "wall clock on clusters of so many GPUs, for example 1,8,64 or 8xH100",
        metavar="LIST",
        type=checked(gpus_of),
    ),
    "--budget": _option(
        _CLUSTER, "hours at hand, of GPUs or of cores; more is worth a warning", metavar="H", type=number(HOURS)
    ),
    "--probe": _option(_CLUSTER, "measure the machine first, in under two minutes", action="store_true"),
    "--out": _option(_FETCH, "folder to fetch into; it may hold other sweeps", metavar="DIR", type=path, required=True),
    "--check": _option(
        _REPORT,
        "check tasks of your own (.py or .yaml), and show how the model sees them; rows from --data (default: hub, "
        "which is asked only where tasks name it), tokenizer of --encoder (default: bundled)",
        metavar="FILE",
        type=path,
    ),
    "--stand-ins": _option(_FETCH, "words of PAN-X as MLM text in place of Wikipedia", action="store_true"),
    "--dry-run": _option(_FETCH, "say what would be fetched, and how much it is", action="store_true"),
    "--digests": _option(_DOCTOR, "read all rows on every node, and compare their content", action="store_true"),
    "--nodes": _option(
        _CLUSTER,
        "nodes over which the GPUs are spread (default: eight each); without --gpus, so many like this one",
        metavar="N",
        type=number(NODES),
    ),
    "--replay": _option(
        _CLUSTER, "the sweep of the store from its start, with the durations of its records", action="store_true"
    ),
    "--wrong-by": _option(
        _FAULTS,
        "factor by which runs take longer or shorter than estimated, in two cases of three",
        metavar="F",
        type=number(FACTOR),
    ),
    "--fail": _option(
        _FAULTS,
        "name of a run that fails for good, or part of all runs that do, as 2%%; may be repeated",
        metavar="RUN",
        action="append",
        default=[],
        type=text,
    ),
    "--lose-worker": _option(
        _FAULTS, "mean time of computing between two losses of a worker, as 100h", metavar="TIME", type=seconds
    ),
    "--hang": _option(
        _FAULTS, "mean time of computing between two workers that hang, as 500h", metavar="TIME", type=seconds
    ),
    "--lose-node": _option(
        _FAULTS,
        "a node leaves for good so long after the start, as 2h, the last one first; may be repeated",
        metavar="TIME",
        action="append",
        default=[],
        type=seconds,
    ),
    "--join-node": _option(
        _FAULTS,
        "one more node like the first joins then; may be repeated",
        metavar="TIME",
        action="append",
        default=[],
        type=seconds,
    ),
    "--node-life": _option(_FAULTS, "mean time until a node is lost, every node, as 3d", metavar="TIME", type=seconds),
    "--node-back": _option(_FAULTS, "until another takes its place (default: none does)", metavar="TIME", type=seconds),
    "--draws": _option(
        _FAULTS,
        "times that chance is drawn (default: 20 where something is left to chance)",
        metavar="N",
        type=number(DRAWS),
    ),
    "--first-draw": _option(_FAULTS, "number of the first draw (default: 0)", metavar="N", type=number(SEED)),
    "--json": _option("options", "one JSON object on standard output, for programs", action="store_true"),
    "--debug": _option("options", "show the traceback of an error", action="store_true"),
}
"""Every option, in the order in which help shows them."""

_OF_SEARCH = ("--phase", "--trials", "--hours")
_OF_PLAN = ("--gpus", "--budget", "--probe", "--json")
_OF_STATUS = ("--watch", "--json")
_OF_TASKS = ("--check",)
_OF_FETCH = ("--out", "--stand-ins", "--dry-run")
_OF_DOCTOR = ("--digests", "--json")
_FAULTY = tuple(name for name, option in OPTIONS.items() if option.group == _FAULTS)
_OF_SIMULATE = ("--gpus", "--nodes", "--replay", *_FAULTY, "--json")
_OWN = {*_OF_SEARCH, *_OF_PLAN, *_OF_STATUS, *_OF_TASKS, *_OF_FETCH, *_OF_DOCTOR, *_OF_SIMULATE}
_GRID = tuple(name for name in OPTIONS if name not in _OWN)
_OF_RUN = ("--recompute", "--open-test")
_WITHOUT_GRID = ("--intermediates", "--targets", "--search", "--race", *_OF_RUN)

TAKEN_BY = {
    "plan": _OF_RUN,
    "fetch": _OF_RUN,
    "doctor": _OF_RUN,
    "simulate": _OF_RUN,
    "status": tuple(name for name in _GRID if name not in ("--search", "--race", "--address")),
}
"""Command -> options that it takes without showing them, so that it can have the words of a `run`."""
OPTIONS_OF = {
    "run": _GRID,
    "plan": (*(name for name in _GRID if name not in _OF_RUN), *_OF_PLAN),
    "simulate": (*(name for name in _GRID if name not in _OF_RUN), *_OF_SIMULATE),
    "status": ("--preset", "--config", "--set", "--store", *_OF_STATUS, "--debug"),
    "tasks": ("--tasks", "--preset", "--config", "--data", "--encoder", "--set", *_OF_TASKS, "--debug"),
    "fetch": (*_OF_FETCH, *(name for name in _GRID if name not in _OF_RUN)),
    "doctor": (*_OF_DOCTOR, *(name for name in _GRID if name not in _OF_RUN)),
    "search": (*_OF_SEARCH, *(name for name in _GRID if name not in _WITHOUT_GRID)),
}
"""Command -> its options."""
REFUSED = {"search": {"--race": "a race needs a grid; allowed: no --race here, or `xstilts run --race`"}}
"""Command -> option that it cannot have -> why."""


def attribute(option: str) -> str:
    """Name of an option in the parsed namespace."""
    return option.removeprefix("--").replace("-", "_")


def not_given() -> dict[str, Any]:
    """What the namespace holds for options that are not given, whatever the command has."""
    return {
        attribute(name): option.settings.get("default", None if option.takes_value else False)
        for name, option in OPTIONS.items()
    }
