"""Races whose target runs are searched: decided half-way, from the same trials whatever the order; what is stopped."""

from __future__ import annotations

import pytest

from analysis.statistics.rows import points_of, read_rows
from sweep.cluster.summary import resolved
from tests.made.races import (
    GOOD_AND_BAD,
    ROWS,
    RULE,
    decisions,
    drive,
    graph_of,
    grid,
    row_of,
    searching,
)
from tests.made.rounds import race
from trainables.ledger.states import State


def searches_of(found):
    """Name of a node -> its search."""
    return {node.name: found.trials[node_id] for node_id, node in found.plan.nodes.items()
            if node.is_searched and node_id in found.trials}  # fmt: skip


def test_a_search_is_stopped_half_way_and_its_best_so_far_stands(store):
    plan = grid(ROWS, [("xnli",)], [1])
    found = graph_of(plan, store, search=searching(8, parallel=2))
    ended = drive(found, store, GOOD_AND_BAD)
    assert found.is_complete
    assert decisions(store) == [("qqp", "xnli", "squad", 1, True)]
    searches = searches_of(found)
    stopped = searches.pop("qqp -> xnli #1")
    assert 4 <= len(stopped.trials) < 8
    assert stopped.winner == max(stopped.trials, key=lambda trial: trial.value).run_id
    assert all(trial.state is State.DONE for trial in stopped.trials)
    assert all(len(search.trials) == 8 for search in searches.values())
    assert all(found.state(node_id) is State.DONE for node_id in plan.nodes)
    assert store.race().saved["target"] == 8 - len(stopped.trials)
    assert sum(row_of(name) == "qqp" for name in ended) == 1 + len(stopped.trials)
    again = graph_of(plan, store, search=searching(8, parallel=2))
    assert again.is_complete
    assert resolved(again) == resolved(found)


def test_a_larger_budget_decides_anew_and_a_lost_journal_is_made_good(store):
    plan = grid(ROWS, [("xnli",)], [1])
    drive(graph_of(plan, store, search=searching(4, parallel=1)), store, GOOD_AND_BAD)
    [first] = store.race().races[0].dropped
    larger = graph_of(plan, store, search=searching(8, parallel=1))
    drive(larger, store, GOOD_AND_BAD)
    assert larger.is_complete
    [second] = store.race().races[0].dropped
    assert store.race().races[0].trials == 8
    assert (first.dropped.contender, first.halfway) == (second.dropped.contender, second.halfway) == ("qqp", True)
    store.journal.unlink()
    again = graph_of(plan, store, search=searching(8, parallel=1))
    drive(again, store, GOOD_AND_BAD)
    assert again.is_complete
    assert all(again.state(node_id) is State.DONE for node_id in plan.nodes)


def test_trials_that_wait_for_room_when_their_search_is_stopped_never_start(store):
    plan = grid(ROWS, [("xnli",)], [1])
    found = graph_of(plan, store, search=searching(8, parallel=4))
    ended = drive(found, store, GOOD_AND_BAD, cpus=1)
    assert found.is_complete
    decided = max(ended.index(f"{row} -> xnli #1, trial {number}") for row in ROWS for number in range(4))
    assert not [name for name in ended[decided + 1 :] if row_of(name) == "qqp"]
    assert len(ended) == 2 + 8 + 8 + sum(name.startswith("qqp ->") for name in ended)


def test_half_way_the_first_half_of_the_trials_is_compared_whatever_else_is_told(store):
    """Trials end in another order than they were drawn; the decision is that of the first four."""
    plan = grid(ROWS, [("xnli",)], [1, 2])
    search = searching(8, parallel=4)
    found = graph_of(plan, store, search=search)
    drive(found, store, GOOD_AND_BAD, order=lambda live: live[-1])
    [decided] = store.race().races[0].dropped
    runs = {}
    for name, each in searches_of(found).items():
        if name.endswith("#1"):
            best = max((t for t in each.trials if t.number < 4), key=lambda t: (t.value, -t.number))
            runs[row_of(name)] = [read_rows(store, best.run_id, "xnli")]
    assert [decided.dropped] == race(points_of(runs), target="xnli", round=1, rounds=4, rule=RULE)


def test_half_is_counted_in_settings_whatever_failed_before(store):
    """QQP's two trials failed of what may pass; the next start asks for them first, among the six that it now has."""
    plan = grid(ROWS, [("xnli",)], [1])
    broken = GOOD_AND_BAD | {"qqp -> xnli": "broken"}
    drive(graph_of(plan, store, search=searching(2, parallel=1)), store, broken)
    found = graph_of(plan, store, search=searching(6, parallel=1))
    drive(found, store, GOOD_AND_BAD, cpus=1)
    assert found.is_complete
    assert decisions(store) == [("qqp", "xnli", "squad", 1, True)]
    stopped = searches_of(found)["qqp -> xnli #1"]
    assert [trial.number for trial in stopped.trials][:3] == [0, 1, 2]
    assert all(trial.value is not None for trial in stopped.trials)
    assert len(stopped.trials) < 6


def test_a_contender_whose_search_failed_is_made_whole_at_the_next_start(store):
    """What broke it has passed; the race that it left has held its rounds."""
    plan = grid(ROWS, [("xnli",)], [1])
    search = searching(4, parallel=1)
    drive(graph_of(plan, store, search=search), store, GOOD_AND_BAD | {"qqp -> xnli": "broken"})
    assert decisions(store) == []
    second = graph_of(plan, store, search=search)
    drive(second, store, GOOD_AND_BAD)
    assert second.is_complete
    assert all(second.state(node_id) is State.DONE for node_id in plan.nodes)


@pytest.mark.parametrize("lost", [True, False])
@pytest.mark.parametrize("killed_after", [8, 17, 30])
def test_decisions_made_in_a_search_stand_after_a_kill(store, killed_after, lost):
    plan = grid(ROWS, [("xnli",), ("panx",)], [1, 2])
    search = searching(4, intermediate=2, parallel=2)
    drive(graph_of(plan, store, search=search), store, GOOD_AND_BAD, most=killed_after, order=lambda live: live[-1])
    before = decisions(store) if (store.root / "race.json").exists() else []
    if lost:
        (store.root / "race.json").unlink(missing_ok=True)
    second = graph_of(plan, store, search=search)
    ended = drive(second, store, GOOD_AND_BAD)
    assert second.is_complete
    assert set(before) <= set(decisions(store)) == {("qqp", target, "squad", 1, True) for target in ("xnli", "panx")}
    assert not any(name.startswith("qqp") and "#2" in name for name in ended)
    winners = [each.winner for node_id, each in second.trials.items() if second.state(node_id) is State.DONE]
    assert winners
    assert all(map(store.is_finished, winners))
    assert store.race().saved["intermediate"] == 2
