"""`python -m sweep.grid [run|plan|status|tasks]`: parse, dispatch, and turn errors into messages and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING

from sweep.arguments import parse

if TYPE_CHECKING:
    from rich.console import Console

BAD_INPUT = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (0 done, 1 some failed, 2 bad input, 130 interrupted)."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    return guarded(arguments, lambda: _dispatch(parse(arguments)))


def guarded(arguments: Sequence[str], action: Callable[[], int]) -> int:
    """The exit code of an action; errors that tell the user what to do become messages."""
    try:
        return action()
    except KeyboardInterrupt:
        _say("interrupted; the same command continues")
        return INTERRUPTED
    except Exception as error:
        if "--debug" in arguments or not _tells_what_to_do(error):
            raise
        _say(str(error))
        return BAD_INPUT


def make_console() -> Console:
    """The terminal, or a log file with room for the table."""
    from rich.console import Console

    console = Console(highlight=False)
    return console if console.is_terminal else Console(highlight=False, width=120)


def _dispatch(given: argparse.Namespace) -> int:
    from sweep import commands

    command = {"run": commands.run, "plan": commands.plan, "status": commands.status, "tasks": commands.tasks}
    return command[given.command](given, make_console())


def _tells_what_to_do(error: Exception) -> bool:
    """Whether an error is for the user; anything else is a fault of the program and keeps its traceback."""
    from sweep.journal import StudyError
    from trainables.model.names import EncoderUnavailableError
    from trainables.store import StoreError

    if isinstance(error, ValueError | StoreError | StudyError | EncoderUnavailableError):
        return True
    session = sys.modules.get("sweep.session")  # imports Ray, so it is asked only when it is there
    return session is not None and isinstance(error, session.RayError)


def _say(message: str) -> None:
    from rich.console import Console

    Console(stderr=True, soft_wrap=True, highlight=False).print(message, style="bold red", markup=False)


if __name__ == "__main__":
    sys.exit(main())
