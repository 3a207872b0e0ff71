"""Guarded: what only shows or notes a sweep, and can neither end nor hang it."""

from __future__ import annotations

import contextlib
import functools
import logging
from collections.abc import Callable
from typing import Any

from ray import tune
from rich.console import Console
from rich.text import Text

log = logging.getLogger("ray.cluster")  # ends in ray.log


class Guarded(tune.Callback):
    """A callback of Tune whose exceptions are said once and end no sweep; after the first it is silent.

    Tune itself would end the whole experiment. All `on_...` and `setup` of subclasses are guarded, and what they mark
    with `guarded`.
    """

    what = "what is shown"
    """For the user."""

    def __init__(self, console: Console) -> None:
        self._console = console
        self._is_silent = False

    def __init_subclass__(cls, **options: Any) -> None:
        super().__init_subclass__(**options)
        for name, method in list(vars(cls).items()):
            if name == "setup" or name.startswith("on_"):
                setattr(cls, name, guarded(method))

    def give_up(self, error: BaseException) -> None:
        """Be silent from now on, and say so once."""
        self._is_silent = True
        is_ours = not isinstance(error, OSError)  # a full disk is not: the sentence below says all of it
        log.error("%s is off from here on", type(self).__name__, exc_info=error if is_ours else None)
        said = f"{self.what} is off from here on, and the sweep goes on: {type(error).__name__}: {error}"
        with contextlib.suppress(Exception, SystemExit):  # the terminal itself may be what is broken
            self._console.print(Text(said, style="yellow"))

    def __getstate__(self) -> dict[str, Any]:
        """Nothing to keep: Tune pickles callbacks when it starts, and terminals and open files cannot be pickled."""
        return {}


def guarded(method: Callable[..., Any]) -> Callable[..., Any]:
    """A method of a Guarded that raises nothing but KeyboardInterrupt, and does nothing once one was raised."""

    @functools.wraps(method)
    def call(self: Guarded, *arguments: Any, **named: Any) -> Any:
        if self._is_silent:
            return None
        try:
            return method(self, *arguments, **named)
        except (Exception, SystemExit) as error:  # rich leaves the program when its pipe is closed
            self.give_up(error)
            return None

    return call
