"""What a search may vary: default ranges of protocol.md 2.6, ranges of the user, and settings drawn from them."""

import csv
import dataclasses
import math
import re
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.config_file import ConfigError, apply_sets, dump_yaml, load_yaml
from search_spaces.presets import demo, paper
from search_spaces.ranges import space
from search_spaces.search_fields import SearchFields
from tests.made.spaces import MIXTURE, space_of, target_space
from trainables.ledger.space import FIXED, PARAMETERS, Choices, Interval, assign, assigned
from trainables.ledger.spec import Optimisation, Phase

TABLES = Path(__file__).parents[2] / "analysis" / "published"
QQP = Optimisation(learning_rate=1e-5, epochs=3, batch_sizes={"qqp": 24}, max_length=256)


def bounds(found):
    return {name: (own.low, own.high, own.log, own.whole) for name, own in found.items()}


# defaults


def test_an_intermediate_run_varies_learning_rate_and_epochs_as_the_protocol_suggests():
    assert bounds(space_of("qqp")) == {"learning_rate": (3e-6, 3e-5, True, False), "epochs": (1, 6, False, True)}


def test_with_mlm_the_learning_rates_lie_around_half_the_published_one():
    low, high, log, _ = bounds(space_of("qqp", mlm=True))["learning_rate"]
    assert (low, high, log) == (1.5e-6, 1.5e-5, True)
    assert low / 5e-6 == pytest.approx(3e-6 / 1e-5)
    assert high / 5e-6 == pytest.approx(3e-5 / 1e-5)


def test_a_target_run_varies_learning_rate_and_epochs_as_the_protocol_suggests():
    assert bounds(target_space("xnli")) == {"learning_rate": (1e-6, 2e-5, True, False), "epochs": (1, 4, False, True)}


def test_epochs_go_to_twice_the_value_of_table_3_and_the_mixture_to_twice_its_own():
    with (TABLES / "table3_intermediate.csv").open(encoding="utf-8", newline="") as file:
        rows = {row["task"]: float(row["epochs"]) for row in csv.DictReader(file) if row["epochs"]}
    names = {"CCG": "ccg", "CommonsenseQA": "csqa", "Cosmos QA": "cosmosqa", "HellaSwag": "hellaswag", "SQuAD": "squad"}
    for title, name in names.items():
        assert bounds(space_of(name))["epochs"] == (1, 2 * rows[title], False, True)
    mixture = space_of("multitask", members=MIXTURE)
    assert bounds(mixture)["epochs"] == (1, 2 * rows["Multi-task"], False, True)


def test_a_setting_outside_the_default_gets_a_range_around_itself():
    found = bounds(space_of("qqp", sets=["intermediate.learning_rate=2e-4", "intermediate.epochs=20"]))
    low, high, log, _ = found["learning_rate"]
    assert (low, high, log) == (pytest.approx(2e-4 / 3), pytest.approx(6e-4), True)
    assert found["epochs"] == (7, 60, False, True)  # 20 / 3 rounded up to a whole epoch


def test_part_of_an_epoch_is_varied_without_rounding():
    low, high, _, whole = bounds(target_space("xnli", sets=["target.epochs=0.5"]))["epochs"]
    assert (low, high, whole) == (pytest.approx(1 / 6), 1.5, False)


@given(
    rate=st.floats(1e-8, 1.0),
    epochs=st.one_of(st.integers(1, 200), st.floats(0.01, 200)),
    phase=st.sampled_from([Phase.INTERMEDIATE, Phase.TARGET]),
    mlm=st.booleans(),
)
def test_every_setting_lies_inside_its_default_range(rate, epochs, phase, mlm):
    task = "qqp" if phase is Phase.INTERMEDIATE else "xnli"
    setting = dataclasses.replace(QQP, learning_rate=rate, epochs=float(epochs), batch_sizes={task: 8})
    found = SearchFields().space(setting, phase=phase, tasks=(task,), mlm=mlm and phase is Phase.INTERMEDIATE)
    assert list(found) == ["learning_rate", "epochs"]
    assert found["learning_rate"].low <= rate <= found["learning_rate"].high
    assert found["epochs"].low <= epochs <= found["epochs"].high
    assert found["epochs"].whole == float(epochs).is_integer()


def test_the_demo_can_be_searched_as_it_is():
    assert space_of("qqp", config=demo())["learning_rate"].contains(2e-4)
    assert target_space("xquad", "mlqa", config=demo())["learning_rate"].contains(3e-4)


def test_retrieval_has_nothing_to_search():
    with pytest.raises(ValueError, match="retrieval phase, which trains nothing; allowed: intermediate, target"):
        SearchFields().space(QQP, phase=Phase.RETRIEVAL, tasks=("bucc",), mlm=False)


# ranges of the user


def test_the_range_of_a_task_beats_that_of_the_phase_and_that_beats_the_default():
    sets = [
        "search.ranges.intermediate.epochs={low: 2, high: 9}",
        "search.ranges.intermediate.weight_decay={choices: [0, 0.01]}",
        "search.ranges.tasks.qqp.epochs={low: 3, high: 4}",
    ]
    qqp, squad = space_of("qqp", sets=sets), space_of("squad", sets=sets)
    assert bounds({"epochs": qqp["epochs"]})["epochs"] == (3, 4, False, True)
    assert bounds({"epochs": squad["epochs"]})["epochs"] == (2, 9, False, True)
    assert qqp["weight_decay"].choices == (0, 0.01)
    assert qqp["learning_rate"] == space_of("qqp")["learning_rate"]


def test_a_fixed_parameter_is_not_searched():
    assert list(space_of("qqp", sets=["search.ranges.tasks.qqp.epochs=fixed"])) == ["learning_rate"]
    fixed = ["search.ranges.target.epochs=fixed", "search.ranges.target.learning_rate=fixed"]
    assert target_space("xnli", sets=fixed) == {}


def test_the_order_of_parameters_does_not_depend_on_how_they_were_given():
    sets = ["warmup_fraction={low: 0, high: 0.5}", "batch_size={choices: [24, 48]}", "mixing_cap={low: 1, high: 2e6}"]
    forth = space_of("qqp", mlm=True, sets=[f"search.ranges.intermediate.{text}" for text in sets])
    back = space_of("qqp", mlm=True, sets=[f"search.ranges.tasks.qqp.{text}" for text in reversed(sets)])
    assert list(forth) == list(back)
    assert list(forth) == ["learning_rate", "epochs", "batch_size", "warmup_fraction", "mixing_cap"]


def test_the_mixing_cap_is_searched_only_where_something_is_mixed():
    sets = ["search.ranges.intermediate.mixing_cap={low: 16384, high: 524288, log: on}"]
    assert "mixing_cap" not in space_of("qqp", sets=sets)
    assert "mixing_cap" in space_of("qqp", sets=sets, mlm=True)
    assert "mixing_cap" in space_of("multitask", sets=sets, members=MIXTURE)


def test_a_range_without_the_configured_value_names_both():
    with pytest.raises(ValueError, match="learning_rate") as caught:
        space_of("qqp", sets=["search.ranges.tasks.qqp.learning_rate={low: 1e-7, high: 1e-6}",
            "search.ranges.tasks.qqp.epochs={choices: [1, 2]}"])  # fmt: skip
    text = str(caught.value)
    assert "given the range 1e-07 to 1e-06, which does not contain the configured 1e-05" in text
    assert "epochs: given the range one of 1, 2, which does not contain the configured 3" in text


def test_half_an_epoch_is_not_among_whole_numbers():
    with pytest.raises(ValueError, match=r"range 1 to 3 in whole numbers, which does not contain the configured 1\.5"):
        target_space("xnli", sets=["target.epochs=1.5", "search.ranges.target.epochs={low: 1, high: 3}"])


def test_one_batch_size_for_a_mixture_of_batch_sizes_is_refused():
    sets = ["search.ranges.intermediate.batch_size={choices: [8, 16]}"]
    with pytest.raises(ValueError, match=r"different batches \(anli 24, .* csqa 4\); allowed: the same batch for all"):
        space_of("multitask", members=MIXTURE, sets=sets)
    same = space_of("multitask", members=MIXTURE, mlm=True, sets=[*sets, "intermediate.batch_size=8"])
    assert same["batch_size"].contains(8)


def test_targets_that_share_a_fine_tuning_must_share_their_ranges():
    one = ["search.ranges.tasks.mlqa.epochs={low: 1, high: 3}"]
    with pytest.raises(ValueError, match="xquad and mlqa share one fine-tuning but differ in the range of epochs"):
        target_space("xquad", "mlqa", sets=one)
    both = target_space("xquad", "mlqa", sets=[*one, "search.ranges.tasks.xquad.epochs={low: 1, high: 3}"])
    assert bounds(both)["epochs"] == (1, 3, False, True)


@pytest.mark.parametrize(
    ("parameter", "low", "high", "message"),
    [
        ("learning_rate", 0.0, 1e-4, "learning_rate must be a number above 0, got 0.0"),
        ("learning_rate", 1e-6, math.inf, "learning_rate must be a number above 0, got inf"),
        ("epochs", -1, 3, "epochs must be a number above 0, got -1.0"),
        ("batch_size", 0, 8, "batch size of the run must be a whole number of at least 1, got 0"),
        ("batch_size", 1.5, 8, "batch_size must be a whole number, got 1.5"),
        ("warmup_fraction", 0.1, 1.5, "warmup_fraction must be a number from 0 to 1, got 1.5"),
        ("weight_decay", math.nan, 0.1, "weight_decay must be a number from 0 to 1, got nan"),
        ("mixing_cap", 0, 10, "mixing_cap must be a whole number of at least 1, got 0"),
        ("epochs", 3, 3, "epochs must have low below high, got 3 and 3; `fixed` keeps one value"),
        ("lerning_rate", 1, 2, "unknown parameter 'lerning_rate'; did you mean 'learning_rate'"),
    ],
)
def test_what_a_run_cannot_have_is_no_range(parameter, low, high, message):
    with pytest.raises(ValueError, match=re.escape(message)):
        Interval(parameter=parameter, low=low, high=high)


def test_a_logarithm_needs_a_low_end_above_zero():
    with pytest.raises(ValueError, match="weight_decay must have low above 0 with log, got 0"):
        Interval(parameter="weight_decay", low=0, high=0.1, log=True)


@pytest.mark.parametrize("choices", [(), (8,), (8, 8.0)])
def test_a_choice_needs_two_values(choices):
    with pytest.raises(ValueError, match="batch_size must have two or more different choices"):
        Choices(parameter="batch_size", choices=choices)


# settings drawn from a space

RATES = st.floats(1e-8, 1.0)
SHARES = st.floats(0.0, 1.0)
VALUES = {
    "learning_rate": RATES, "epochs": st.integers(1, 60), "batch_size": st.integers(1, 512),
    "warmup_fraction": SHARES, "weight_decay": SHARES, "mixing_cap": st.integers(1, 10**6),
}  # fmt: skip
WIDE = {
    "learning_rate": Interval(parameter="learning_rate", low=1e-8, high=1.0, log=True),
    "epochs": Interval(parameter="epochs", low=1, high=60),
    "batch_size": Interval(parameter="batch_size", low=1, high=512),
    "warmup_fraction": Interval(parameter="warmup_fraction", low=0, high=1),
    "weight_decay": Interval(parameter="weight_decay", low=0, high=1),
    "mixing_cap": Interval(parameter="mixing_cap", low=1, high=10**6),
}
SETTINGS = st.builds(
    lambda values, with_mlm: assign(
        dataclasses.replace(QQP, batch_sizes={"qqp": 1, "mlm": 8} if with_mlm else {"qqp": 1}), values
    ),
    st.fixed_dictionaries(VALUES),
    st.booleans(),
)
SUBSPACES = st.sets(st.sampled_from(PARAMETERS)).map(lambda names: {name: WIDE[name] for name in sorted(names)})


@given(setting=SETTINGS, subspace=SUBSPACES)
def test_assigning_what_was_read_changes_nothing(setting, subspace):
    assert assign(setting, assigned(setting, subspace)) == setting


@given(setting=SETTINGS, values=st.fixed_dictionaries({}, optional=VALUES))
def test_what_is_assigned_can_be_read(setting, values):
    found = assigned(assign(setting, values), {name: WIDE[name] for name in values})
    assert found == values
    assert {name: type(value) for name, value in found.items()} == {name: type(value) for name, value in values.items()}


def test_a_batch_size_is_that_of_the_runs_own_tasks():
    mixture = dataclasses.replace(QQP, batch_sizes={"qqp": 24, "csqa": 4, "mlm": 8})
    assert assign(mixture, {"batch_size": 16}).batch_sizes == {"qqp": 16, "csqa": 16, "mlm": 8}
    assert mixture.batch_sizes == {"qqp": 24, "csqa": 4, "mlm": 8}


def test_nothing_but_the_assigned_fields_changes():
    found = assign(QQP, {"learning_rate": 2e-5, "epochs": 1})
    assert found == dataclasses.replace(QQP, learning_rate=2e-5, epochs=1.0)


def test_a_parameter_that_cannot_be_searched_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown parameter 'epoch'; did you mean 'epochs'"):
        assign(QQP, {"epoch": 1})


def test_a_setting_outside_its_space_cannot_be_read():
    with pytest.raises(ValueError, match="range 1 to 2 in whole numbers, which does not contain the configured 3"):
        assigned(QQP, {"epochs": Interval(parameter="epochs", low=1, high=2)})


def test_a_space_can_be_made_of_fixed_parameters_only():
    given_ranges = dict.fromkeys(PARAMETERS, FIXED)
    assert space(QQP, phase=Phase.INTERMEDIATE, tasks=("qqp",), mlm=False, given=given_ranges) == {}


# the section `search`


def test_nothing_is_searched_unless_asked():
    search = paper().search
    assert [search.trials(phase) for phase in Phase] == [0, 0, 0]
    one = apply_sets(paper(), ["search.intermediate=1", "search.target=3"]).search
    assert [one.trials(phase) for phase in (Phase.INTERMEDIATE, Phase.TARGET, Phase.RETRIEVAL)] == [0, 3, 0]


def test_the_section_survives_yaml(tmp_path):
    config = apply_sets(
        demo(),
        [
            "search.intermediate=8",
            "search.sampler=RandomSampler",
            "search.startup=3",
            "search.ranges.intermediate.learning_rate.low=1e-6",
            "search.ranges.intermediate.learning_rate.high=1e-3",
            "search.ranges.target.batch_size.choices=8,16",
            "search.ranges.target.epochs=fixed",
            "search.ranges.tasks.multitask.mixing_cap={low: 1, high: 131072, log: on}",
            "search.ranges.tasks.qqp.weight_decay={choices: [0, 0.1]}",
        ],
    )
    path = tmp_path / "sweep.yaml"
    path.write_text(dump_yaml(config), encoding="utf-8")
    loaded = load_yaml(path, paper())
    assert loaded == config
    assert (loaded.search.intermediate, loaded.search.sampler, loaded.search.startup) == (8, "random", 3)
    ranges = loaded.search.ranges
    assert ranges.intermediate.learning_rate == Interval(parameter="learning_rate", low=1e-6, high=1e-3, log=True)
    assert ranges.target.batch_size == Choices(parameter="batch_size", choices=(8, 16))
    assert (ranges.target.epochs, ranges.target.learning_rate) == ("fixed", None)
    assert ranges.tasks["multitask"].mixing_cap == Interval(parameter="mixing_cap", low=1, high=131072, log=True)


@given(low=st.floats(1e-9, 1e-3), factor=st.floats(1.5, 1e3), log=st.booleans())
def test_numbers_of_ranges_survive_yaml(tmp_path_factory, low, factor, log):
    text = f"search.ranges.target.learning_rate={{low: {low!r}, high: {low * factor!r}, log: {log}}}"
    config = apply_sets(demo(), [text])
    own = Interval(parameter="learning_rate", low=low, high=low * factor, log=log)
    assert config.search.ranges.target.learning_rate == own
    path = tmp_path_factory.mktemp("yaml") / "sweep.yaml"
    path.write_text(dump_yaml(config), encoding="utf-8")
    assert load_yaml(path, paper()).search.ranges.target.learning_rate == own


def test_null_gives_the_default_range_back():
    config = apply_sets(paper(), ["search.ranges.target.epochs=fixed", "search.ranges.target.epochs=null"])
    assert config == paper()


BAD_SETS = {
    "search.sampler=tep": ["unknown sampler 'tep'", "did you mean 'tpe'", "known: tpe, random, cmaes"],
    "search.intermediate=-1": ["search.intermediate: given -1", "allowed: a whole number of at least 0"],
    "search.ranges.target.lerning_rate=fixed": ["unknown search.ranges.target field", "did you mean 'learning_rate'"],
    "search.ranges.target.mixing_cap=fixed": ["unknown search.ranges.target field 'mixing_cap'"],
    "search.ranges.tasks.xnil.epochs=fixed": ["unknown task 'xnil'", "did you mean 'xnli'"],
    "search.ranges.tasks.xnli.mixing_cap={low: 1, high: 2}": [
        "mixing_cap of xnli: a target run mixes in neither tasks nor MLM"
    ],
    "search.ranges.tasks.bucc.epochs=fixed": ["bucc trains nothing"],
    "search.ranges.target.epochs=5": ["target.epochs: given 5", "allowed: {low: ..., high: ...}", "or fixed"],
    "search.ranges.target.epochs=fix": ["target.epochs: given 'fix'", "or fixed"],
    "search.ranges.target.epochs={lo: 1, high: 2}": ["unknown field of the range of epochs 'lo'", "mean 'low'"],
    "search.ranges.target.epochs={low: 1}": ["given {'low': 1}", "allowed: low and high"],
    "search.ranges.target.epochs={low: 1, high: 2, choices: [1]}": ["allowed: low and high, with or without log; or"],
    "search.ranges.target.epochs={low: a, high: 2}": ["given {'low': 'a', 'high': 2}", "allowed: a number as low"],
    "search.ranges.target.weight_decay={low: 0, high: 1.5}": ["weight_decay must be a number from 0 to 1, got 1.5"],
    "search.ranges.target.batch_size={choices: [8, 2.5]}": ["batch_size must be a whole number, got 2.5"],
}


@pytest.mark.parametrize("text", BAD_SETS)
def test_bad_settings_of_a_search_say_what_was_given_and_what_is_allowed(text):
    with pytest.raises(ConfigError) as caught:
        apply_sets(demo(), [text])
    [problem] = caught.value.problems
    for part in (f"--set {text}: ", *BAD_SETS[text]):
        assert part in problem


@pytest.mark.parametrize("given_name", ["tpe", "TPE", "TPESampler", "tpesampler"])
def test_a_sampler_is_known_by_short_and_class_name(given_name):
    assert apply_sets(demo(), [f"search.sampler={given_name}"]).search.sampler == "tpe"
