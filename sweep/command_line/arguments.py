"""The command line: its programs, their commands, and what is said of one that cannot be understood."""

from __future__ import annotations

import argparse
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from sweep.command_line.help import DESCRIPTIONS, EXAMPLES, overview
from sweep.command_line.options import OPTIONS, OPTIONS_OF, REFUSED, TAKEN_BY, not_given
from trainables.ledger.nearest import unknown

SEARCHED = ("intermediate", "target")
"""Phases whose settings can be searched."""


@dataclass(frozen=True, kw_only=True)
class Program:
    """What the user types.

    Attributes:
        name: as typed.
        commands: words that may follow, with the name that usage gives each.
        default: command where none is given; empty: there must be one.
    """

    name: str
    commands: dict[str, str]
    default: str = ""


def _program(name: str, commands: Sequence[str], default: str = "") -> Program:
    return Program(name=name, commands={command: f"{name} {command}" for command in commands}, default=default)


XSTILTS = _program(
    "xstilts",
    (
        "run",
        "plan",
        "simulate",
        "status",
        "tasks",
        "search",
        "advise",
        "report",
        "submission",
        "compare",
        "examples",
        "check",
        "export",
        "predict",
        "fetch",
        "doctor",
    ),
)
GRID = _program("python -m sweep.grid", ("run", "plan", "status", "tasks"), default="run")
SEARCH = Program(name="python -m sweep.search", commands={"search": "python -m sweep.search"})


class UsageError(ValueError):
    """A command line that cannot be understood."""


class _Parser(argparse.ArgumentParser):
    def error(self, message: str) -> NoReturn:
        raise UsageError(f"{message}. `{self.prog} --help` shows all options")


def parse(arguments: Sequence[str], program: Program = GRID) -> argparse.Namespace:
    """Options as given; raises UsageError with the nearest right name for an unknown command or option.

    The namespace has all options, those of other commands as if not given.
    """
    words = _command_first(arguments, program)
    _check_first(words[0], program)
    given, rest = make_parser(program).parse_known_args(words)
    for argument in rest:
        if argument.startswith("-"):
            raise UsageError(_no_option(argument.partition("=")[0], given.command, program))
        raise UsageError(f"unexpected {argument!r}; lists are separated by commas without spaces")
    return argparse.Namespace(**not_given() | vars(given))


def make_parser(program: Program) -> argparse.ArgumentParser:
    """The parser of a program; every command shows its own options only."""
    layout: dict[str, Any] = {"formatter_class": argparse.RawDescriptionHelpFormatter, "allow_abbrev": False}
    command = "[COMMAND]" if program.default else "COMMAND"
    parser = _Parser(
        prog=program.name,
        usage=f"%(prog)s {command} [OPTION ...]",
        description=overview(program.name, program.commands, program.default),
        **layout,
    )
    if program is XSTILTS:
        parser.add_argument("--version", action="store_true", help="show the version and exit")
    commands = parser.add_subparsers(dest="command", required=True, metavar="COMMAND", help=argparse.SUPPRESS)
    for command, name in program.commands.items():
        examples = EXAMPLES.get(command, "").format(program=name)
        own = commands.add_parser(command, prog=name, description=DESCRIPTIONS.get(command), epilog=examples, **layout)
        _add_options(own, OPTIONS_OF.get(command, ()), TAKEN_BY.get(command, ()))
    return parser


def _add_options(parser: argparse.ArgumentParser, names: Sequence[str], unseen: Sequence[str]) -> None:
    groups: dict[str, argparse._ArgumentGroup] = {"options": parser._optionals}
    for name in (name for name in OPTIONS if name in names):
        option = OPTIONS[name]
        if option.group not in groups:
            groups[option.group] = parser.add_argument_group(option.group)
        groups[option.group].add_argument(name, **option.settings)
    for name in (name for name in unseen if name not in names):
        parser.add_argument(name, **OPTIONS[name].settings | {"help": argparse.SUPPRESS})


def _command_first(arguments: Sequence[str], program: Program) -> list[str]:
    """The words with the command in front: options may come before it, and where there is a default it may lack."""
    words = list(arguments)
    if program is SEARCH:
        return ["search", *words]
    if not program.default or words[:1] in (["-h"], ["--help"]):
        return words or ["--help"]
    place = 0
    while place < len(words) and (option := OPTIONS.get(words[place].partition("=")[0])):
        place += 2 if option.takes_value and "=" not in words[place] else 1
    if place < len(words) and not words[place].startswith("-"):
        return [words[place], *words[:place], *words[place + 1 :]]
    return [program.default, *words]


def _check_first(word: str, program: Program) -> None:
    """Raise UsageError unless it is a command or asks for help."""
    if word in (*program.commands, "-h", "--help"):
        return
    option = word.partition("=")[0]
    if not word.startswith("-"):
        raise UsageError(unknown("command", word, program.commands))
    if option not in OPTIONS:
        raise UsageError(unknown("option", option, ("--help", "--version")))
    raise UsageError(f"{option} comes after a command; allowed: {', '.join(program.commands)}")


def _no_option(option: str, command: str, program: Program) -> str:
    """What is said of an option that a command does not have."""
    if option in REFUSED.get(command, ()):
        return f"{option}: {REFUSED[command][option]}"
    typed = GRID.commands | SEARCH.commands | program.commands
    have = [f"`{typed[name]}`" for name, options in OPTIONS_OF.items() if option in options and name in typed]
    if not have:
        return unknown("option", option, OPTIONS_OF[command])
    return (
        f"`{program.commands[command]}` has no option {option!r}; {', '.join(have)} "
        f"{'has' if len(have) == 1 else 'have'} it; allowed here: {', '.join(OPTIONS_OF[command])}"
    )
