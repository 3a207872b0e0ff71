"""Samplers: what they need of the space and of the machine, asked before anything starts."""

from importlib.util import find_spec

import pytest

from search_spaces.search_fields import SearchFields
from sweep.cluster.summary import Summary
from sweep.grid import main
from sweep.planning.trials import with_trials
from sweep.search import main as search
from sweep.studies.errors import StudyError
from sweep.studies.sampler_check import check_pruner, check_sampler
from tests.made import graphs
from tests.made.data import FakeData
from tests.made.studies import EPOCHS, FEW, SPACE
from trainables.ledger.space import Choices, Interval

WHOLE = {"learning_rate": "fixed", "epochs": {"low": 1, "high": 3}}
ENDLESS = "sampler bruteforce: given a range of learning_rate for qqp -> xnli #42; allowed: choices, whole numbers"


# one space


def test_an_unknown_sampler_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown sampler 'tep'; did you mean 'tpe'"):
        check_sampler("tep", SPACE, "qqp")


@pytest.mark.parametrize(("name", "package"), [
    ("cmaes", "cmaes"), ("gp", "torch"), ("gp", "scipy"), ("qmc", "scipy"), ("tpe", "optuna"),
])  # fmt: skip
def test_a_sampler_without_its_package_says_which(monkeypatch, name, package):
    monkeypatch.setattr("importlib.util.find_spec", lambda asked: None if asked == package else find_spec(asked))
    with pytest.raises(StudyError, match=f"sampler {name} needs the package {package}: pip install {package}"):
        check_sampler(name, SPACE, "qqp")


def test_a_folder_of_a_packages_name_is_not_the_package(monkeypatch, tmp_path):
    (tmp_path / "cmaes").mkdir()
    monkeypatch.syspath_prepend(tmp_path)
    with pytest.raises(StudyError, match="sampler cmaes needs the package cmaes"):
        check_sampler("cmaes", SPACE, "qqp")


def test_a_pruner_is_asked_for_as_a_sampler_is(monkeypatch):
    with pytest.raises(ValueError, match="unknown pruner 'medain'; did you mean 'median'"):
        check_pruner("medain")
    monkeypatch.setattr("importlib.util.find_spec", lambda asked: None)
    with pytest.raises(StudyError, match="pruner hyperband needs the package optuna: pip install optuna"):
        check_pruner("hyperband")
    check_pruner("off")


def test_brute_force_needs_an_end():
    rates = {"learning_rate": Choices(parameter="learning_rate", choices=(1e-5, 2e-5))}
    check_sampler("bruteforce", FEW | rates, "qqp")
    check_sampler("bruteforce", {"epochs": EPOCHS}, "qqp")
    halves = Interval(parameter="epochs", low=0.5, high=2)
    with pytest.raises(ValueError, match="given a range of learning_rate, epochs for qqp; allowed: choices, whole num"):
        check_sampler("bruteforce", SPACE | {"epochs": halves}, "qqp")


# a plan


def search_fields(**settings):
    return SearchFields.model_validate({"sampler": "bruteforce", "ranges": {"intermediate": WHOLE}} | settings)


@pytest.mark.parametrize("trials", [{"target": 2}, {"target": 2, "intermediate": 2}, {"gpu_hours": 1}])
def test_the_spaces_of_children_are_looked_at_before_their_parents_run(trials):
    plan = graphs.fan(["a"], ["x"])
    with pytest.raises(ValueError, match="given a range of learning_rate for a -> x #42"):
        with_trials(plan, search_fields(**trials))


@pytest.mark.parametrize("trials", [{}, {"intermediate": 2}])
def test_the_spaces_of_runs_that_are_not_searched_do_not_matter(trials):
    plan = graphs.fan(["a"], ["x"])
    found, _ = with_trials(plan, search_fields(**trials))
    assert sum(node.is_searched for node in found.nodes.values()) == len(trials)


# the command line


@pytest.fixture
def started(tmp_path, monkeypatch):
    """Runs that were started, on data that needs no disk."""
    calls = []

    def run_plan(plan, *given, **others):
        calls.append(plan)
        return Summary(plan=plan, done=tuple(plan.nodes))

    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sweep.planning.planner.open_data", lambda name, raw: FakeData())
    monkeypatch.setattr("sweep.command_line.compute.run_plan", run_plan)
    return calls


@pytest.mark.parametrize("command", ["plan", "run"])
def test_plan_and_run_refuse_a_sampler_that_cannot_draw_for_a_child(started, capsys, tmp_path, command):
    options = ["--encoder", "bundled:6", "--intermediates", "qqp", "--targets", "xnli", "--search", "target=3"]
    options += ["--set", "search.sampler=bruteforce", "--set", "search.ranges.intermediate.learning_rate=fixed"]
    assert main([command, *options]) == 2
    assert ENDLESS in capsys.readouterr().err
    assert started == []
    assert not list(tmp_path.iterdir()), "a refused run leaves the plan of the one before"


@pytest.mark.parametrize("command", ["plan", "run"])
def test_plan_and_run_refuse_a_sampler_without_its_package(started, capsys, monkeypatch, command):
    monkeypatch.setattr("sweep.studies.sampler_check.importlib.util.find_spec", lambda name: None)
    options = ["--encoder", "bundled:6", "--intermediates", "qqp", "--targets", "xnli", "--search", "target=3"]
    assert main([command, *options, "--set", "search.sampler=cmaes"]) == 2
    assert "sampler cmaes needs the package cmaes: pip install cmaes" in capsys.readouterr().err
    assert started == []


def test_a_search_without_a_grid_refuses_it_too(started, capsys):
    options = ["--phase", "target", "--tasks", "xnli", "--encoder", "bundled:6", "--set", "search.sampler=bruteforce"]
    assert search(options) == 2
    assert "sampler bruteforce: given a range of learning_rate for" in capsys.readouterr().err
    assert started == []


def test_what_a_sampler_can_draw_from_starts(started, capsys):
    """The same command as those that are refused above, so that they are refused for the sampler alone."""
    options = ["--encoder", "bundled:6", "--intermediates", "qqp", "--targets", "xnli", "--search", "target=3"]
    assert main(["run", *options, "--set", "search.sampler=random"]) != 2, capsys.readouterr().err
    [plan] = started
    assert {node.trials for node in plan.nodes.values() if node.is_searched} == {3}
