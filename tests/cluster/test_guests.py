"""Callbacks that the user asks for: which can be had, what they see, and that none ends a sweep."""

from __future__ import annotations

import io
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest
from ray import tune
from rich.console import Console

from sweep.cluster import guest as guest_module
from sweep.cluster.guest import Guest
from sweep.cluster.guests import load_guests
from sweep.cluster.parameters import parameters
from sweep.cluster.place import Place
from tests.made import graphs
from tests.made.records import intermediate_spec
from trainables.report import Advanced, Finished

HOOKS = [name for name in vars(tune.Callback) if name.startswith("on_")] + ["setup"]
SPEC = graphs.node("a").spec


def place(tmp_path: Path, *callbacks: str) -> Place:
    return Place(results=tmp_path, name="sweep", callbacks=callbacks)


def trial(name: str = "a -> x #42") -> SimpleNamespace:
    config = {
        "run_id": SPEC.run_id,
        "name": name,
        "spec": SPEC.to_dict(),
        "store": "/secret",
        "options": {"data": "/d"},
    }
    return SimpleNamespace(trial_id="t0", config=config, local_path="/tune/t0")


class Told(tune.Callback):
    """Keeps what it is told."""

    def __init__(self) -> None:
        self.told: list[tuple[str, dict[str, Any]]] = []

    def __getattribute__(self, name: str) -> Any:
        if name in HOOKS:
            return lambda **named: self.told.append((name, named))
        return super().__getattribute__(name)


@pytest.fixture
def told() -> Told:
    return Told()


@pytest.fixture
def guest(told: Told) -> Guest:
    return Guest("mine", told, Console(file=io.StringIO()))


@pytest.mark.parametrize("hook", HOOKS)
def test_every_hook_of_tune_is_handed_on(hook: str, guest: Guest, told: Told) -> None:
    one = trial()
    given = {"iteration": 1, "trials": [one], "trial": one} | ({"result": {}} if hook == "on_trial_result" else {})
    getattr(guest, hook)(**given)
    [(name, found)] = told.told
    assert name == hook
    assert found["iteration"] == 1
    assert found["trial"] is found["trials"][0], "a logger keeps its runs by trial"


def test_a_run_is_seen_by_its_name_and_its_settings_alone(guest: Guest, told: Told) -> None:
    guest.on_trial_start(iteration=0, trials=[], trial=trial())
    seen = told.told[0][1]["trial"]
    assert str(seen) == "a -> x #42"
    assert seen.config["tasks"] == "a"
    assert seen.config["optimisation.learning_rate"] == 1e-5
    assert not {name for name in seen.config if name.startswith(("store", "options", "share"))}
    assert seen.local_path == "/tune/t0", "the rest is Tune's"


def test_of_training_a_report_every_ten_seconds_and_of_evaluations_and_ends_all(
    guest: Guest, told: Told, monkeypatch: pytest.MonkeyPatch
) -> None:
    clock = SimpleNamespace(now=100.0)
    monkeypatch.setattr(guest_module.time, "monotonic", lambda: clock.now)
    training = Advanced(stage="train", step=1)
    evaluated = Advanced(stage="train", step=2, selection=60.0)
    ended = Finished(run_id="abc", step=3)
    for now, report in ((100, training), (109, training), (109, evaluated), (110, training), (111, ended)):
        clock.now = now
        guest.on_trial_result(0, [], trial(), report.to_result() | {"config": {"x": 1}})
    assert [(found["result"]["step"], "config" in found["result"]) for _, found in told.told] == [
        (1, False), (2, False), (1, False), (3, False),
    ]  # fmt: skip


def test_settings_are_the_fields_of_the_spec_by_flat_names() -> None:
    spec = intermediate_spec("squad", mlm=True)
    found = parameters({"name": "a run", "run_id": spec.run_id, "spec": spec.to_dict()})
    assert list(found)[:2] == ["name", "run_id"]
    assert spec.mlm
    assert (found["phase"], found["tasks"], found["seed"]) == ("intermediate", "squad", 42)
    assert found["mlm.languages"] == ",".join(spec.mlm.languages)
    assert found["optimisation.batch_sizes.squad"] == 8
    assert "retrieval" not in found, "a run without it has no such setting"


def test_those_that_are_known_by_name_and_those_of_the_user(tmp_path: Path) -> None:
    found = load_guests(place(tmp_path, "tests.made.watched:Listening", "mlflow"))
    assert [type(each).__name__ for each in found.values()] == ["Listening", "MLflowLoggerCallback"]
    assert found["mlflow"].tracking_uri == f"sqlite:///{tmp_path / 'sweep' / 'mlflow.db'}"


def test_the_tracker_of_the_environment_is_used(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("MLFLOW_TRACKING_URI", "http://localhost:5000")
    assert load_guests(place(tmp_path, "mlflow"))["mlflow"].tracking_uri == "http://localhost:5000"


@pytest.mark.parametrize(
    ("name", "said"),
    [
        ("no_such_module:Class", "it cannot be made (ModuleNotFoundError: No module named 'no_such_module')"),
        ("tests.made.watched:Missing", "it cannot be made (AttributeError"),
        ("tests.made.watched:NeedsMore", "it cannot be made (TypeError"),
        ("tests.made.watched:NoCallback", "allowed: a subclass of ray.tune.Callback"),
    ],
)
def test_what_cannot_be_had_is_an_error_before_anything_starts(name: str, said: str, tmp_path: Path) -> None:
    with pytest.raises(ValueError) as found:
        load_guests(place(tmp_path, name))
    assert str(found.value).startswith(f"callback {name}: ")
    assert said in str(found.value)


def test_a_package_that_is_missing_is_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "mlflow", None)
    with pytest.raises(ValueError, match="`pip install mlflow-skinny` installs it"):
        load_guests(place(tmp_path, "mlflow"))
