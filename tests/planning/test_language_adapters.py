"""The plan of rows that are measured with each language's own adapters (target.language_adapters)."""

from __future__ import annotations

import pytest

from sweep.planning.trials import with_trials
from tests.made.bills import bill
from tests.made.data import FakeData, node, plan
from tests.made.graphs import fields
from trainables.ledger.plan import Plan, resolve
from trainables.ledger.spec import Phase

ROW = "mlm@en/adapter>qqp/adapter"
ON = ["target.language_adapters=on", "target.method=adapter"]
FEW = "data.languages=en,de,sw"


def of(rows, targets, *sets, data=None):
    return plan(f"grid.intermediates={rows}", "grid.mlm=off", f"grid.targets={targets}", *sets, data=data)


def swaps(found, name):
    """Language -> name of the run whose adapters it is predicted with."""
    return {code: found.nodes[run_id].name for code, run_id in node(found, name).spec.swaps.items()}


def said(found):
    return [note for note in found.notes if "language adapters" in note or "language_adapters" in note]


def intermediates(found):
    return [n.name.removesuffix(" #42") for n in found.nodes.values() if n.spec.phase is Phase.INTERMEDIATE]


def test_every_evaluated_language_has_a_run_and_the_targets_share_them():
    found = of(f"none,{ROW}", "xnli,panx", FEW, *ON)
    assert intermediates(found) == ["mlm@en/adapter", ROW, "mlm@de/adapter", "mlm@sw/adapter"]
    for target in ("xnli", "panx"):
        assert swaps(found, f"{ROW} -> {target} #42") == {"de": "mlm@de/adapter #42", "sw": "mlm@sw/adapter #42"}
        assert node(found, f"none -> {target} #42").spec.swaps == {}
    assert said(found) == [
        "language adapters for 2 languages: de, sw; each is trained as mlm@en/adapter is, and its language is "
        "predicted with it in the place of that one"
    ]
    seen = set()
    for run_id, it in found.nodes.items():
        assert set(it.parents) <= seen
        seen.add(run_id)


def test_without_the_setting_ids_are_as_they_were_and_with_it_only_swapped_targets_have_others():
    off, on = (of(f"none,{ROW},qqp/adapter", "panx,tatoeba", "target.method=adapter", *s) for s in ((), ON[:1]))
    assert not said(off)
    changed = {on.nodes[run_id].name for run_id in on.nodes.keys() - off.nodes.keys()}
    languages = set(node(on, f"{ROW} -> panx #42").spec.swaps)
    assert changed == {f"{ROW} -> panx #42"} | {f"mlm@{code}/adapter #42" for code in languages}
    assert len(languages) == 39
    assert all("swaps" not in it.spec.to_dict() for it in off.nodes.values())


def test_doses_widths_and_seeds_are_those_of_the_first_stage():
    first = "mlm@en:90:20steps/adapter16"
    found = of(f"{first}>qqp/lora", "panx", FEW, *ON, "grid.seeds=1,2")
    for seed in (1, 2):
        assert swaps(found, f"{first}>qqp/lora -> panx #{seed}") == {
            "de": f"mlm@de:90:20steps/adapter16 #{seed}",
            "sw": f"mlm@sw:90:20steps/adapter16 #{seed}",
        }
    english, german = (node(found, f"mlm@{code}:90:20steps/adapter16 #1").spec for code in ("en", "de"))
    assert (german.steps, german.data.train_rows, german.method) == (20, 90, english.method)
    assert (german.optimisation, german.parent) == (english.optimisation, "")


def test_a_row_of_one_stage_is_swapped_and_a_row_that_is_another_ones_language_is_one_run():
    found = of("mlm@en/adapter,mlm@sw/adapter", "xnli", FEW, *ON)
    assert sorted(intermediates(found)) == ["mlm@de/adapter", "mlm@en/adapter", "mlm@sw/adapter"]
    assert swaps(found, "mlm@sw/adapter -> xnli #42") == {"en": "mlm@en/adapter #42", "de": "mlm@de/adapter #42"}


def test_the_language_of_the_configuration_is_a_language_too():
    found = of("mlm/adapter", "xnli", FEW, *ON, "mlm.languages=en")
    assert sorted(swaps(found, "mlm/adapter -> xnli #42")) == ["de", "sw"]


@pytest.mark.parametrize("method", ["lora", "adapter16"])
def test_any_method_of_the_targets_leaves_the_language_adapter_as_it_is(method):
    found = of(ROW, "xnli", FEW, ON[0], f"target.method={method}")
    assert len(swaps(found, f"{ROW} -> xnli #42")) == 2


@pytest.mark.parametrize(
    ("row", "target", "sets", "why"),
    [
        (ROW, "xnli", ON[:1], f"of {ROW} are not swapped: the target's run trains all weights"),
        ("mlm@en/adapter>qqp", "xnli", ON, "of mlm@en/adapter>qqp are not swapped: a later stage trains all weights"),
        ("mlm@en/adapter>mlm@de/adapter", "xnli", ON, "are not swapped: a later stage is MLM alone, too, on top of it"),
        (ROW, "tatoeba", ON, f"of {ROW} for tatoeba are not swapped: a target that trains nothing embeds all"),
        ("qqp/adapter", "xnli", ON, "on, but no row has an adapter of a language"),
        ("mlm@en/lora", "xnli", ON, "on, but no row has an adapter of a language"),
        ("mlm@en+sw/adapter", "xnli", ON, "on, but no row has an adapter of a language"),
        ("none,mlm@en", "xnli", ON, "on, but no row has an adapter of a language"),
    ],
)
def test_what_is_not_swapped_is_said_and_plans_as_without_the_setting(row, target, sets, why):
    found = of(row, target, FEW, *sets)
    [note] = said(found)
    assert why in note
    assert found.nodes.keys() == of(row, target, FEW, *sets[1:]).nodes.keys()


def test_a_language_without_text_is_predicted_with_the_rows_own_adapter_and_the_plan_says_so():
    found = of(ROW, "xnli", FEW, *ON, data=FakeData("20231101.sw", "PAN-X.sw"))
    assert swaps(found, f"{ROW} -> xnli #42") == {"de": "mlm@de/adapter #42"}
    assert said(found)[1] == "language adapters: no text for MLM in sw, predicted with that of mlm@en/adapter"


def test_a_language_without_rows_needs_no_adapter():
    found = of(ROW, "panx", FEW, *ON, data=FakeData("PAN-X.sw"))
    assert swaps(found, f"{ROW} -> panx #42") == {"de": "mlm@de/adapter #42"}


def test_stand_ins_are_one_note():
    found = of(ROW, "xnli", FEW, *ON, data=FakeData("wikimedia"))
    assert [note for note in found.notes if "stand in" in note] == [
        "MLM: no Wikipedia for en, de, sw; words of PAN-X stand in for it"
    ]


def test_such_a_plan_is_read_back_and_follows_winners():
    found, _ = with_trials(of(ROW, "xnli", FEW, *ON), fields(intermediate=3))
    assert Plan.from_json(found.to_json()) == found
    second, target = node(found, f"{ROW} #42"), node(found, f"{ROW} -> xnli #42")
    assert second.is_searched
    assert not any(found.nodes[run_id].is_searched for run_id in target.spec.swaps.values()), "MLM has no dev figure"
    won = second.spec.from_dict(second.spec.to_dict() | {"seed": 7})
    after = node(resolve(found, {second.run_id: won}), f"{ROW} -> xnli #42").spec
    assert (after.parent, after.swaps) == (won.run_id, target.spec.swaps)
    german = found.nodes[target.spec.swaps["de"]].spec
    other = german.from_dict(german.to_dict() | {"seed": 7})
    after = node(resolve(found, {german.run_id: other}), f"{ROW} -> xnli #42").spec
    assert after.swaps == {**target.spec.swaps, "de": other.run_id}


def test_the_bill_counts_them_and_the_critical_path_waits_for_them(store):
    found = of(ROW, "xnli", FEW, *ON)
    made = bill(found, store)
    added = [node(found, f"mlm@{code}/adapter #42").cost for code in ("de", "sw")]
    assert (made.language_adapters.runs, made.lots["intermediate"].runs) == (2, 4)
    assert made.language_adapters.seconds.expected == pytest.approx(sum(added))
    assert ["mlm@sw/adapter #42", f"{ROW} -> xnli #42"] in [[step.name for step in each.steps] for each in made.chains]
    assert bill(of(ROW, "xnli", FEW), store).language_adapters.runs == 0
