"""Run specs: identity, round trip, and what they refuse."""

import dataclasses
import json
from pathlib import Path

import pytest

from tests.made.specs import INTERMEDIATE, RETRIEVAL, SPECS, TARGET
from trainables.ledger.recipe import Method, MethodKind
from trainables.ledger.spec import (
    DataRef,
    EncoderRef,
    HiddenStates,
    MlmLength,
    MlmSettings,
    Optimisation,
    Retrieval,
    RunSpec,
)

FOLDER = Path(__file__).parents[1] / "golden"
GOLDEN = json.loads((FOLDER / "run_ids.json").read_text())
OLD = json.loads((FOLDER / "specs.json").read_text())
"""Specs as the records of the first stores hold them."""


@pytest.mark.parametrize("name", SPECS)
def test_ids_stay_what_they_are(name):
    assert SPECS[name].run_id == GOLDEN[name]


@pytest.mark.parametrize("name", SPECS)
def test_specs_of_the_first_stores_load_and_are_written_the_same(name):
    assert RunSpec.from_dict(OLD[name]) == SPECS[name]
    assert SPECS[name].to_dict() == OLD[name]


@pytest.mark.parametrize("name", SPECS)
def test_a_spec_survives_json(name):
    again = RunSpec.from_dict(json.loads(json.dumps(SPECS[name].to_dict())))
    assert again == SPECS[name]
    assert again.run_id == SPECS[name].run_id


def test_the_id_does_not_depend_on_the_order_of_a_mapping():
    assert INTERMEDIATE.optimisation
    turned = dataclasses.replace(INTERMEDIATE.optimisation, batch_sizes={"mlm": 8, "qqp": 24})
    assert dataclasses.replace(INTERMEDIATE, optimisation=turned).canonical_json() == INTERMEDIATE.canonical_json()


def test_whole_numbers_and_floats_are_one_value_in_fields_that_hold_floats():
    assert INTERMEDIATE.optimisation
    as_float = dataclasses.replace(INTERMEDIATE.optimisation, epochs=3.0)
    assert dataclasses.replace(INTERMEDIATE, optimisation=as_float).run_id == INTERMEDIATE.run_id


def test_canonical_json_has_no_spaces_and_sorted_keys():
    text = RETRIEVAL.canonical_json()
    keys = list(json.loads(text))
    assert keys == sorted(keys)
    assert " " not in text


@pytest.mark.parametrize(
    "change",
    [
        {"seed": 43},
        {"parent": ""},
        {"tasks": ("xquad",)},
        {"encoder": EncoderRef(name="bundled:6", revision="other")},
        {"data": dataclasses.replace(TARGET.data, fingerprint="other")},
        {"data": dataclasses.replace(TARGET.data, languages=("en",))},
    ],
)
def test_whatever_changes_the_result_changes_the_id(change):
    assert dataclasses.replace(TARGET, **change).run_id != TARGET.run_id


def test_a_run_that_scores_its_own_hidden_state_alone_is_the_run_it_always_was():
    one, every = (
        dataclasses.replace(RETRIEVAL, retrieval=dataclasses.replace(RETRIEVAL.retrieval, layers=layers))
        for layers in HiddenStates
    )
    assert one.run_id == GOLDEN["retrieval"]
    assert one.to_dict() == OLD["retrieval"]
    assert every.to_dict()["retrieval"] == OLD["retrieval"]["retrieval"] | {"layers": "all"}
    assert every.run_id != one.run_id
    again = RunSpec.from_dict(json.loads(every.canonical_json()))
    assert again == every
    assert again.retrieval.layers is HiddenStates.ALL


def test_an_unknown_field_is_named_with_the_nearest_known_one():
    fields = RETRIEVAL.to_dict() | {"sead": 1}
    with pytest.raises(ValueError, match=r"unknown RunSpec field 'sead'; did you mean 'seed'\? known: phase"):
        RunSpec.from_dict(fields)


def test_an_unknown_field_of_a_part_is_an_error_too():
    fields = TARGET.to_dict()
    fields["optimisation"]["learning_rat"] = 1.0
    with pytest.raises(ValueError, match="did you mean 'learning_rate'"):
        RunSpec.from_dict(fields)


def test_a_missing_field_is_an_error():
    fields = RETRIEVAL.to_dict()
    del fields["encoder"]
    with pytest.raises(ValueError, match="encoder"):
        RunSpec.from_dict(fields)


@pytest.mark.parametrize(
    ("build", "message"),
    [
        (lambda: dataclasses.replace(TARGET, optimisation=None), "optimisation belongs to every phase but retrieval"),
        (lambda: dataclasses.replace(RETRIEVAL, retrieval=None), "retrieval settings belong to the retrieval phase"),
        (lambda: dataclasses.replace(TARGET, mlm=INTERMEDIATE.mlm), "MLM is co-trained in the intermediate phase"),
        (lambda: dataclasses.replace(INTERMEDIATE, tasks=("mlm",), mlm=None), "MLM alone needs the settings of MLM"),
        (lambda: dataclasses.replace(RETRIEVAL, steps=5), "steps and method belong to runs that train"),
        (lambda: dataclasses.replace(RETRIEVAL, tasks=()), "at least one task"),
        (lambda: MlmSettings(languages=()), "at least one language"),
        (lambda: MlmSettings(languages=("en",), alpha=1.5), "alpha must be a number from 0 to 1, got 1.5"),
        (lambda: Retrieval(layer=-1), "layer must be a whole number of at least 0, got -1"),
        (
            lambda: DataRef(source="hub", fingerprint="", train_rows=-1),
            "train_rows must be a whole number of at least 0, got -1",
        ),
        (
            lambda: Optimisation(learning_rate=0.0, epochs=1, batch_sizes={"qqp": 1}, max_length=128),
            "learning_rate must be a number above 0, got 0.0",
        ),
        (
            lambda: Optimisation(learning_rate=float("nan"), epochs=1, batch_sizes={"qqp": 1}, max_length=128),
            "learning_rate must be a number above 0, got nan",
        ),
        (
            lambda: Optimisation(learning_rate=1e-5, epochs=1, batch_sizes={"qqp": 0}, max_length=128),
            "batch size of qqp must be a whole number of at least 1, got 0",
        ),
        (
            lambda: Optimisation(learning_rate=1e-5, epochs=1, batch_sizes={"qqp": 1}, max_length=8193),
            "max_length must be a whole number from 8 to 8192, got 8193",
        ),
    ],
)
def test_values_that_no_run_can_have_are_refused(build, message):
    with pytest.raises(ValueError, match=message):
        build()


def test_enumerations_are_read_from_their_names():
    fields = INTERMEDIATE.to_dict()
    fields["mlm"]["length"] = "capped_sum"
    spec = RunSpec.from_dict(fields)
    assert spec.mlm
    assert spec.mlm.length is MlmLength.CAPPED_SUM


# an id survives a new field


@dataclasses.dataclass(frozen=True, kw_only=True)
class Adapter:
    """A part that no spec has yet."""

    width: int
    dropout: float = 0.1


def later(base, *fields):
    return dataclasses.make_dataclass(base.__name__, fields, bases=(base,), frozen=True, kw_only=True)


LaterOptimisation = later(Optimisation, ("label_smoothing", float, 0.0), ("tied", tuple[str, ...] | None, None))
LaterParts = {
    "encoder": later(EncoderRef, ("adapters", bool, False)),
    "data": later(DataRef, ("shuffled", bool, False)),
    "optimisation": LaterOptimisation,
    "mlm": later(MlmSettings, ("whole_words", bool, False)),
    "retrieval": later(Retrieval, ("centred", bool, False)),
}
LaterSpec = later(
    RunSpec,
    *((name, part if name in ("encoder", "data") else part | None, dataclasses.field(default=None))
      for name, part in LaterParts.items()),
    ("adapter", Adapter | None, None),
    ("notes", tuple[str, ...], dataclasses.field(default_factory=tuple)),
)  # fmt: skip
CHANGES = {
    "spec": {"adapter": {"width": 8, "dropout": 0.1}},
    "encoder": {"adapters": True},
    "data": {"shuffled": True},
    "optimisation": {"label_smoothing": 0.1, "tied": ["embedding", "head"]},
    "mlm": {"whole_words": True},
    "retrieval": {"centred": True},
}


@pytest.mark.parametrize("name", SPECS)
def test_an_old_spec_keeps_its_id_when_fields_are_added(name):
    spec = LaterSpec.from_dict(OLD[name])
    assert spec.run_id == GOLDEN[name]
    assert spec.to_dict() == OLD[name]
    assert spec.notes == ()
    assert all(isinstance(getattr(spec, part), kind | None) for part, kind in LaterParts.items())


@pytest.mark.parametrize("part", CHANGES)
def test_a_later_field_with_another_value_is_another_run(part):
    name = "retrieval" if part == "retrieval" else "intermediate"
    old = OLD[name]
    changed = old | CHANGES[part] if part == "spec" else old | {part: old[part] | CHANGES[part]}
    spec = LaterSpec.from_dict(changed)
    assert spec.run_id != GOLDEN[name]
    again = LaterSpec.from_dict(json.loads(json.dumps(spec.to_dict())))
    assert again == spec
    assert again.run_id == spec.run_id


def test_a_later_field_that_is_given_its_default_is_the_old_run():
    old = OLD["intermediate"]
    given = old | {
        "notes": [],
        "adapter": None,
        "optimisation": old["optimisation"] | {"label_smoothing": 0, "tied": None},
    }
    assert LaterSpec.from_dict(given).run_id == GOLDEN["intermediate"]


def test_whole_numbers_of_later_fields_that_hold_floats_are_floats_too():
    old = OLD["intermediate"]
    ids = {
        LaterSpec.from_dict(old | {"optimisation": old["optimisation"] | {"label_smoothing": value}}).run_id
        for value in (1, 1.0)
    }
    assert len(ids) == 1


def test_today_s_specs_say_which_fields_of_later_ones_they_do_not_know():
    fields = OLD["target"] | {"optimisation": OLD["target"]["optimisation"] | {"label_smoothing": 0.1}}
    with pytest.raises(ValueError, match="unknown Optimisation field 'label_smoothing'"):
        RunSpec.from_dict(fields)


def test_language_adapters_are_of_target_runs_that_leave_them_as_they_are():
    method = Method(kind=MethodKind.ADAPTER, size=48)
    plain = dataclasses.replace(TARGET, parent="0123456789ab", method=method)
    swapped = dataclasses.replace(plain, swaps={"sw": "9d98b8e9fb3f", "de": "3da054d8b6aa"})
    assert "swaps" not in plain.to_dict()
    assert swapped.run_id != plain.run_id
    assert swapped.parents == ("0123456789ab", "9d98b8e9fb3f", "3da054d8b6aa")
    assert RunSpec.from_dict(json.loads(json.dumps(swapped.to_dict()))) == swapped
    turned = dataclasses.replace(plain, swaps=dict(reversed(swapped.swaps.items())))
    assert turned.run_id == swapped.run_id
    for changes in ({"method": None}, {"parent": ""}):
        with pytest.raises(ValueError, match="swapped in target runs with a method and a parent, got phase target"):
            dataclasses.replace(swapped, **changes)
    with pytest.raises(ValueError, match="got phase intermediate"):
        dataclasses.replace(INTERMEDIATE, method=method, parent="0123456789ab", swaps={"sw": "9d98b8e9fb3f"})


def test_an_id_is_computed_once():
    spec = dataclasses.replace(TARGET)
    assert spec.run_id is spec.run_id
    assert spec == TARGET
