"""The plan of rows that the paper does not have: chains, other languages, MLM alone, doses, adapters."""

from __future__ import annotations

from collections import Counter

import pytest

from search_spaces.config_file import apply_sets
from search_spaces.presets import paper
from search_spaces.resolve import target_languages
from sweep.planning.planner import build_phase_plan
from sweep.planning.trials import with_trials
from tests.made.data import SMALL, FakeData, node, plan
from tests.made.graphs import fields
from trainables.data.reading import files_of
from trainables.ledger.cells import Row
from trainables.ledger.plan import Plan
from trainables.ledger.recipe import DEFAULT_SIZES, Method, MethodKind
from trainables.ledger.spec import MlmLength, Phase

ROWS = "none,squad,panx@sw,panx@de+sw,mlm@sw,am,squad>panx@de,qqp/adapter,panx@sw:1000"
TARGETS = "grid.targets=xnli,panx"


def of(rows, *sets, data=None):
    """A plan without MLM beside tasks."""
    return plan(f"grid.intermediates={rows}", "grid.mlm=off", *sets, data=data)


def intermediates(found):
    return [n.name.removesuffix(" #42") for n in found.nodes.values() if n.spec.phase is Phase.INTERMEDIATE]


class Counted(FakeData):
    """Has 300 rows in every file."""

    def num_rows(self, source):
        return 300


def test_the_rows_of_the_issue_in_one_plan():
    found = of(ROWS, TARGETS)
    assert not found.without_data
    assert intermediates(found) == [
        "squad", "panx@sw", "panx@de+sw", "mlm@am+sw", "squad>panx@de", "qqp/adapter", "panx@sw:1000",
    ]  # fmt: skip
    assert Counter(n.spec.phase for n in found.nodes.values()) == {Phase.INTERMEDIATE: 7, Phase.TARGET: 16}
    assert len(found.cells) == 8 * 2
    assert {cell.row for cell in found.cells} == {n.row for n in found.nodes.values()}


def test_a_plan_with_all_of_them_is_read_back_as_it_was():
    found = of(ROWS, TARGETS)
    assert Plan.from_json(found.to_json()) == found


def test_ids_of_the_papers_rows_do_not_change_beside_others():
    alone, beside = plan("grid.targets=panx"), plan(f"grid.intermediates={ROWS},anli,ccg,csqa", "grid.targets=panx")
    kept = {cell: run for cell, run in beside.cells.items() if cell in alone.cells}
    assert len(kept) == 1 + 2 * 4
    assert kept.items() <= alone.cells.items()
    for run_id in kept.values():
        assert {run_id, *beside.ancestors(run_id)} <= alone.nodes.keys()


def test_the_papers_plan_has_the_ids_that_it_had_before_rows_were_recipes():
    """Worked out by the version before: a digest of all cells and runs."""
    assert plan().sweep == "715915ad70d2"
    sets = ["grid.intermediates=none,qqp,squad", "grid.targets=xnli,tatoeba,panx", "grid.seeds=1,2"]
    assert plan(*sets).sweep == "343a5bb30a48"


def test_a_prefix_that_rows_share_is_one_run_whatever_their_order():
    chains = ["squad", "squad>panx@de", "squad>panx@de>udpos@ta", "squad>panx@de>qqp"]
    one, other = of(",".join(chains), TARGETS), of(",".join(reversed(chains)), TARGETS)
    assert sorted(intermediates(one)) == sorted(chains)
    assert one.nodes.keys() == other.nodes.keys()
    seen = set()
    for run_id, it in other.nodes.items():
        assert set(it.parents) <= seen
        seen.add(run_id)


def test_a_chain_brings_its_first_stages_without_cells_of_their_own():
    found = of("squad>panx@de>udpos@ta", "grid.targets=xnli")
    first, second, third = (node(found, f"{name} #42") for name in ("squad", "squad>panx@de", "squad>panx@de>udpos@ta"))
    assert (first.spec.parent, second.spec.parent, third.spec.parent) == ("", first.run_id, second.run_id)
    [(cell, run_id)] = found.cells.items()
    assert cell.row == Row("squad>panx@de>udpos@ta", False)
    assert found.ancestors(run_id) == (third.run_id, second.run_id, first.run_id)
    assert first.run_id == node(of("squad", "grid.targets=xnli"), "squad #42").run_id


def test_the_spec_of_a_method_says_the_rate_that_it_trains_at():
    found = of("qqp,qqp/lora", "grid.targets=xnli", "intermediate.learning_rate=3e-5")
    rates = [node(found, f"{name} #42").spec.optimisation.learning_rate for name in ("qqp", "qqp/lora")]
    assert rates == [3e-5, 3e-4]
    target = of("none", "grid.targets=xnli", "target.method=lora", "target.learning_rate=1e-5")
    assert [each.spec.optimisation.learning_rate for each in target.nodes.values()] == [1e-4]


def test_every_seed_has_a_chain_of_its_own():
    found = of("squad>qqp", "grid.targets=xnli", "grid.seeds=1,2")
    for seed in (1, 2):
        assert node(found, f"squad>qqp #{seed}").spec.parent == node(found, f"squad #{seed}").run_id


def test_what_a_stage_says_is_in_its_run():
    found = of("panx@sw+de:500,panx:200steps,qqp/lora,qqp/lora16,qqp+mlm@sw,mlm@sw:90", "grid.targets=xnli")
    german = node(found, "panx@de+sw:500 #42").spec
    assert (german.data.train_languages, german.data.train_rows, german.steps) == (("de", "sw"), 500, 0)
    assert (node(found, "panx:200steps #42").spec.steps, german.method) == (200, None)
    methods = [node(found, f"qqp/{name} #42").spec.method for name in ("lora", "lora16")]
    assert methods == [Method(kind=MethodKind.LORA, size=size) for size in (DEFAULT_SIZES[MethodKind.LORA], 16)]
    beside, alone = node(found, "qqp+mlm@sw #42").spec, node(found, "mlm@sw:90 #42").spec
    assert (beside.tasks, beside.mlm.languages, beside.optimisation.learning_rate) == (("qqp",), ("sw",), 5e-6)
    assert (alone.tasks, alone.mlm.languages, alone.data.train_rows) == (("mlm",), ("sw",), 90)
    assert alone.data.train_languages == ()
    assert alone.mlm.length is MlmLength.CAPPED_SUM
    assert (alone.optimisation.batch_sizes, alone.optimisation.learning_rate) == ({"mlm": 8}, 5e-6)


def test_a_target_task_before_others_has_its_batch_and_epochs_and_the_learning_rate_of_intermediates():
    settings = node(of("panx@sw", "grid.targets=xnli"), "panx@sw #42").spec.optimisation
    assert (settings.batch_sizes, settings.epochs, settings.learning_rate) == ({"panx": 32}, 10, 1e-5)
    own = of(
        "panx@sw,mlm@sw", "grid.targets=xnli", "intermediate.tasks.panx.epochs=2", "intermediate.tasks.mlm.epochs=3"
    )
    assert node(own, "panx@sw #42").spec.optimisation.epochs == 2
    assert node(own, "mlm@sw #42").spec.optimisation.epochs == 3


@pytest.mark.parametrize(("cap", "rows"), [(0, 500), (800, 500), (200, 200)])
def test_the_smaller_of_dose_and_configured_cap_holds(cap, rows):
    found = of("panx@sw:500", "grid.targets=xnli", f"data.train_rows={cap}")
    [made] = [n for n in found.nodes.values() if n.spec.phase is Phase.INTERMEDIATE]
    assert made.spec.data.train_rows == rows


def test_files_are_those_of_the_training_languages():
    data = FakeData()
    of("panx@de+sw", "grid.targets=xnli", data=data)
    [read] = [paths for paths in data.fingerprinted if any("PAN-X" in path for path in paths)]
    assert read == [f"google/xtreme/PAN-X.{code}/{split}" for code in ("de", "sw") for split in ("train", "validation")]


def test_a_language_without_stopping_rows_gives_none_and_english_stands_in_where_there_are_none_at_all():
    data = FakeData("PAN-X.sw/validation")
    of("panx@de+sw,panx@sw", "grid.targets=xnli", data=data)
    read = [paths for paths in data.fingerprinted if any("PAN-X" in path for path in paths)]
    folder = "google/xtreme/PAN-X"
    assert read == [
        [f"{folder}.de/train", f"{folder}.de/validation", f"{folder}.sw/train"],
        [f"{folder}.en/validation", f"{folder}.sw/train"],
    ]


@pytest.mark.parametrize("absent", [(), ("PAN-X.sw/validation",), ("PAN-X.sw/validation", "PAN-X.de/validation")])
def test_runs_read_the_files_that_they_were_planned_with(absent):
    """A worker refuses rows with another fingerprint."""
    data = FakeData(*absent)
    german = "target.tasks.panx.train_languages=de,sw"
    found = of(f"{ROWS},multitask,squad+mlm@sw", "grid.targets=panx,xnli,tatoeba", german, data=data)
    assert len(found.nodes) > 30
    for it in found.nodes.values():
        files = sorted(files_of(it.spec, data, {}), key=lambda source: source.path)
        assert data.fingerprint(files) == it.spec.data.fingerprint, it.name


def test_rows_that_are_not_there_take_the_chain_with_them_and_nothing_else():
    found = of("squad,squad>panx@sw,squad>panx@sw>qqp,panx@de", "grid.targets=xnli", data=FakeData("PAN-X.sw/train"))
    assert intermediates(found) == ["squad", "panx@de"]
    assert {cell.intermediate for cell in found.without_data} == {"squad>panx@sw", "squad>panx@sw>qqp"}
    assert set(found.without_data.values()) == {
        "panx has no train rows: DIR/google/xtreme/PAN-X.sw/train.parquet does not exist"
    }


def test_a_first_stage_that_only_a_chain_without_rows_needs_is_not_planned():
    found = of("none,squad>panx@sw", "grid.targets=xnli", data=FakeData("PAN-X.sw/train"))
    assert intermediates(found) == []


def test_a_named_language_without_text_is_missing_and_a_configured_one_is_left_out():
    data = FakeData("20231101.am", "PAN-X.am")
    found = of("none,mlm@sw,am,qqp+mlm@am", "grid.targets=xnli", data=data)
    assert {str(cell.row): reason for cell, reason in found.without_data.items()} == {
        "mlm@am+sw": "MLM: no text in am", "qqp+mlm@am": "MLM: no text in am",
    }  # fmt: skip
    configured = of("mlm", "grid.targets=xnli", "mlm.languages=sw,de", data=FakeData("20231101.de", "PAN-X.de"))
    assert node(configured, "mlm #42").spec.mlm.languages == ("sw",)
    assert "MLM: no text in de; their share goes to the other languages" in configured.notes


def test_two_recipes_that_come_to_the_same_run_are_said_to():
    found = of("panx@sw,panx@sw:1000,mlm,mlm@sw", "grid.targets=xnli", "data.train_rows=500", "mlm.languages=sw")
    assert intermediates(found) == ["panx@sw", "mlm"]
    assert list(found.without_data.values()) == [
        "with these caps and languages panx@sw:1000 is the same run as panx@sw; leave one out",
        "with these caps and languages mlm@sw is the same run as mlm; leave one out",
    ]


def test_a_row_names_the_run_that_another_row_has_as_its_first_stage():
    found = of("panx@sw>qqp,panx@sw:1000", "grid.targets=xnli", "data.train_rows=500")
    assert not found.without_data
    assert intermediates(found) == ["panx@sw:1000", "panx@sw>qqp"]
    assert node(found, "panx@sw:1000 -> xnli #42").parents == (node(found, "panx@sw:1000 #42").run_id,)


def test_targets_are_trained_in_other_languages_where_they_have_rows():
    found = plan("grid.intermediates=none", "grid.targets=panx,xnli,tatoeba", "target.tasks.panx.train_languages=sw,de")
    assert node(found, "none -> panx #42").spec.data.train_languages == ("de", "sw")
    assert node(found, "none -> xnli #42").spec.data.train_languages == ()
    everywhere = plan("grid.intermediates=none", "grid.targets=panx,mlqa,tatoeba", "target.train_languages=sw")
    assert {cell.target for cell in everywhere.cells} == {"panx", "tatoeba"}
    assert set(everywhere.without_data.values()) == {"mlqa has no training rows in sw; it has them in en"}


def test_english_said_is_english_not_said():
    said = plan("grid.intermediates=none,squad@en", "grid.mlm=off", TARGETS, "target.train_languages=en")
    assert said == plan("grid.intermediates=none,squad", "grid.mlm=off", TARGETS)


def test_targets_that_share_a_fine_tuning_are_trained_in_the_same_languages():
    config = apply_sets(paper(), ["target.train_languages=sw", "target.tasks.xquad.train_languages=en"])
    with pytest.raises(ValueError, match="xquad and mlqa share one fine-tuning but differ in train_languages"):
        target_languages(config, ["xquad", "mlqa"])
    assert target_languages(config, ["xquad"]) == ()


def costs(*sets, rows="none", data=None):
    found = of(rows, "grid.targets=xnli", *sets, data=data or Counted())
    return {n.name.removesuffix(" #42"): n.cost for n in found.nodes.values()}


def test_costs_follow_rows_updates_and_methods():
    found = costs(rows="panx@sw,panx@de+sw,panx@de+sw:300,panx@sw:100,panx:7steps,panx:14steps,panx@sw/adapter")
    train = {name: cost - found["panx:7steps"] for name, cost in found.items()}
    assert train["panx@de+sw"] > train["panx@sw"] > train["panx@sw:100"] > 0
    assert found["panx@de+sw:300"] == pytest.approx(found["panx@sw"], rel=0.05)
    assert train["panx:14steps"] > 0
    assert found["panx@sw/adapter"] < found["panx@sw"]


def test_the_plan_names_the_controls_of_rows_in_other_languages():
    """300 rows a language in batches of 32 for ten epochs: 100 updates, 190 for two languages."""
    notes = of("panx@sw,panx@de+sw,squad>panx@sw:50,panx:600", "grid.targets=xnli", data=Counted()).notes
    [said] = [note for note in notes if "controls" in note]
    assert said == (
        "controls in English for rows in other languages: at equal rows panx:300, squad>panx:50; at equal updates "
        "panx:100steps, panx:190steps, squad>panx:20steps"
    )
    whole = of("panx@sw,panx:300,panx:100steps", "grid.targets=xnli", data=Counted())
    assert not [note for note in whole.notes if "controls" in note]
    mixed = plan("grid.intermediates=panx@sw,panx:300,panx:100steps", "grid.targets=xnli", data=Counted())
    assert [note for note in mixed.notes if "controls" in note and "panx:300" not in note]
    assert not [note for note in of("panx@sw", "grid.targets=xnli").notes if "controls" in note]  # nothing is counted


def test_a_stage_after_mlm_reads_and_leaves_the_whole_embedding_and_adapters_leave_little():
    found = of("qqp+mlm,qqp+mlm>panx@de,qqp>panx@de,qqp/adapter,qqp/adapter>panx@de", "grid.targets=xnli")
    model = {n.name: n.footprint.model for n in found.nodes.values()}
    assert model["qqp+mlm>panx@de #42"] == pytest.approx(model["qqp+mlm #42"], rel=0.01)
    assert model["qqp>panx@de #42"] < model["qqp+mlm>panx@de #42"] / 2
    assert model["qqp/adapter #42"] < 3_000_000 < model["qqp>panx@de #42"]
    small, large = node(found, "qqp/adapter>panx@de #42"), node(found, "qqp>panx@de #42")
    assert small.footprint.model < large.footprint.model  # adapters change no word


def test_intermediate_runs_alone_are_planned_with_their_first_stages():
    config = apply_sets(paper(), [*SMALL, "grid.intermediates=squad>panx@de,mlm@sw", "grid.mlm=off"])
    found, reasons = build_phase_plan(config, Phase.INTERMEDIATE, FakeData())
    assert [n.name for n in found.nodes.values()] == ["squad #42", "squad>panx@de #42", "mlm@sw #42"]
    assert reasons == ()


def test_searches_leave_out_what_has_no_dev_figure_and_what_changes_nothing():
    found, _ = with_trials(of("squad>panx@de,mlm@sw,panx:200steps", "grid.targets=xnli"), fields(3))
    trials = {n.name: n.trials for n in found.nodes.values() if n.spec.phase is Phase.INTERMEDIATE}
    assert trials == {"squad #42": 3, "squad>panx@de #42": 3, "mlm@sw #42": 1, "panx:200steps #42": 3}
    wide = apply_sets(paper(), ["search.intermediate=3"]).search
    found, _ = with_trials(of("panx@sw,panx:200steps", "grid.targets=xnli"), wide)
    assert set(node(found, "panx@sw #42").space) == {"learning_rate", "epochs"}
    assert set(node(found, "panx:200steps #42").space) == {"learning_rate"}


def test_targets_train_a_method_where_they_are_told_to_and_their_ids_say_so():
    plain, found = (of("qqp/lora", "grid.targets=xnli,tatoeba", *sets) for sets in ((), ("target.method=lora8",)))
    target, embeds, before = "qqp/lora -> xnli #42", "qqp/lora -> tatoeba #42", "qqp/lora #42"
    assert node(found, target).spec.method == Method(kind=MethodKind.LORA, size=8)
    assert node(plain, target).spec.method is None
    assert node(found, target).run_id != node(plain, target).run_id
    for same in (embeds, before):
        assert node(found, same).run_id == node(plain, same).run_id
