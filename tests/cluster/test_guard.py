"""What only shows a sweep cannot end it: exceptions are said once, and that callback is silent from then on."""

from __future__ import annotations

import io
import logging
from typing import Any

import pytest
from ray import tune
from rich.console import Console

from sweep.cluster.guard import Guarded, guarded

HOOKS = [name for name in vars(tune.Callback) if name.startswith("on_")] + ["setup"]


class Broken(Guarded):
    """Raises in every hook that Tune has."""

    what = "the weather"

    def __init__(self, console: Console) -> None:
        super().__init__(console)
        self.calls: list[str] = []

    @guarded
    def close(self) -> None:
        self.calls.append("close")
        raise ValueError("no [bold]wind[/nonsense]")


def raising(name: str) -> Any:
    def hook(self: Broken, *arguments: Any, **info: Any) -> None:
        self.calls.append(name)
        raise ValueError("no [bold]wind[/nonsense]")

    return hook


EveryHook = type("EveryHook", (Broken,), {name: raising(name) for name in HOOKS})


@pytest.fixture
def output() -> io.StringIO:
    return io.StringIO()


@pytest.fixture
def console(output: io.StringIO) -> Console:
    return Console(file=output, width=200)


def test_tune_has_the_hooks_that_are_tried() -> None:
    assert {"on_step_end", "on_trial_result", "on_trial_complete", "on_trial_error", "on_trial_recover"} < set(HOOKS)


@pytest.mark.parametrize("name", [*HOOKS, "close"])
def test_an_exception_is_said_once_and_the_callback_is_silent(
    name: str, console: Console, output: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    callback = EveryHook(console)
    with caplog.at_level(logging.ERROR):
        for _ in range(3):
            getattr(callback, name)()
        callback.on_step_end(iteration=1, trials=[])
    assert callback.calls == [name]
    said = "the weather is off from here on, and the sweep goes on: ValueError: no [bold]wind[/nonsense]\n"
    assert output.getvalue() == said
    assert [record.exc_info[1].args for record in caplog.records] == [("no [bold]wind[/nonsense]",)]
    assert "EveryHook" in caplog.text


def test_a_full_disk_is_a_sentence_without_a_traceback(
    console: Console, output: io.StringIO, caplog: pytest.LogCaptureFixture
) -> None:
    class Full(Guarded):
        what = "the weather"

        def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
            raise OSError(28, "No space left on device")

    with caplog.at_level(logging.ERROR):
        Full(console).on_step_end(iteration=1, trials=[])
    assert "the weather is off from here on, and the sweep goes on: OSError: [Errno 28] No space" in output.getvalue()
    assert [record.exc_info for record in caplog.records] == [None]


def test_a_broken_terminal_ends_nothing(caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch) -> None:
    class Gone(io.StringIO):
        def write(self, text: str) -> int:
            raise BrokenPipeError(32, "Broken pipe")

    class Prints(Guarded):
        def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
            self._console.print("0 of 2 runs done")

    monkeypatch.setattr("os.dup2", lambda one, two: None)  # rich would send the output of all tests to nowhere
    for kind in (EveryHook, Prints):
        kind(Console(file=Gone())).on_step_end(iteration=1, trials=[])
        assert f"{kind.__name__} is off" in caplog.text


def test_being_told_to_stop_is_no_failure(console: Console) -> None:
    class Told(Guarded):
        def on_step_end(self, iteration: int, trials: list[Any], **info: Any) -> None:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        Told(console).on_step_end(iteration=1, trials=[])
