"""Races inside the graph: what waits, what is dropped, what stands; on predictions of known quality."""

from __future__ import annotations

import dataclasses
import json
import random

import pytest

from analysis.cells import RACE_FILE, AnalysisError
from analysis.races import read_race
from analysis.racing import Rule, race
from analysis.row_scores import points_of, read_rows
from sweep.budget import counted
from sweep.plan_file import write_text
from sweep.races import check_races
from sweep.run import JOURNAL_FILE
from sweep.scheduler import RunState
from sweep.studies import TrialState
from tests.race_fixtures import GOOD_AND_BAD, ROWS, RULE, compute, drive, grid, row_of, scheduler, searching
from tests.test_searches import sweep_of
from trainables.store import LocalStore


@pytest.fixture
def store(tmp_path):
    return LocalStore(tmp_path / "store").prepare()


def decisions(store):
    return [
        (each.dropped.contender, race.target, each.dropped.leader, each.seed, each.halfway)
        for race in read_race(store.root).races
        for each in race.dropped
    ]


def test_a_beaten_intermediate_gets_no_further_seeds_and_the_others_do(store):
    plan = grid(ROWS, [("xnli",), ("panx",)], [1, 2, 3])
    found = scheduler(plan, store)
    ended = drive(found, store, GOOD_AND_BAD)
    assert found.is_complete
    assert {name for name in ended if name.startswith("qqp")} == {"qqp #1", "qqp -> xnli #1", "qqp -> panx #1"}
    assert len(ended) == len(set(ended)) == 3 * (2 + 3) + 3
    assert decisions(store) == [("qqp", "xnli", "squad", 1, False), ("qqp", "panx", "squad", 1, False)]
    states = {node.name: found.state(node_id) for node_id, node in plan.nodes.items()}
    assert {name for name, state in states.items() if state is RunState.DROPPED} == {
        f"qqp{child} #{seed}" for child in ("", " -> xnli", " -> panx") for seed in (2, 3)
    }
    assert read_race(store.root).saved == {"intermediate": 2, "target": 4, "retrieval": 0}


def test_decisions_are_those_of_the_statistics_on_the_predictions(store):
    plan = grid(ROWS, [("xnli",)], [1, 2])
    drive(scheduler(plan, store), store, GOOD_AND_BAD)
    points = points_of(
        {cell.row: [read_rows(store, run_id, "xnli")] for cell, run_id in plan.cells.items() if cell.seed == 1}
    )
    assert [each.dropped for each in read_race(store.root).races[0].dropped] == race(
        points, target="xnli", round=1, rounds=2, rule=RULE
    )


def test_no_seed_starts_before_its_round_is_decided(store):
    """The contender that is still computing may yet lead, so all wait for it; other targets do not."""
    plan = grid(ROWS, [("xnli",), ("panx",)], [1, 2])
    ended = drive(scheduler(plan, store), store, GOOD_AND_BAD, order=lambda live: sorted(live)[-1])
    for target in ("xnli", "panx"):
        last_of_first = max(ended.index(f"{row} -> {target} #1") for row in ROWS)
        assert all(ended.index(f"{row} -> {target} #2") > last_of_first for row in ("none", "squad"))


def test_targets_race_independently(store):
    """QQP is beaten on XNLI alone: it is trained again for the other target."""
    plan = grid(ROWS, [("xnli",), ("panx",)], [1, 2])
    ended = drive(scheduler(plan, store), store, GOOD_AND_BAD | {"qqp -> panx": 0.8})
    assert ("qqp", "xnli", "squad", 1, False) in decisions(store)
    assert "qqp -> xnli #2" not in ended
    assert {"qqp #2", "qqp -> panx #2"} <= set(ended)


def test_the_baseline_is_never_dropped(store):
    plan = grid(ROWS, [("xnli",)], [1, 2])
    ended = drive(scheduler(plan, store), store, {"none": 0.2, "squad": 0.9, "qqp": 0.5})
    assert decisions(store) == [("qqp", "xnli", "squad", 1, False)]
    assert "none -> xnli #2" in ended


@pytest.mark.parametrize(("mlqa", "goes_on"), [(0.8, True), (0.3, False)])
def test_a_shared_fine_tuning_goes_on_while_one_of_its_targets_wants_it(store, mlqa, goes_on):
    plan = grid(ROWS, [("xquad", "mlqa")], [1, 2])
    ended = drive(scheduler(plan, store), store, GOOD_AND_BAD | {"qqp -> mlqa": mlqa})
    assert ("qqp", "xquad", "squad", 1, False) in decisions(store)
    assert ("qqp -> xquad,mlqa #2" in ended) is goes_on
    assert ("qqp #2" in ended) is goes_on


def test_a_contender_that_failed_leaves_the_race_and_the_others_go_on(store):
    plan = grid([*ROWS, "ccg", "csqa"], [("xnli",)], [1, 2])
    found = scheduler(plan, store)
    ended = drive(found, store, GOOD_AND_BAD | {"ccg": "broken", "csqa": 0.7, "csqa -> xnli": "broken"})
    assert decisions(store) == [("qqp", "xnli", "squad", 1, False)]
    assert "squad -> xnli #2" in ended
    assert found.is_complete
    states = {node.name: found.state(node_id) for node_id, node in plan.nodes.items()}
    assert states["ccg -> xnli #1"] is RunState.BLOCKED
    assert states["csqa -> xnli #1"] is RunState.FAILED
    assert states["qqp -> xnli #2"] is RunState.DROPPED


@pytest.mark.parametrize("killed_after", [1, 6, 11])
@pytest.mark.parametrize("lost", [True, False])
def test_a_driver_that_is_killed_decides_the_same_later(store, tmp_path, killed_after, lost):
    """With its record or without; an undisturbed sweep elsewhere says what is right."""
    plan = grid(ROWS, [("xnli",), ("bucc",)], [1, 2, 3])
    other = LocalStore(tmp_path / "other").prepare()
    drive(scheduler(plan, other), other, GOOD_AND_BAD)
    drive(scheduler(plan, store), store, GOOD_AND_BAD, most=killed_after)
    if lost:
        (store.root / RACE_FILE).unlink(missing_ok=True)
    second = scheduler(plan, store)
    drive(second, store, GOOD_AND_BAD)
    assert second.is_complete
    assert store.run_ids() == other.run_ids()
    plain = [[dataclasses.replace(each, at="") for race in read_race(place.root).races for each in race.dropped]
             for place in (store, other)]  # fmt: skip
    assert plain[0] == plain[1]
    assert len(plain[0]) == 2
    third = scheduler(plan, store)
    assert third.is_complete


def test_decisions_of_the_same_race_stand_and_those_of_another_rule_do_not(store):
    plan = grid(ROWS, [("xnli",)], [1, 2])
    drive(scheduler(plan, store), store, GOOD_AND_BAD)
    first = (store.root / RACE_FILE).read_text()
    assert scheduler(plan, store).is_complete
    assert (
        json.loads(first)["races"][0]["dropped"]
        == json.loads((store.root / RACE_FILE).read_text())["races"][0]["dropped"]
    )
    strict = scheduler(plan, store, rule=Rule(seed_sd=60.0))
    assert not strict.is_complete
    assert {"qqp #2", "qqp -> xnli #2"} == set(drive(strict, store, GOOD_AND_BAD))
    assert decisions(store) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 9}', '{"format": 1, "rule": {"alpha": 2}}'])
def test_a_record_that_is_none_is_named(store, content):
    (store.root / RACE_FILE).write_text(content)
    with pytest.raises(AnalysisError, match=r"race\.json is not the record of a race"):
        scheduler(grid(ROWS, [("xnli",)], [1, 2]), store)


def test_rows_that_cannot_be_had_end_the_race_of_their_target_alone(store):
    plan = grid(ROWS, [("xnli",), ("panx",)], [1, 2])
    gone = next(id_ for id_, node in plan.nodes.items() if node.name == "squad -> xnli #1")
    for node in plan.nodes.values():
        if node.name.endswith("#1"):
            compute(store, node, GOOD_AND_BAD)
    store.fetch(gone, "predictions/xnli.parquet").unlink()
    ended = drive(scheduler(plan, store), store, GOOD_AND_BAD)
    assert {f"{row} -> xnli #2" for row in ROWS} <= set(ended)
    assert "qqp -> panx #2" not in ended
    why = {race.target: race.why_none for race in read_race(store.root).races}
    assert f"run {gone}" in why["xnli"]
    assert not why["panx"]


def test_a_search_is_stopped_half_way_and_its_best_so_far_stands(store):
    plan = grid(ROWS, [("xnli",)], [1])
    found = scheduler(plan, store, search=searching(8, parallel=2))
    ended = drive(found, store, GOOD_AND_BAD)
    assert found.is_complete
    assert decisions(store) == [("qqp", "xnli", "squad", 1, True)]
    searches = {search.node.name: search for search in found.searches.values() if search.study}
    stopped = searches.pop("qqp -> xnli #1")
    assert stopped.stopped
    assert 4 <= len(stopped.trials) < 8
    assert stopped.best.value == max(trial.value for trial in stopped.trials)
    assert all(trial.state is TrialState.DONE for trial in stopped.trials)
    assert all(len(search.trials) == 8 for search in searches.values())
    assert all(found.state(node_id) is RunState.DONE for node_id in plan.nodes)
    assert read_race(store.root).saved["target"] == 8 - len(stopped.trials)
    assert sum(row_of(name) == "qqp" for name in ended) == 1 + len(stopped.trials)
    again = scheduler(plan, store, search=searching(8, parallel=2))
    assert again.is_complete
    assert again.resolved() == found.resolved()


def test_a_larger_budget_decides_anew_and_a_lost_journal_is_made_good(store):
    plan = grid(ROWS, [("xnli",)], [1])
    drive(scheduler(plan, store, search=searching(4, parallel=1)), store, GOOD_AND_BAD)
    [first] = read_race(store.root).races[0].dropped
    larger = scheduler(plan, store, search=searching(8, parallel=1))
    drive(larger, store, GOOD_AND_BAD)
    assert larger.is_complete
    [second] = read_race(store.root).races[0].dropped
    assert read_race(store.root).races[0].trials == 8
    assert (first.dropped.contender, first.halfway) == (second.dropped.contender, second.halfway) == ("qqp", True)
    (store.root / JOURNAL_FILE).unlink()
    again = scheduler(plan, store, search=searching(8, parallel=1))
    drive(again, store, GOOD_AND_BAD)
    assert again.is_complete
    assert all(again.state(node_id) is RunState.DONE for node_id in plan.nodes)


def test_trials_that_wait_for_room_when_their_search_is_stopped_never_start(store):
    plan = grid(ROWS, [("xnli",)], [1])
    found = scheduler(plan, store, search=searching(8, parallel=4))
    ended = drive(found, store, GOOD_AND_BAD, cpus=1)
    assert found.is_complete
    decided = max(ended.index(f"{row} -> xnli #1, trial {number}") for row in ROWS for number in range(4))
    assert not [name for name in ended[decided + 1 :] if row_of(name) == "qqp"]
    assert len(ended) == 2 + 8 + 8 + sum(name.startswith("qqp ->") for name in ended)


def test_half_way_the_first_half_of_the_trials_is_compared_whatever_else_is_told(store):
    """Trials end in another order than they were drawn; the decision is that of the first four."""
    plan = grid(ROWS, [("xnli",)], [1, 2])
    search = searching(8, parallel=4)
    found = scheduler(plan, store, search=search)
    drive(found, store, GOOD_AND_BAD, order=lambda live: live[-1])
    [decided] = read_race(store.root).races[0].dropped
    runs = {}
    for each in found.searches.values():
        if each.base.seed == 1 and each.study:
            best = max((t for t in each.trials if t.number < 4), key=lambda t: (t.value, -t.number))
            runs[row_of(each.node.name)] = [read_rows(store, best.run_id, "xnli")]
    assert [decided.dropped] == race(points_of(runs), target="xnli", round=1, rounds=4, rule=RULE)


def test_half_is_counted_in_settings_not_in_attempts(store):
    """QQP's two trials failed; the next start tries them again, beyond the six that it is now to have."""
    plan = grid(ROWS, [("xnli",)], [1])
    broken = GOOD_AND_BAD | {"qqp -> xnli": "broken"}
    drive(scheduler(plan, store, search=searching(2, parallel=1)), store, broken)
    found = scheduler(plan, store, search=searching(6, parallel=1))
    drive(found, store, GOOD_AND_BAD, cpus=1)
    assert found.is_complete
    assert decisions(store) == [("qqp", "xnli", "squad", 1, True)]
    [stopped] = [search for search in found.searches.values() if search.stopped]
    assert stopped.node.name == "qqp -> xnli #1"
    assert [trial.number for trial in stopped.trials][:3] == [0, 1, 4]
    assert all(trial.value is not None for trial in stopped.trials)
    assert len(stopped.trials) < 6


@pytest.mark.parametrize("times", [1, 4])
def test_a_full_disk_when_a_drop_is_noted_ends_nothing(store, monkeypatch, caplog, times):
    """There are four rounds. What is not written after the first is after the second, else when the sweep ends."""
    attempts = []

    def full(path, text):
        attempts.append(path)
        if len(attempts) <= times:
            raise OSError(28, "No space left on device")
        write_text(path, text)

    plan = grid(ROWS, [("xnli",), ("panx",)], [1, 2])
    sweep = sweep_of(plan, store)
    sweep.search(searching(0), RULE)
    monkeypatch.setattr("sweep.races.write_text", full)
    ended = drive(sweep._searches, store, GOOD_AND_BAD)
    assert sweep._searches.is_complete
    assert {f"{row} -> {target} #2" for row in ("none", "squad") for target in ("xnli", "panx")} <= set(ended)
    assert caplog.text.count("No space left on device") == times
    kept = [("qqp", "xnli", "squad", 1, False), ("qqp", "panx", "squad", 1, False)]
    assert decisions(store) == (kept if times == 1 else [])
    sweep.keep_searches()
    assert decisions(store) == kept
    assert scheduler(plan, store).is_complete


@pytest.mark.parametrize(
    ("rows", "groups", "seeds", "target", "message"),
    [
        (ROWS, [("xnli",)], [1], 0, "one round only"),
        (ROWS, [("xnli",)], [1], 1, "one round only"),
        (ROWS, [("tatoeba",)], [1], 8, "one round only"),
        (["none"], [("xnli",)], [1, 2], 0, "one row only"),
    ],
)
def test_nothing_to_race_for_is_said_before_anything_runs(rows, groups, seeds, target, message):
    plan = grid(rows, groups, seeds)
    trials = counted(plan, searching(target))
    with pytest.raises(ValueError, match=f"{message}.*--seeds, or --search target=N"):
        check_races(plan, trials)


@pytest.mark.parametrize("shuffle", range(3))
def test_the_order_in_which_runs_end_changes_nothing(store, shuffle):
    plan = grid([*ROWS, "ccg"], [("xnli",), ("xquad", "mlqa"), ("tatoeba",)], [1, 2, 3])
    draw = random.Random(shuffle)
    quality = GOOD_AND_BAD | {"ccg": 0.72, "ccg -> tatoeba": 0.4}
    ended = drive(scheduler(plan, store), store, quality, order=draw.choice)
    assert set(decisions(store)) == {
        ("qqp", "xnli", "squad", 1, False), ("qqp", "xquad", "squad", 1, False), ("qqp", "mlqa", "squad", 1, False),
        ("qqp", "tatoeba", "squad", 1, False), ("ccg", "tatoeba", "squad", 1, False),
    }  # fmt: skip
    assert len(ended) == (2 * 3 + 1) + (3 * 3 + 1) + (3 * 3 + 1) + (2 * 3 + 2)


def test_further_runs_of_a_dropped_row_that_another_target_wants_decide_nothing(store, tmp_path):
    """QQP goes on for MLQA; whether its second seed ends early or late, XQuAD's second round is the same."""
    plan = grid([*ROWS, "ccg"], [("xquad", "mlqa")], [1, 2, 3])
    quality = GOOD_AND_BAD | {"qqp -> mlqa": 0.8, "ccg": 0.72, "ccg -> xquad": 0.62}
    plain = []
    for place, prefer in (("early", 0), ("late", -1)):
        own = LocalStore(tmp_path / place).prepare()
        drive(
            scheduler(plan, own, rule=Rule(seed_sd=4.0)), own, quality,
            order=lambda live, prefer=prefer: sorted(live, key=lambda id_: plan.nodes[id_].name[0] != "q")[prefer],
        )  # fmt: skip
        plain.append([dataclasses.replace(each, at="") for each in read_race(own.root).races[0].dropped])
    assert plain[0] == plain[1]
    assert [(each.dropped.contender, each.dropped.round) for each in plain[0]] == [("qqp", 1), ("ccg", 2)]


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize("killed_after", [8, 17, 30])
def test_decisions_made_in_a_search_stand_after_a_kill(store, killed_after, lost):
    plan = grid(ROWS, [("xnli",), ("panx",)], [1, 2])
    search = searching(4, intermediate=2, parallel=2)
    drive(scheduler(plan, store, search=search), store, GOOD_AND_BAD, most=killed_after, order=lambda live: live[-1])
    before = decisions(store) if (store.root / RACE_FILE).exists() else []
    if lost:
        (store.root / RACE_FILE).unlink(missing_ok=True)
    second = scheduler(plan, store, search=search)
    ended = drive(second, store, GOOD_AND_BAD)
    assert second.is_complete
    assert set(before) <= set(decisions(store)) == {("qqp", target, "squad", 1, True) for target in ("xnli", "panx")}
    assert not any(name.startswith("qqp") and "#2" in name for name in ended)
    assert all(store.is_finished(run_id) for id_, run_id in winners(second) if second.state(id_) is RunState.DONE)
    assert read_race(store.root).saved["intermediate"] == 2


def winners(found):
    return [(node_id, search.best.run_id) for node_id, search in found.searches.items()]
