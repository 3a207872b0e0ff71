"""`python -m sweep.grid [run|plan|status|tasks]`: parse, dispatch, and turn errors into messages and exit codes."""

from __future__ import annotations

import argparse
import sys
from collections.abc import Sequence

from sweep.arguments import parse

BAD_INPUT = 2
INTERRUPTED = 130


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit code (0 done, 1 some failed, 2 bad input, 130 interrupted)."""
    arguments = sys.argv[1:] if arguments is None else list(arguments)
    try:
        given = parse(arguments)
        return _dispatch(given)
    except KeyboardInterrupt:
        _say("interrupted; the same command continues")
        return INTERRUPTED
    except Exception as error:
        if "--debug" in arguments or not _tells_what_to_do(error):
            raise
        _say(str(error))
        return BAD_INPUT


def _dispatch(given: argparse.Namespace) -> int:
    from rich.console import Console

    from sweep import commands

    console = Console(highlight=False)
    if not console.is_terminal:
        console = Console(highlight=False, width=120)
    command = {"run": commands.run, "plan": commands.plan, "status": commands.status, "tasks": commands.tasks}
    return command[given.command](given, console)


def _tells_what_to_do(error: Exception) -> bool:
    """Whether an error is for the user; anything else is a fault of the program and keeps its traceback."""
    from trainables.model.names import EncoderUnavailableError
    from trainables.store import StoreError

    if isinstance(error, ValueError | StoreError | EncoderUnavailableError):
        return True
    session = sys.modules.get("sweep.session")  # imports Ray, so it is asked only when it is there
    return session is not None and isinstance(error, session.RayError)


def _say(message: str) -> None:
    from rich.console import Console

    Console(stderr=True, soft_wrap=True, highlight=False).print(message, style="bold red", markup=False)


if __name__ == "__main__":
    sys.exit(main())
