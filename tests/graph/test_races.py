"""Races inside the graph: what waits, what is dropped, what stands; on predictions of known quality."""

from __future__ import annotations

import dataclasses
import json
import random

import pytest

from analysis.statistics.rows import points_of, read_rows
from sweep.planning.courses import courses_of
from tests.made import graphs
from tests.made.races import (
    GOOD_AND_BAD,
    ROWS,
    RULE,
    compute,
    decisions,
    drive,
    graph_of,
    grid,
    searching,
)
from tests.made.rounds import race
from trainables.ledger.errors import LedgerError
from trainables.ledger.race import Rule
from trainables.ledger.states import State
from trainables.ledger.store import Store


def test_a_beaten_intermediate_gets_no_further_seeds_and_the_others_do(store):
    plan = grid(ROWS, [("xnli",), ("panx",)], [1, 2, 3])
    found = graph_of(plan, store)
    ended = drive(found, store, GOOD_AND_BAD)
    assert found.is_complete
    assert {name for name in ended if name.startswith("qqp")} == {"qqp #1", "qqp -> xnli #1", "qqp -> panx #1"}
    assert len(ended) == len(set(ended)) == 3 * (2 + 3) + 3
    assert decisions(store) == [("qqp", "xnli", "squad", 1, False), ("qqp", "panx", "squad", 1, False)]
    states = {node.name: found.state(node_id) for node_id, node in plan.nodes.items()}
    assert {name for name, state in states.items() if state is State.DROPPED} == {
        f"qqp{child} #{seed}" for child in ("", " -> xnli", " -> panx") for seed in (2, 3)
    }
    assert store.race().saved == {"intermediate": 2, "target": 4, "retrieval": 0}


def test_decisions_are_those_of_the_statistics_on_the_predictions(store):
    plan = grid(ROWS, [("xnli",)], [1, 2])
    drive(graph_of(plan, store), store, GOOD_AND_BAD)
    points = points_of(
        {str(cell.row): [read_rows(store, run_id, "xnli")] for cell, run_id in plan.cells.items() if cell.seed == 1}
    )
    assert [each.dropped for each in store.race().races[0].dropped] == race(
        points, target="xnli", round=1, rounds=2, rule=RULE
    )


def test_no_seed_starts_before_its_round_is_decided(store):
    """The contender that is still computing may yet lead, so all wait for it; other targets do not."""
    plan = grid(ROWS, [("xnli",), ("panx",)], [1, 2])
    ended = drive(graph_of(plan, store), store, GOOD_AND_BAD, order=lambda live: sorted(live)[-1])
    for target in ("xnli", "panx"):
        last_of_first = max(ended.index(f"{row} -> {target} #1") for row in ROWS)
        assert all(ended.index(f"{row} -> {target} #2") > last_of_first for row in ("none", "squad"))


def test_targets_race_independently(store):
    """QQP is beaten on XNLI alone: it is trained again for the other target."""
    plan = grid(ROWS, [("xnli",), ("panx",)], [1, 2])
    ended = drive(graph_of(plan, store), store, GOOD_AND_BAD | {"qqp -> panx": 0.8})
    assert ("qqp", "xnli", "squad", 1, False) in decisions(store)
    assert "qqp -> xnli #2" not in ended
    assert {"qqp #2", "qqp -> panx #2"} <= set(ended)


def test_the_baseline_is_never_dropped(store):
    plan = grid(ROWS, [("xnli",)], [1, 2])
    ended = drive(graph_of(plan, store), store, {"none": 0.2, "squad": 0.9, "qqp": 0.5})
    assert decisions(store) == [("qqp", "xnli", "squad", 1, False)]
    assert "none -> xnli #2" in ended


@pytest.mark.parametrize(("mlqa", "goes_on"), [(0.8, True), (0.3, False)])
def test_a_shared_fine_tuning_goes_on_while_one_of_its_targets_wants_it(store, mlqa, goes_on):
    plan = grid(ROWS, [("xquad", "mlqa")], [1, 2])
    ended = drive(graph_of(plan, store), store, GOOD_AND_BAD | {"qqp -> mlqa": mlqa})
    assert ("qqp", "xquad", "squad", 1, False) in decisions(store)
    assert ("qqp -> xquad,mlqa #2" in ended) is goes_on
    assert ("qqp #2" in ended) is goes_on


def test_a_contender_that_failed_leaves_the_race_and_the_others_go_on(store):
    plan = grid([*ROWS, "ccg", "csqa"], [("xnli",)], [1, 2])
    found = graph_of(plan, store)
    ended = drive(found, store, GOOD_AND_BAD | {"ccg": "broken", "csqa": 0.7, "csqa -> xnli": "broken"})
    assert decisions(store) == [("qqp", "xnli", "squad", 1, False)]
    assert "squad -> xnli #2" in ended
    assert found.is_complete
    states = {node.name: found.state(node_id) for node_id, node in plan.nodes.items()}
    assert states["ccg -> xnli #1"] is State.BLOCKED
    assert states["csqa -> xnli #1"] is State.FAILED
    assert states["qqp -> xnli #2"] is State.DROPPED


@pytest.mark.parametrize("killed_after", [1, 6, 11])
@pytest.mark.parametrize("lost", [True, False])
def test_a_driver_that_is_killed_decides_the_same_later(store, tmp_path, killed_after, lost):
    """With its record or without; an undisturbed sweep elsewhere says what is right."""
    plan = grid(ROWS, [("xnli",), ("bucc",)], [1, 2, 3])
    other = Store(tmp_path / "other").prepare()
    drive(graph_of(plan, other), other, GOOD_AND_BAD)
    drive(graph_of(plan, store), store, GOOD_AND_BAD, most=killed_after)
    if lost:
        (store.root / "race.json").unlink(missing_ok=True)
    second = graph_of(plan, store)
    drive(second, store, GOOD_AND_BAD)
    assert second.is_complete
    assert store.run_ids() == other.run_ids()
    plain = [[dataclasses.replace(each, at="") for race in place.race().races for each in race.dropped]
             for place in (store, other)]  # fmt: skip
    assert plain[0] == plain[1]
    assert len(plain[0]) == 2
    third = graph_of(plan, store)
    assert third.is_complete


def test_decisions_of_the_same_race_stand_and_those_of_another_rule_do_not(store):
    plan = grid(ROWS, [("xnli",)], [1, 2])
    drive(graph_of(plan, store), store, GOOD_AND_BAD)
    first = (store.root / "race.json").read_text()
    assert graph_of(plan, store).is_complete
    assert (
        json.loads(first)["races"][0]["dropped"]
        == json.loads((store.root / "race.json").read_text())["races"][0]["dropped"]
    )
    strict = graph_of(plan, store, rule=Rule(seed_sd=60.0))
    assert not strict.is_complete
    assert {"qqp #2", "qqp -> xnli #2"} == set(drive(strict, store, GOOD_AND_BAD))
    assert decisions(store) == []


@pytest.mark.parametrize("content", ["", "[]", "{}", '{"format": 9}', '{"format": 1, "rule": {"alpha": 2}}'])
def test_a_record_that_is_none_is_named(store, content):
    (store.root / "race.json").write_text(content)
    with pytest.raises(LedgerError, match=r"race\.json is not the record of a race"):
        graph_of(grid(ROWS, [("xnli",)], [1, 2]), store)


def test_rows_that_cannot_be_had_end_the_race_of_their_target_alone(store):
    plan = grid(ROWS, [("xnli",), ("panx",)], [1, 2])
    gone = next(id_ for id_, node in plan.nodes.items() if node.name == "squad -> xnli #1")
    for node in plan.nodes.values():
        if node.name.endswith("#1"):
            compute(store, node, GOOD_AND_BAD)
    store.fetch(gone, "predictions/xnli.parquet").unlink()
    ended = drive(graph_of(plan, store), store, GOOD_AND_BAD)
    assert {f"{row} -> xnli #2" for row in ROWS} <= set(ended)
    assert "qqp -> panx #2" not in ended
    why = {race.target: race.why_none for race in store.race().races}
    assert f"run {gone}" in why["xnli"]
    assert not why["panx"]


@pytest.mark.parametrize("times", [1, 4])
def test_a_full_disk_when_a_drop_is_noted_ends_nothing(store, monkeypatch, caplog, times):
    """There are four rounds. What is not written after the first is after the second, else when the sweep ends."""
    attempts = []
    save = Store.save_race

    def full(self, record):
        attempts.append(record)
        if len(attempts) <= times:
            raise OSError(28, "No space left on device")
        save(self, record)

    plan = grid(ROWS, [("xnli",), ("panx",)], [1, 2])
    found, keeper = graphs.kept_graph(plan, store, searching(0), rule=RULE)
    monkeypatch.setattr(Store, "save_race", full)
    ended = drive(found, store, GOOD_AND_BAD)
    assert found.is_complete
    assert {f"{row} -> {target} #2" for row in ("none", "squad") for target in ("xnli", "panx")} <= set(ended)
    assert caplog.text.count("No space left on device") == times
    kept = [("qqp", "xnli", "squad", 1, False), ("qqp", "panx", "squad", 1, False)]
    assert decisions(store) == (kept if times == 1 else [])
    keeper.keep(found)
    assert decisions(store) == kept
    assert graph_of(plan, store).is_complete


def test_before_its_first_round_a_race_of_another_rule_does_not_stand_any_more(store):
    """A driver that is killed here leaves no drop that nobody has decided."""
    plan = grid(ROWS, [("xnli",)], [1, 2])
    drive(graph_of(plan, store), store, GOOD_AND_BAD)
    assert decisions(store)
    larger = grid(ROWS, [("xnli",)], [3, 4])
    graphs.kept_graph(larger, store, searching(0), rule=Rule(alpha=0.01))
    assert decisions(store) == []
    assert (store.race().rule, store.race().seeds) == (Rule(alpha=0.01), (3, 4))


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
    with pytest.raises(ValueError, match=f"{message}.*--seeds, or --search target=N"):
        courses_of(graphs.searched(plan, searching(target)))


@pytest.mark.parametrize("shuffle", range(3))
def test_the_order_in_which_runs_end_changes_nothing(store, shuffle):
    plan = grid([*ROWS, "ccg"], [("xnli",), ("xquad", "mlqa"), ("tatoeba",)], [1, 2, 3])
    draw = random.Random(shuffle)
    quality = GOOD_AND_BAD | {"ccg": 0.72, "ccg -> tatoeba": 0.4}
    ended = drive(graph_of(plan, store), store, quality, order=draw.choice)
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
        own = Store(tmp_path / place).prepare()
        drive(
            graph_of(plan, own, rule=Rule(seed_sd=4.0)), own, quality,
            order=lambda live, prefer=prefer: sorted(live, key=lambda id_: plan.nodes[id_].name[0] != "q")[prefer],
        )  # fmt: skip
        plain.append([dataclasses.replace(each, at="") for each in own.race().races[0].dropped])
    assert plain[0] == plain[1]
    assert [(each.dropped.contender, each.dropped.round) for each in plain[0]] == [("qqp", 1), ("ccg", 2)]
