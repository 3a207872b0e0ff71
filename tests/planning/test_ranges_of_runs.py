"""Ranges of runs with MLM and without, and errors that name the run they are about."""

import re
from pathlib import Path

import pytest

from search_spaces.config_file import ConfigError, apply_sets, dump_yaml, load_yaml
from search_spaces.presets import demo, paper
from sweep.planning.planner import build_plan
from sweep.planning.trials import with_trials
from tests.made.data import SMALL, FakeData
from tests.made.spaces import MIXTURE, space_of, target_space
from trainables.ledger.space import Interval

PAGE = Path(__file__).parents[2] / "docs" / "search.md"


def rates(low, high):
    return Interval(parameter="learning_rate", low=low, high=high, log=True)


def test_runs_with_mlm_have_a_range_of_learning_rates_of_their_own():
    sets = [
        "search.ranges.intermediate.learning_rate={low: 5e-6, high: 1e-4}",
        "search.ranges.intermediate.learning_rate_with_mlm={low: 2e-6, high: 5e-5}",
        "search.ranges.tasks.squad.learning_rate_with_mlm={low: 4e-6, high: 6e-6}",
    ]
    assert space_of("qqp", sets=sets)["learning_rate"] == rates(5e-6, 1e-4)
    assert space_of("qqp", sets=sets, mlm=True)["learning_rate"] == rates(2e-6, 5e-5)
    assert space_of("squad", sets=sets)["learning_rate"] == rates(5e-6, 1e-4)
    assert space_of("squad", sets=sets, mlm=True)["learning_rate"] == rates(4e-6, 6e-6)


def test_a_range_of_learning_rates_without_mlm_says_nothing_of_runs_with_it():
    """As `intermediate.learning_rate` does not; all other parameters are the same with MLM and without."""
    sets = ["search.ranges.intermediate.learning_rate={low: 1e-5, high: 5e-4}", "search.ranges.tasks.qqp.epochs=fixed"]
    assert space_of("qqp", sets=sets, mlm=True) == {"learning_rate": rates(1.5e-6, 1.5e-5)}
    fixed = ["search.ranges.intermediate.learning_rate_with_mlm=fixed"]
    assert list(space_of("qqp", sets=fixed, mlm=True)) == ["epochs"]
    assert list(space_of("qqp", sets=fixed)) == ["learning_rate", "epochs"]


def test_ranges_with_mlm_survive_yaml(tmp_path):
    config = apply_sets(demo(), ["search.ranges.tasks.multitask.learning_rate_with_mlm={low: 1e-6, high: 1e-4}"])
    path = tmp_path / "sweep.yaml"
    path.write_text(dump_yaml(config), encoding="utf-8")
    assert load_yaml(path, paper()).search.ranges.tasks["multitask"].learning_rate_with_mlm == rates(1e-6, 1e-4)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        (
            "tasks.xnli.learning_rate_with_mlm=fixed",
            "learning_rate_with_mlm of xnli: a target run mixes in neither tasks nor MLM",
        ),
        ("target.learning_rate_with_mlm=fixed", "unknown search.ranges.target field 'learning_rate_with_mlm'"),
        ("intermediate.learning_rate_with_mlm={low: 0, high: 1}", "learning_rate must be a number above 0, got 0.0"),
        ("intermediate.learning_rate_mlm=fixed", "did you mean 'learning_rate_with_mlm'"),
    ],
)
def test_bad_ranges_with_mlm_are_refused_on_load(text, message):
    with pytest.raises(ConfigError, match=re.escape(message)):
        apply_sets(demo(), [f"search.ranges.{text}"])


RATES = "{low: 1e-4, high: 5e-4}"


@pytest.mark.parametrize(
    ("row", "mlm", "given", "run", "remedy"),
    [
        ("squad", False, "learning_rate", "intermediate run squad: ", "tasks.squad.learning_rate"),
        ("squad", True, "learning_rate_with_mlm", "intermediate run squad+mlm: ", "tasks.squad.learning_rate_with_mlm"),
        ("multitask", False, "learning_rate", "intermediate run multitask: ", "tasks.multitask.learning_rate"),
    ],
)
def test_a_range_that_does_not_fit_names_the_run_and_where_to_set_another(row, mlm, given, run, remedy):
    members = MIXTURE if row == "multitask" else None
    with pytest.raises(ValueError, match=f"^{re.escape(run)}") as caught:
        space_of(row, mlm=mlm, members=members, sets=[f"search.ranges.intermediate.{given}={RATES}"])
    configured = "5e-06" if mlm else "1e-05"
    assert f"given the range 0.0001 to 0.0005, which does not contain the configured {configured}" in str(caught.value)
    assert str(caught.value).endswith(f". For this run alone that goes into search.ranges.{remedy}")


def test_a_range_of_targets_that_share_a_run_names_both():
    with pytest.raises(ValueError, match="target run xquad,mlqa: learning_rate: given") as caught:
        target_space("xquad", "mlqa", sets=[f"search.ranges.target.learning_rate={RATES}"])
    both = "search.ranges.tasks.xquad.learning_rate, search.ranges.tasks.mlqa.learning_rate"
    assert str(caught.value).endswith(f". For this run alone that goes into {both}")


def test_the_example_of_the_page_can_be_searched_on_the_published_grid(tmp_path):
    [example] = re.findall(r"^```yaml\n(.*?)^```", PAGE.read_text(encoding="utf-8"), re.DOTALL | re.MULTILINE)
    path = tmp_path / "sweep.yaml"
    path.write_text(example)
    config = apply_sets(load_yaml(path, paper()), SMALL)
    plan, _ = with_trials(build_plan(config, FakeData()), config.search)
    searched = {node.name for node in plan.nodes.values() if node.is_searched}
    assert searched >= {"squad #42", "squad+mlm #42", "multitask+mlm #42"}
    assert "learning_rate_with_mlm" in example
