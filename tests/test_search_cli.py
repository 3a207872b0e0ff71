"""`--search` and `python -m sweep.search`: what they understand, what they refuse, and what they leave."""

from __future__ import annotations

import pytest
import yaml

from search_spaces.config_file import load_yaml
from search_spaces.presets import paper
from search_spaces.search_fields import SearchFields
from sweep import search
from sweep.arguments import UsageError, configure, parse
from sweep.budget_file import trials_of
from sweep.run import Summary
from sweep.search import best_settings


def test_trials_by_phase_become_settings():
    config = configure(parse(["plan", "--preset", "demo", "--search", "intermediate=12,target=6"]))
    assert (config.search.intermediate, config.search.target) == (12, 6)
    assert configure(parse(["plan", "--preset", "demo"])).search.intermediate == 0


@pytest.mark.parametrize("given", ["20h", "gpu-hours=20", "20.0h"])
def test_a_total_of_hours_becomes_a_setting(given):
    config = configure(parse(["plan", "--preset", "demo", "--search", given]))
    assert config.search == SearchFields(gpu_hours=20)
    both = configure(parse(["plan", "--preset", "demo", "--search", f"{given},intermediate=12,target=6"]))
    assert both.search == SearchFields(gpu_hours=20, intermediate=12, target=6)


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("intermediat=3", "did you mean 'intermediate'"),
        ("target", "--search target: allowed: a number after it, for example target=12"),
        ("gpu-hour=3", "did you mean 'gpu-hours'"),
        ("-3h", r"search.gpu_hours: given '-3'; allowed: a number of at least 0"),
        ("gpu-hours=many", r"search.gpu_hours: given 'many'; allowed: a number of at least 0"),
        ("1.5.2h", r"search.gpu_hours: given '1.5.2'"),
        ("20", "unknown budget '20'; known: intermediate, target, gpu-hours; hours alone as 20h"),
        ("20h,gpu-hours=3", "gpu-hours is given twice"),
        ("target=many", "many"),
        ("retrieval=3", "known: intermediate, target, gpu-hours"),
    ],
)
def test_what_is_no_search_is_named(given, message):
    with pytest.raises((UsageError, ValueError), match=message):
        configure(parse(["plan", "--preset", "demo", f"--search={given}"]))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--phase", "intermediat", "--tasks", "squad"], "did you mean 'intermediate'"),
        (["--phase", "target", "--tasks", "xnlj", "--data", "demo"], "did you mean 'xnli'"),
        (["--phase", "target", "--tasks", "tatoeba", "--data", "demo", "--encoder", "bundled:1"], "nothing to search"),
        (["--phase", "target", "--tasks", "xnli", "--hours", "-3"], "--hours -3: allowed: a number above 0"),
        (["--phase", "target", "--tasks", "xnli", "--hours", "nan"], "--hours nan: allowed: a number above 0"),
        (["--phase", "target", "--tasks", "xnli", "--encodr", "bundled"], "did you mean '--encoder'"),
    ],
)
def test_bad_input_ends_with_a_message_and_status_2(capsys, tmp_path, arguments, message):
    assert search.main([*arguments, "--store", str(tmp_path)]) == 2
    assert message in capsys.readouterr().err


def test_hours_of_a_search_without_a_grid_are_spread_over_its_tasks(tmp_path, capsys, monkeypatch):
    asked = {}

    def computed(config, plan, store, console):
        trials = trials_of(plan, config.search, store.root, keep=True)
        asked.update({plan.nodes[node_id].spec.tasks[0]: str(number) for node_id, number in trials.items()})
        return Summary(done=(), stopped="interrupted")

    monkeypatch.setattr("sweep.commands.compute", computed)
    arguments = ["--phase", "intermediate", "--tasks", "squad,qqp", "--hours", "0.05", "--data", "demo"]
    assert search.main([*arguments, "--encoder", "bundled:1", "--store", str(tmp_path)]) == 130
    out = capsys.readouterr().out
    assert "search: 0.05 core-hours beyond the configured runs (tpe), by cost and expected gain" in out
    rows = [line.split() for line in out.splitlines() if line.startswith(("squad", "qqp"))]
    assert {task: trials for task, _, trials, _ in rows} == asked
    assert all(int(trials) > 2 for trials in asked.values())


def study(name, phase, mlm, winner, params):
    trial = {"number": 0, "params": params, "run_id": "r", "state": "done", "value": 1.0, "reason": ""}
    return {"name": name, "phase": phase, "mlm": mlm, "winner": winner, "trials": [trial]}


def test_winners_become_a_configuration_that_the_grid_takes(tmp_path):
    studies = [
        study("squad+mlm #42", "intermediate", True, "r", {"learning_rate": 3e-6, "epochs": 2}),
        study("squad #42", "intermediate", False, "r", {"learning_rate": 2e-5, "epochs": 2}),
        study("none -> xquad,mlqa #42", "target", False, "r", {"learning_rate": 4e-6}),
        study("qqp #42", "intermediate", False, "", {"learning_rate": 9e-6}),
    ]
    path = tmp_path / "best.yaml"
    path.write_text(yaml.safe_dump(best_settings(studies)))
    config = load_yaml(path, paper())
    squad = config.intermediate.tasks["squad"]
    assert (squad.learning_rate, squad.learning_rate_with_mlm, squad.epochs) == (2e-5, 3e-6, 2)
    assert config.target.tasks["xquad"].learning_rate == config.target.tasks["mlqa"].learning_rate == 4e-6
    assert "qqp" not in config.intermediate.tasks
