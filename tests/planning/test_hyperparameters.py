"""The table of hyperparameters: what is made from it, and that one entry and one typed field add one everywhere."""

import dataclasses
import json
import subprocess
import sys
import typing
from collections.abc import Mapping
from pathlib import Path

import pytest

from search_spaces import config, published, search_fields
from search_spaces.fields import mixture_members
from search_spaces.hyperparameter_tables import mlm_table, training_table
from search_spaces.presets import PRESETS, preset
from search_spaces.resolve import intermediate_optimisation, mlm_settings, target_optimisation
from trainables.ledger.bounds import Bounds
from trainables.ledger.hyperparameters import HYPERPARAMETERS, of_section
from trainables.ledger.spec import DataRef, EncoderRef, MlmSettings, Optimisation, Phase, RunSpec

ROOT = Path(__file__).parents[2]
GOLDEN = json.loads((ROOT / "tests" / "golden" / "resolved_ids.json").read_text())
PAGE = (ROOT / "docs" / "configuration.md").read_text(encoding="utf-8")


def run_of(name, chosen):
    """The run of a golden name: an intermediate row, with `+mlm` or without, or targets that share a fine-tuning."""
    row, mlm = name.removesuffix("+mlm"), name.endswith("+mlm")
    common = {"encoder": EncoderRef(name="e", revision="r"), "data": DataRef(source="hub", fingerprint="f"), "seed": 1}
    if row not in {*published.INTERMEDIATE, "multitask"}:
        tasks = tuple(row.split(","))
        return RunSpec(phase=Phase.TARGET, tasks=tasks, optimisation=target_optimisation(chosen, tasks), **common)
    tasks = tuple(mixture_members()) if row == "multitask" else (row,)
    optimisation = intermediate_optimisation(chosen, row, tasks, mlm=mlm)
    text = mlm_settings(chosen, ["en", "de"], len(tasks)) if mlm else None
    return RunSpec(phase=Phase.INTERMEDIATE, tasks=tasks, optimisation=optimisation, mlm=text, **common)


@pytest.mark.parametrize("name", PRESETS)
def test_what_presets_resolve_to_stays_what_it_is(name):
    assert {run: run_of(run, preset(name)).run_id for run in GOLDEN[name]} == GOLDEN[name]


def test_shared_published_values_are_those_of_the_protocol():
    """Section 2.3 to 2.5 and 3.9."""
    values = {own.name: own.published for own in of_section("target") if own.published is not None}
    assert values == {
        "warmup_fraction": 0.1, "weight_decay": 0.01, "clip_norm": 1.0, "dev_rows": 500, "max_eval_interval": 1000,
        "evaluations": 20, "patience": 30, "precision": "fp32",
    }  # fmt: skip
    assert {own.name: own.published for own in of_section("mlm")} == {
        "sentences": 2_000_000, "alpha": 0.3, "mask_probability": 0.15, "batch_size": 8, "mixing_cap": 131_072,
    }  # fmt: skip


@pytest.mark.parametrize("own", HYPERPARAMETERS, ids=lambda own: f"{own.sections[0]}.{own.name}")
def test_every_entry_has_its_typed_field_and_the_published_value_as_default(own):
    if own.name == "batch_size":  # by task
        assert typing.get_type_hints(Optimisation)["batch_sizes"] == Mapping[str, int]
        return
    [part] = [part for part in (Optimisation, MlmSettings) if own.name in {f.name for f in dataclasses.fields(part)}]
    kind = typing.get_type_hints(part)[own.name]
    assert kind is ((int if own.whole else float) if isinstance(own.allowed, Bounds) else own.allowed)
    [field] = [field for field in dataclasses.fields(part) if field.name == own.name]
    assert field.default == (dataclasses.MISSING if own.published is None else own.published)


def test_every_field_of_a_spec_that_is_a_number_has_its_entry():
    names = {own.name for own in HYPERPARAMETERS}
    for part in (Optimisation, MlmSettings):
        numbers = {name for name, kind in typing.get_type_hints(part).items() if kind in (int, float)}
        assert numbers <= names


def test_sections_hold_what_the_table_says():
    shared = [
        "learning_rate", "epochs", "batch_size", "warmup_fraction", "weight_decay", "clip_norm", "max_length",
        "dev_rows", "max_eval_interval", "evaluations", "patience", "precision",
    ]  # fmt: skip
    assert list(config.TrainingFields.model_fields) == [*shared, "train_languages"]
    assert set(config.IntermediateTraining.model_fields) == {*shared, "learning_rate_with_mlm"}
    searched = {"learning_rate", "epochs", "batch_size", "warmup_fraction", "weight_decay"}
    assert set(search_fields.TargetRanges.model_fields) == searched
    assert set(search_fields.IntermediateRanges.model_fields) == {*searched, "learning_rate_with_mlm", "mixing_cap"}


@pytest.mark.parametrize("table", [training_table, mlm_table])
def test_the_page_has_the_table(table):
    assert table() in PAGE, f"docs/configuration.md needs this table:\n{table()}"


@pytest.mark.parametrize(
    ("bounds", "words", "inside", "outside"),
    [
        (Bounds(low=0, open=True), "a number above 0", [1e-9, 5], [0, -1, float("inf"), float("nan")]),
        (Bounds(low=0, high=1), "a number from 0 to 1", [0, 0.5, 1], [-0.1, 1.1]),
        (Bounds(low=0, high=1, open=True), "a number between 0 and 1", [0.5], [0, 1]),
        (Bounds(low=8, high=512, whole=True), "a whole number from 8 to 512", [8, 512], [7, 513, 8.5]),
        (Bounds(low=1, whole=True), "a whole number of at least 1", [1, 2.0], [0, 1.5]),
    ],
)
def test_bounds_hold_what_they_say(bounds, words, inside, outside):
    assert str(bounds) == words
    assert all(map(bounds.hold, inside))
    assert not any(map(bounds.hold, outside))


# one entry and one typed field

ADDED = """
import dataclasses
from trainables.ledger import hyperparameters
from trainables.ledger.bounds import SHARE

entry = hyperparameters.Hyperparameter(
    name="label_smoothing", allowed=SHARE, published=0.0, searchable=True, meaning="share given to other labels"
)
hyperparameters.HYPERPARAMETERS += (entry,)

from trainables.ledger import spec

@dataclasses.dataclass(frozen=True, kw_only=True)
class Optimisation(spec.Optimisation):
    label_smoothing: float = hyperparameters.published("target")["label_smoothing"]

spec.Optimisation = Optimisation
spec.RunSpec.__annotations__["optimisation"] = Optimisation | None
"""
USED = """
import json, sys
from pathlib import Path
import pytest
from search_spaces.config_file import ConfigError, apply_sets, dump_yaml, load_yaml
from search_spaces.hyperparameter_tables import training_table
from search_spaces.presets import paper
from search_spaces.resolve import target_optimisation
from trainables.ledger.space import assign, assigned
from trainables.ledger.spec import DataRef, EncoderRef, Phase, RunSpec

file = Path(sys.argv[1])
file.write_text(
    "target: {label_smoothing: 1e-1, tasks: {pawsx: {label_smoothing: 0.3}}}\\n"
    "search: {ranges: {target: {label_smoothing: {low: 0, high: 0.4}}}}\\n"
)
config = load_yaml(file, paper())
file.write_text(dump_yaml(config))
assert load_yaml(file, paper()) == config

def run(config, task):
    return RunSpec(phase=Phase.TARGET, tasks=(task,), optimisation=target_optimisation(config, [task]), seed=1,
                   encoder=EncoderRef(name="e", revision="r"), data=DataRef(source="hub", fingerprint="f"))

runs = {task: run(config, task) for task in ("xnli", "pawsx")}
assert {task: it.optimisation.label_smoothing for task, it in runs.items()} == {"xnli": 0.1, "pawsx": 0.3}
assert RunSpec.from_dict(runs["xnli"].to_dict()) == runs["xnli"]
own = runs["xnli"].optimisation
space = config.search.space(own, phase=Phase.TARGET, tasks=("xnli",), mlm=False)
assert list(space) == ["learning_rate", "epochs", "label_smoothing"]
assert assigned(assign(own, {"label_smoothing": 0.2}), space)["label_smoothing"] == 0.2
with pytest.raises(ConfigError, match=r"label_smoothing: given 2; allowed: a number from 0 to 1"):
    apply_sets(paper(), ["target.label_smoothing=2"])
with pytest.raises(ValueError, match="label_smoothing must be a number from 0 to 1, got 1.5"):
    assign(own, {"label_smoothing": 1.5})
assert "| `label_smoothing` | share given to other labels | a number from 0 to 1 | 0 | yes |" in training_table()
print(json.dumps({"published": run(paper(), "xnli").run_id, "set": runs["xnli"].run_id}))
"""


def test_an_entry_and_a_typed_field_are_all_it_takes(tmp_path):
    """In a process of its own, since models are made from the table when they are imported."""
    command = [sys.executable, "-c", ADDED + USED, str(tmp_path / "sweep.yaml")]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    ids = json.loads(done.stdout)
    assert ids["published"] == GOLDEN["paper"]["xnli"]
    assert ids["set"] != ids["published"]
