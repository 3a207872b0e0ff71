"""What `python -m sweep.search` hands on to the grid: the winners, and a word on each choice between them."""

import pytest
import yaml

from search_spaces.config_file import load_yaml
from search_spaces.presets import paper
from sweep import search
from sweep.cluster.summary import Summary
from sweep.command_line.best_settings import best_settings
from trainables.ledger.cells import Row
from trainables.ledger.spec import Phase
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.ledger.studies import StudyResult, Trial


def study(name, params, *, dev=50.0, gain=0.0, phase="intermediate", winner="r"):
    """The search of a run by its name, for example `squad+mlm #42` or `none -> xquad,mlqa #42`."""
    runs, seed = name.split(" #")
    row, _, targets = runs.partition(" -> ")
    intermediate, mlm = row.removesuffix("+mlm"), row.endswith("+mlm")
    return StudyResult(
        node=name, name=name, row=Row(intermediate, mlm), phase=Phase(phase),
        tasks=tuple((targets or intermediate).split(",")), mlm=mlm, seed=int(seed), winner=winner, gain=gain,
        importances={}, trials=(Trial(number=0, params=params, run_id="r", state=State.DONE, value=dev),),
    )  # fmt: skip


def test_winners_become_a_configuration_that_the_grid_takes(tmp_path):
    studies = [
        study("squad+mlm #42", {"learning_rate": 3e-6, "epochs": 2}),
        study("squad #42", {"learning_rate": 2e-5, "epochs": 2}),
        study("none -> xquad,mlqa #42", {"learning_rate": 4e-6}, phase="target"),
        study("qqp #42", {"learning_rate": 9e-6}, winner=""),
    ]
    path = tmp_path / "best.yaml"
    found, choices = best_settings(studies)
    path.write_text(yaml.safe_dump(found))
    config = load_yaml(path, paper())
    squad = config.intermediate.tasks["squad"]
    assert (squad.learning_rate, squad.learning_rate_with_mlm, squad.epochs) == (2e-5, 3e-6, 2)
    assert config.target.tasks["xquad"].learning_rate == config.target.tasks["mlqa"].learning_rate == 4e-6
    assert "qqp" not in config.intermediate.tasks
    assert not choices


@pytest.mark.parametrize("order", [1, -1])
def test_of_several_seeds_the_winner_with_the_best_dev_figure_is_taken_as_a_whole(order):
    studies = [
        study("squad #42", {"learning_rate": 1e-5, "epochs": 2}, dev=90),
        study("squad #43", {"learning_rate": 3e-5, "epochs": 4}, dev=50, gain=20.0),
    ]
    found, choices = best_settings(studies[::order])
    assert found == {"intermediate": {"tasks": {"squad": {"learning_rate": 1e-5, "epochs": 2}}}}
    assert choices == ("squad #42 (dev 90.0) is taken, not squad #43 (dev 50.0: learning_rate 3e-05, epochs 4)",)


def test_seeds_that_agree_leave_no_choice():
    found, choices = best_settings([study(f"squad #{seed}", {"epochs": 2}, dev=seed) for seed in (42, 43)])
    assert found == {"intermediate": {"tasks": {"squad": {"epochs": 2}}}}
    assert not choices


@pytest.mark.parametrize("order", [1, -1])
def test_of_tasks_that_disagree_on_the_one_mixing_cap_the_best_gain_decides(order):
    studies = [
        study("squad+mlm #42", {"mixing_cap": 1000}, dev=80, gain=3.0),
        study("qqp+mlm #42", {"mixing_cap": 99999}, dev=85, gain=0.5),
    ]
    found, choices = best_settings(studies[::order])
    assert found == {"mlm": {"mixing_cap": 1000}}
    assert choices == (
        "mlm.mixing_cap: 1000 of squad+mlm #42 (gain +3.0) is taken, not 99999 of qqp+mlm #42 (gain +0.5)",
    )


def test_runs_with_and_without_mlm_share_all_but_their_learning_rates():
    studies = [
        study("squad #42", {"learning_rate": 2e-5, "epochs": 2}, gain=1.0),
        study("squad+mlm #42", {"learning_rate": 3e-6, "epochs": 5}, gain=1.5),
    ]
    found, choices = best_settings(studies)
    settings = {"learning_rate": 2e-5, "learning_rate_with_mlm": 3e-6, "epochs": 5}
    assert found == {"intermediate": {"tasks": {"squad": settings}}}
    assert choices == (
        "intermediate.tasks.squad.epochs: 5 of squad+mlm #42 (gain +1.5) is taken, not 2 of squad #42 (gain +1.0)",
    )


def test_where_the_configured_run_failed_nothing_gains_more():
    studies = [
        study("squad+mlm #42", {"mixing_cap": 1000}, gain=9.0),
        study("qqp+mlm #42", {"mixing_cap": 99999}, gain=None),
    ]
    found, [choice] = best_settings(studies)
    assert found == {"mlm": {"mixing_cap": 99999}}
    assert "99999 of qqp+mlm #42 (configured run failed) is taken, not 1000 of squad+mlm #42 (gain +9.0)" in choice


def test_the_file_and_the_terminal_say_what_was_chosen(tmp_path, capsys, monkeypatch):
    studies = [study(f"squad #{seed}", {"epochs": epochs}, dev=dev) for seed, epochs, dev in [(42, 2, 90), (43, 4, 50)]]
    Store(tmp_path).prepare().save_studies(studies)
    monkeypatch.setattr("sweep.command_line.search.compute", lambda setup, _: Summary(plan=setup.plan, done=()))
    arguments = ["--phase", "intermediate", "--tasks", "squad", "--seeds", "42,43", "--data", "demo"]
    assert search.main([*arguments, "--encoder", "bundled:1", "--store", str(tmp_path)]) == 0
    said = "# squad #42 (dev 90.0) is taken, not squad #43 (dev 50.0: epochs 4)"
    assert said in (tmp_path / "best.yaml").read_text().splitlines()
    assert said in capsys.readouterr().out
    assert load_yaml(tmp_path / "best.yaml", paper()).intermediate.tasks["squad"].epochs == 2
