"""What the presets without a GPU hold."""

from collections import Counter

from search_spaces.presets import demo, grid_demo, preset
from sweep.planning.planner import build_plan
from trainables.ledger.spec import Phase


def test_the_demo_measures_every_target_in_three_rows_with_two_seeds():
    plan = build_plan(demo())
    rows = ["none", "anli", "squad"]
    assert len(plan.cells) == len(rows) * 9 * 2
    assert {str(cell.row) for cell in plan.cells} == set(rows)
    assert {cell.seed for cell in plan.cells} == {42, 43}
    # XQuAD and MLQA share a run; the baseline's retrieval is computed for each seed
    phases = Counter(node.spec.phase for node in plan.nodes.values())
    assert phases == {Phase.INTERMEDIATE: 2 * 2, Phase.TARGET: 6 * len(rows) * 2, Phase.RETRIEVAL: 2 * len(rows) * 2}
    assert not plan.without_data


def test_the_whole_grid_on_the_built_in_corpus_is_as_large_as_the_papers():
    plan = build_plan(grid_demo())
    assert len(plan.cells) == 153
    assert not plan.without_data


def test_a_preset_is_found_by_the_name_it_has():
    assert [preset(name).name for name in ("demo", "grid-demo", "quick", "paper")] == [
        "demo", "grid-demo", "quick", "paper",
    ]  # fmt: skip
