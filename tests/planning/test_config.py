"""The configuration: what is published is the default, files and overrides are checked, every error has its place."""

import csv
from pathlib import Path

import pytest
import yaml
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from search_spaces import published
from search_spaces.config import SweepConfig
from search_spaces.config_file import ConfigError, apply_sets, dump_yaml, load_yaml, to_dict
from search_spaces.presets import PRESETS, demo, paper, preset, quick
from search_spaces.resolve import intermediate_optimisation, retrieval, target_optimisation
from trainables.ledger.spec import HiddenStates, Precision

TABLES = Path(__file__).parents[2] / "analysis" / "published"
PAPER_NAMES = {
    "ANLI+": "anli", "CCG": "ccg", "CommonsenseQA": "csqa", "Cosmos QA": "cosmosqa", "HellaSwag": "hellaswag",
    "QQP": "qqp", "SQuAD": "squad", "XNLI": "xnli", "PAWS-X": "pawsx", "XQuAD": "xquad", "MLQA": "mlqa",
    "TyDiQA": "tydiqa", "POS": "udpos", "NER": "panx",
}  # fmt: skip


def rows_of(name):
    with (TABLES / name).open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_intermediate_defaults_are_table_3():
    rows = {PAPER_NAMES[row["task"]]: row for row in rows_of("table3_intermediate.csv") if row["task"] in PAPER_NAMES}
    assert rows.keys() == published.INTERMEDIATE.keys()
    for name, row in rows.items():
        own = published.INTERMEDIATE[name]
        assert own.batch_size == int(row["batch_size"])
        assert own.epochs == float(row["epochs"])
        assert own.learning_rate == float(row["lr_without_mlm"])
        assert own.learning_rate_with_mlm == float(row["lr_with_mlm"])


def test_the_mixture_and_mlm_are_those_of_table_3():
    rows = {row["task"]: row for row in rows_of("table3_intermediate.csv")}
    assert float(rows["Multi-task"]["epochs"]) == published.MULTI_TASK_EPOCHS
    assert int(rows["MLM"]["batch_size"]) == published.MLM.batch_size


def test_target_defaults_are_table_4_but_for_the_batch_of_xnli():
    rows = {PAPER_NAMES[row["task"]]: row for row in rows_of("table4_target.csv") if row["batch_size"]}
    assert rows.keys() == published.TARGET.keys()
    for name, row in rows.items():
        own = published.TARGET[name]
        assert own.batch_size == (32 if name == "xnli" else int(row["batch_size"]))
        assert own.epochs == float(row["epochs"])
        assert own.learning_rate == float(row["learning_rate"])


@pytest.mark.parametrize(("num_layers", "layer"), [(24, 14), (12, 8), (6, 4), (3, 2), (1, 1), (36, 21)])
def test_the_retrieval_layer_keeps_its_relative_depth(num_layers, layer):
    assert published.retrieval_layer(num_layers) == layer


def test_an_unset_field_takes_the_published_value_of_its_task():
    found = intermediate_optimisation(paper(), "csqa", ["csqa"], mlm=False)
    assert (found.learning_rate, found.epochs, found.batch_sizes) == (1e-5, 10, {"csqa": 4})
    assert (found.warmup_fraction, found.weight_decay, found.clip_norm) == (0.1, 0.01, 1.0)
    assert (found.dev_rows, found.max_eval_interval, found.patience) == (500, 1000, 30)
    assert found.precision is Precision.FP32
    with_mlm = intermediate_optimisation(paper(), "csqa", ["csqa"], mlm=True)
    assert (with_mlm.learning_rate, with_mlm.batch_sizes) == (5e-6, {"csqa": 4, "mlm": 8})


def test_each_task_of_the_mixture_keeps_its_own_batch():
    members = ["anli", "qqp", "hellaswag", "cosmosqa", "csqa"]
    found = intermediate_optimisation(paper(), "multitask", members, mlm=True)
    assert found.batch_sizes == {"anli": 24, "qqp": 24, "hellaswag": 24, "cosmosqa": 4, "csqa": 4, "mlm": 8}
    assert (found.epochs, found.learning_rate, found.mixing_cap) == (3, 5e-6, 131_072)


def test_a_task_override_beats_the_phase_and_the_phase_beats_the_table():
    config = apply_sets(paper(), ["intermediate.epochs=2", "intermediate.tasks.qqp.epochs=1"])
    assert intermediate_optimisation(config, "qqp", ["qqp"], mlm=False).epochs == 1
    assert intermediate_optimisation(config, "squad", ["squad"], mlm=False).epochs == 2
    assert target_optimisation(config, ["xnli"]).epochs == 2


def test_targets_that_share_a_fine_tuning_must_agree():
    config = apply_sets(paper(), ["target.tasks.mlqa.epochs=3"])
    with pytest.raises(ValueError, match="xquad and mlqa share one fine-tuning but differ in epochs"):
        target_optimisation(config, ["xquad", "mlqa"])
    both = apply_sets(config, ["target.tasks.xquad.epochs=3"])
    assert target_optimisation(both, ["xquad", "mlqa"]).epochs == 3


def test_a_layer_that_the_encoder_lacks_is_refused():
    config = apply_sets(paper(), ["retrieval.layer=25"])
    with pytest.raises(ValueError, match="given 25; allowed: 0 to 24"):
        retrieval(config)
    assert retrieval(apply_sets(paper(), ["retrieval.layer=13"])).layer == 13
    assert retrieval(paper()).layer == 14


def test_runs_score_one_hidden_state_unless_all_are_asked_for():
    assert retrieval(paper()).layers is HiddenStates.ONE
    assert retrieval(apply_sets(paper(), ["retrieval.layers=all"])).layers is HiddenStates.ALL
    with pytest.raises(ConfigError, match=r"retrieval\.layers: unknown layers 'al'; did you mean 'all'\?.* one, all"):
        apply_sets(paper(), ["retrieval.layers=al"])


@pytest.mark.parametrize("name", PRESETS)
def test_presets_survive_yaml(name, tmp_path):
    config = preset(name)
    path = tmp_path / "sweep.yaml"
    path.write_text(dump_yaml(config), encoding="utf-8")
    assert load_yaml(path, paper()) == config


@settings(deadline=None, max_examples=40, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rate=st.floats(1e-9, 1.0, exclude_min=True),
    epochs=st.floats(0.01, 100),
    seeds=st.lists(st.integers(0, 2**31 - 1), min_size=1, max_size=4, unique=True),
    rows=st.integers(0, 10**7),
)
def test_numbers_survive_yaml(tmp_path, rate, epochs, seeds, rows):
    config = apply_sets(
        demo(),
        [
            f"intermediate.tasks.qqp.learning_rate={rate!r}",
            f"target.epochs={epochs!r}",
            f"data.train_rows={rows}",
            f"grid.seeds={','.join(map(str, seeds))}",
        ],
    )
    assert config.intermediate.tasks["qqp"].learning_rate == rate
    assert config.grid.seeds == tuple(seeds)
    path = tmp_path / "sweep.yaml"
    path.write_text(dump_yaml(config), encoding="utf-8")
    assert load_yaml(path, paper()) == config


def test_a_file_needs_to_say_only_what_differs(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text("grid: {mlm: [off, on], targets: [xnli], intermediates: qqp}\ntarget: {learning_rate: 5e-5}\n")
    config = load_yaml(path, paper())
    assert config.grid.mlm == (False, True)
    assert config.grid.intermediates == ("qqp",)
    assert config.target.learning_rate == 5e-5
    assert config.encoder == paper().encoder


def test_an_empty_file_is_the_defaults(tmp_path):
    path = tmp_path / "sweep.yaml"
    path.write_text("# nothing\n")
    assert load_yaml(path, paper()) == paper()


def problems(path, text):
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_yaml(path, paper())
    return [problem.removeprefix(str(path)) for problem in caught.value.problems]


def test_all_problems_of_a_file_are_reported_at_once_with_their_lines(tmp_path):
    found = problems(
        tmp_path / "sweep.yaml",
        """\
grid:
  intermediates: [none, qpq]
  targets:
    - xnli
    - udpso
  seeds: [42, -1]
intermediat:
  epochs: 1
intermediate:
  learning_rat: 5e-5
  tasks:
    squda: {epochs: 1}
    qqp:
      batch_size: 2.5
data:
  train_rows: true
  train_rows: 10
""",
    )
    text = "\n".join(found)
    assert ":2: grid.intermediates: unknown intermediate task 'qpq'; did you mean 'qqp'? known: none, anli" in text
    assert ":5: grid.targets: unknown target task 'udpso'; did you mean 'udpos'?" in text
    assert ":6: grid.seeds: given -1; allowed: a whole number from 0 to 2147483647" in text
    assert ":7: unknown section 'intermediat'; did you mean 'intermediate'?" in text
    assert ":10: unknown intermediate field 'learning_rat'; did you mean 'learning_rate'?" in text
    assert ":12: intermediate.tasks.squda: unknown intermediate task 'squda'; did you mean 'squad'?" in text
    assert ":14: intermediate.tasks.qqp.batch_size: given 2.5; allowed: a whole number of at least 1" in text
    assert ":17: data.train_rows is given twice" in text
    assert len(found) == 8


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("grid: [", ":1: not YAML: expected the node content, but found '<stream end>'"),
        ("a: b: c", ":1: not YAML: mapping values are not allowed here"),
        ("- a\n- b\n", ": given a list, allowed: sections name, store, keep, tasks, grid"),
        ("just words", ": given a str, allowed: sections name, store, keep, tasks, grid"),
        ("grid: 5", ":1: grid: given 5; allowed: a section with the fields intermediates, mlm, targets, seeds"),
        ("grid:\n  targets: []", ":2: grid.targets: given []; allowed: at least one value"),
        ("target:\n  precision: fp61", ":2: target.precision: unknown precision 'fp61'; did you mean 'fp32'"),
        ("mlm:\n  alpha: 1.5", ":2: mlm.alpha: given 1.5; allowed: a number from 0 to 1"),
        ("mlm:\n  alpha: .nan", ":2: mlm.alpha: given nan; allowed: a number from 0 to 1"),
        ("name: ../up", ":1: name: given '../up'; allowed: letters, digits, dot, dash and underscore"),
        ("encoder: {name: bundeld}", ":1: encoder.name: unknown encoder 'bundeld'; did you mean 'bundled'?"),
        ("target: {learning_rate: true}", ":1: target.learning_rate: given True; allowed: a number above 0"),
    ],
)
def test_broken_files_have_clear_messages(tmp_path, text, message):
    [found] = problems(tmp_path / "sweep.yaml", text)
    assert found.startswith(message)


def test_files_that_cannot_be_read_have_clear_messages(tmp_path):
    with pytest.raises(ConfigError, match=r"cannot read .*missing\.yaml: No such file or directory"):
        load_yaml(tmp_path / "missing.yaml", paper())
    (tmp_path / "binary.yaml").write_bytes(b"\xff\xfe\x00")
    with pytest.raises(ConfigError, match="not a text file in UTF-8"):
        load_yaml(tmp_path / "binary.yaml", paper())


BAD_SETS = {
    "foo": ["--set foo", "allowed: section.field=value"],
    "=1": ["--set =1", "allowed: section.field=value"],
    "learning_rate=1": ["unknown section 'learning_rate'", "intermediate.learning_rate and target.learning_rate"],
    "target.epohcs=1": ["unknown target field 'epohcs'", "did you mean 'epochs'", "known: learning_rate, epochs"],
    "target.epochs=0": ["target.epochs: given 0", "allowed: a number above 0"],
    "target.epochs=inf": ["target.epochs: given 'inf'", "allowed: a number above 0"],
    "target.epochs.x=1": ["'epochs' is a value, not a section"],
    "target.tasks.xnil.epochs=1": ["unknown target task 'xnil'", "did you mean 'xnli'", "known: xnli, pawsx"],
    "target.max_length=8193": ["target.max_length: given 8193", "allowed: a whole number from 8 to 8192"],
    "cluster.gpus.target=0.3": ["cluster.gpus.target: given 0.3", "allowed: 0, 1, or a fraction 1/n"],
    "cluster.gpus.tasks.xnil=1": ["unknown task 'xnil'", "did you mean 'xnli'"],
    "data.languages=en,dee": ["unknown language 'dee'", "did you mean 'de'", "known: en, af"],
    "data.repositories.xnli=facebok/xnli": ["'facebok/xnli'", "did you mean 'facebook/xnli'", "known: google/xtreme"],
    "data.repositories.xnil=x": ["unknown task 'xnil'", "did you mean 'xnli'"],
    "grid.mlm=maybe": ["grid.mlm: given 'maybe'", "allowed: off, on"],
    "mlm.length=task_epoch": ["unknown length 'task_epoch'", "did you mean 'task_epochs'", "capped_sum"],
    "engine.compile=graph": ["engine.compile: unknown compile 'graph'", "did you mean 'graphs'"],
    "grid.seeds=a": ["grid.seeds: given 'a'", "allowed: a whole number from 0 to"],
    "encoder.name=bundled:13": ["encoder 'bundled:13'", "1 <= N <= 12", "did you mean 'bundled:12'"],
}


@pytest.mark.parametrize("text", BAD_SETS)
def test_bad_assignments_say_what_was_given_and_what_is_allowed(text):
    with pytest.raises(ConfigError) as caught:
        apply_sets(demo(), [text])
    [problem] = caught.value.problems
    assert f"--set {text}: " in problem
    for part in BAD_SETS[text]:
        assert part in problem


def test_all_bad_assignments_are_reported_at_once():
    with pytest.raises(ConfigError) as caught:
        apply_sets(demo(), list(BAD_SETS))
    text = "\n".join(caught.value.problems)
    overruled = "target.epochs=0"  # a later assignment sets the same field
    for assignment, parts in BAD_SETS.items():
        for part in parts if assignment != overruled else ():
            assert part in text


def test_assignments_do_not_change_their_base():
    base = demo()
    before = to_dict(base)
    apply_sets(base, ["target.epochs=9", "intermediate.tasks.qqp.epochs=1"])
    assert to_dict(base) == before


def test_off_is_a_name_although_yaml_reads_it_as_false(tmp_path):
    assert apply_sets(apply_sets(paper(), ["engine.compile=graphs"]), ["engine.compile=off"]).engine.compile == "off"
    (tmp_path / "sweep.yaml").write_text("engine:\n  compile: off\n")
    assert load_yaml(tmp_path / "sweep.yaml", paper()).engine.compile == "off"
    with pytest.raises(ConfigError, match=r"engine\.compile: unknown compile 'on'; known: off, layers, graphs"):
        apply_sets(paper(), ["engine.compile=on"])


def test_null_unsets_a_field():
    assert apply_sets(demo(), ["target.epochs=null"]).target.epochs is None


@pytest.mark.parametrize(("given", "share"), [("0.5", 0.5), ("1/3", 1 / 3), ("0.333", 1 / 3), ("1", 1.0), ("0", 0.0)])
def test_gpu_shares_are_none_one_or_one_nth(given, share):
    assert apply_sets(demo(), [f"cluster.gpus.tasks.xnli={given}"]).cluster.gpus.tasks["xnli"] == share


def test_the_dump_is_plain_yaml():
    loaded = yaml.safe_load(dump_yaml(quick()))
    assert SweepConfig.model_validate(loaded) == quick()


def test_an_unknown_preset_is_answered_with_the_nearest():
    with pytest.raises(ValueError, match="unknown preset 'pper'; did you mean 'paper'"):
        preset("pper")
