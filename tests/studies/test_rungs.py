"""Rungs: where trials are compared, by which pruner, and how a report tells it."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from analysis.report.brief import body
from analysis.report.searches import searches_section
from search_spaces.config_file import ConfigError, apply_sets, dump_yaml, load_yaml
from search_spaces.presets import demo
from search_spaces.search_fields import PRUNERS, SearchFields
from sweep.studies.rungs import RUNGS, figures, make_pruner
from trainables.ledger.cells import Row
from trainables.ledger.record import DevPoint
from trainables.ledger.spec import Phase
from trainables.ledger.states import State
from trainables.ledger.studies import StudyResult, Trial


def points(*pairs):
    return [DevPoint(step=step, selection=value, metrics={}) for step, value in pairs]


@pytest.mark.parametrize(
    ("curve", "planned", "expected"),
    [
        ([], 80, {}),
        ([(9, 40.0)], 80, {}),  # 9/80 is short of an eighth
        ([(10, 40.0)], 80, {1: 40.0}),
        ([(9, 45.0), (11, 40.0)], 80, {1: 45.0}),  # the best up to there
        ([(27, 40.0), (54, 50.0)], 80, {1: 40.0, 2: 40.0, 3: 50.0, 4: 50.0, 5: 50.0}),
        ([(4, math.nan), (5, 30.0), (6, math.inf)], 8, dict.fromkeys(range(1, 6), 30.0)),
        ([(8, 30.0)], 8, dict.fromkeys(range(1, 8), 30.0)),
    ],
)
def test_a_rung_is_reached_at_the_first_evaluation_at_or_after_its_fraction(curve, planned, expected):
    assert figures(points(*curve), planned) == expected


def test_a_run_that_stopped_early_keeps_its_figure_at_later_rungs():
    curve = points((3, 50.0), (6, 40.0))
    assert figures(curve, 16) == {1: 50.0, 2: 50.0, 3: 50.0}
    assert figures(curve, 16, ended=True) == dict.fromkeys(range(1, RUNGS), 50.0)
    assert figures([], 16, ended=True) == {}


@given(
    values=st.lists(st.floats(0, 100), min_size=1, max_size=24),
    times=st.integers(1, 50),
    ended=st.booleans(),
)
def test_figures_depend_on_fractions_and_not_on_steps(values, times, ended):
    short = points(*enumerate(values, start=1))
    long = points(*((step * times, value) for step, value in enumerate(values, start=1)))
    assert figures(short, 24, ended=ended) == figures(long, 24 * times, ended=ended)


def test_an_unknown_pruner_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown pruning 'meidan'; did you mean 'median'"):
        make_pruner("meidan", startup=5, trials=8)


# store, configuration, report


def test_a_broken_note_counts_as_none(store, caplog):
    folder = store.root / "runs" / "abc"
    folder.mkdir(parents=True)
    assert store.pruned("abc") is None
    for content in ("{", "[]", '{"run_id": "abc"}'):
        (folder / "pruned.json").write_text(content)
        assert store.pruned("abc") is None
    assert "not the note of a pruned run" in caplog.text


@pytest.mark.parametrize("name", PRUNERS)
def test_pruning_is_chosen_by_name(name, tmp_path):
    config = apply_sets(demo(), [f"search.pruning={name}"])
    assert config.search.pruning == name
    (tmp_path / "by_hand.yaml").write_text(f"search:\n  pruning: {name}\n")
    (tmp_path / "dumped.yaml").write_text(dump_yaml(config))
    assert load_yaml(tmp_path / "by_hand.yaml", demo()) == load_yaml(tmp_path / "dumped.yaml", demo()) == config
    assert demo().search.pruning == "off"
    assert SearchFields.model_validate({"pruning": False}).pruning == "off"


@pytest.mark.parametrize(
    ("given", "message"),
    [
        ("meidan", "unknown pruning 'meidan'; did you mean 'median'? known: off, median, hyperband"),
        ("on", "unknown pruning 'on'"),
        ("3", "unknown pruning '3'; known: off, median, hyperband"),
    ],
)
def test_an_unknown_pruning_is_refused(given, message):
    with pytest.raises(ConfigError) as caught:
        apply_sets(demo(), [f"search.pruning={given}"])
    assert "search.pruning" in str(caught.value)
    assert message in str(caught.value)


def test_the_report_counts_pruned_trials_and_says_where_each_ended():
    reason = "pruned at 3/8 of training: 41.2, median 55.0"
    trial = Trial(number=0, params={"epochs": 2}, run_id="r0", state=State.DONE, value=61.0)
    behind = Trial(number=1, params={"epochs": 2}, run_id="r1", state=State.PRUNED, reason=reason)
    study = StudyResult(
        node="r0", name="squad", row=Row("squad", False), phase=Phase.INTERMEDIATE, tasks=("squad",), mlm=False,
        seed=1, winner="r0", gain=0.0, importances={}, trials=(trial, behind),
    )  # fmt: skip
    text = body(searches_section([study]))
    assert "| squad | 2 | 1 | 0 | 0 | epochs 2 | 61.0 | +0.0 | – |" in text
    assert f"| 1 | 2 | pruned | `r1`: {reason} |" in text
