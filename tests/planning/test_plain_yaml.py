"""YAML as configuration files have it: YAML 1.2's scalars, the core's tags, bounded depth, size and aliases."""

import re
import sys

import pytest
from hypothesis import given
from hypothesis import strategies as st

from search_spaces.config_file import ConfigError, apply_sets, load_yaml
from search_spaces.plain_yaml import MOST_DEPTH, MOST_NODES, NotYamlError, YamlError, read_yaml, write_yaml
from search_spaces.presets import demo, paper
from tests.made.bad_input import STRUCTURES


@pytest.mark.parametrize(
    ("text", "value"),
    [
        ("1:30", "1:30"), ("190:20:30", "190:20:30"), ("010", "010"), ("0x10", "0x10"), ("0o17", "0o17"),
        ("1_000", "1_000"), ("2001-01-01", "2001-01-01"), ("１２", "１２"), ("=", "="), ("1e400", "1e400"),
        ("0", 0), ("-7", -7), ("+7", 7), ("5e-5", 5e-5), ("1e4", 1e4),
        (".5", 0.5), ("1.", 1.0), ("-.inf", -float("inf")),
        ("yes", True), ("No", False), ("on", True), ("OFF", False), ("true", True), ("oN", "oN"), ("y", "y"),
        ("~", None), ("", None), ("null", None), ("'1'", "1"), ("!!str 1", "1"), ("!!int 1", 1), ("!!float 1", 1),
        ("[a, 1, [off]]", ["a", 1, [False]]), ("{1: a, on: b, ~: c}", {"1": "a", "on": "b", "~": "c"}),
    ],
)  # fmt: skip
def test_scalars_are_those_of_yaml_1_2_and_the_switches(text, value):
    found = read_yaml(text).values
    assert (found, type(found)) == (value, type(value))


@pytest.mark.parametrize(
    "tag", ["!!binary aGk=", "!!timestamp 2001-01-01", "!!python/name:os.system", "!own x", "!!set {a}"]
)
def test_other_tags_are_refused_with_their_line(tag):
    with pytest.raises(YamlError, match=r"given the tag '!.*allowed here: no tag") as caught:
        read_yaml(f"# first\nname: {tag}\n")
    assert caught.value.line == 2


@pytest.mark.parametrize("text", ["!!int x", "!!bool maybe", "!!null x", "!!float on"])
def test_a_tag_must_say_what_stands_there(text):
    with pytest.raises(YamlError, match="allowed: what `!!"):
        read_yaml(text)


def test_sections_can_be_used_again_and_merged():
    text = "one: &one {a: 1, b: [2]}\ntwo: *one\nthree: {<<: *one, a: 3}\nfour: {<<: [{a: 5}, *one]}\n"
    document = read_yaml(text)
    assert document.values == {
        "one": {"a": 1, "b": [2]}, "two": {"a": 1, "b": [2]}, "three": {"a": 3, "b": [2]}, "four": {"a": 5, "b": [2]},
    }  # fmt: skip
    assert document.lines["three", "a"] == 3
    assert not document.twice


@pytest.mark.parametrize("name", [name for name in STRUCTURES if "to itself" in name or name == "merge of itself"])
def test_an_alias_to_itself_is_named(name):
    with pytest.raises(YamlError, match=r"an alias must not stand inside|a list or section as a name"):
        read_yaml(STRUCTURES[name].decode())


@pytest.mark.parametrize("name", [name for name in STRUCTURES if "bomb" in name or name == "large list"])
def test_what_expands_is_read_up_to_a_number_of_values(name):
    calls = 0

    def count(frame, event, argument):
        nonlocal calls
        calls += event == "call"

    sys.setprofile(count)
    try:
        with pytest.raises(YamlError, match=f"allowed: {MOST_NODES:,} values"):
            read_yaml(STRUCTURES[name].decode())
    finally:
        sys.setprofile(None)
    assert calls < 300 * MOST_NODES


@given(opening=st.sampled_from(["[", "{a: ", "- ", "? "]), levels=st.integers(MOST_DEPTH + 1, 5000))
def test_depth_is_bounded(opening, levels):
    with pytest.raises(YamlError, match=r"levels inside each other|list or section as a name"):
        read_yaml(opening * levels)


def test_depth_counts_what_aliases_stand_for():
    links = "".join(f"a{n}: &a{n} [*a{n - 1}]\n" for n in range(1, 60))
    assert read_yaml("a0: &a0 [x]\n" + links[: links.index("a20:")]).values["a19"]
    with pytest.raises(YamlError, match="levels inside each other"):
        read_yaml("a0: &a0 [x]\n" + links)


@pytest.mark.parametrize("text", ["a: [", "a: b: c", "*nowhere", "%", "a: \0"])
def test_what_no_reader_takes_is_told_from_what_this_one_refuses(text):
    with pytest.raises(NotYamlError):
        read_yaml(text)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("target: {epochs: 1:30}", ":1: target.epochs: given '1:30'; allowed: a number above 0"),
        ("target: {epochs: 010}", ":1: target.epochs: given '010'; allowed: a number above 0, without leading zeros"),
        ("target: {epochs: １}", ":1: target.epochs: given '１'; allowed: a number above 0"),
        ("target: {epochs: 1e308}", ":1: target.epochs: given 1e.308; allowed: a number above 0, at most 1000000"),
        (
            "target: {batch_size: 1e30}",
            "target.batch_size: given 1e.30; allowed: a whole number of at least 1, at most 1",
        ),
        ("target: {batch_size: " + "9" * 400 + "}", "target.batch_size: given '9999"),
        ("name: !!binary aGk=", ":1: given the tag '!!binary'"),
        ("mlm: {mask_probability: 0}", "mlm.mask_probability: given 0; allowed: a number above 0 and at most 1"),
        ("target:\n  tasks: {tatoeba: {epochs: 3}}", ":2: target.tasks: tatoeba trains nothing"),
        ("encoder: {name: bundled:2, revision: x}", ":1: encoder: given the revision 'x' with bundled:2; allowed: a"),
        ("cluster: {gpus: {target: 2}}", "given 2; allowed: 0, 1, or a fraction 1/n .* a run uses one GPU at most"),
        ("cluster: {results: /}", "cluster.results: given '/'; allowed: a folder of its own"),
        ("cluster: {results: /dev/null/x}", "cluster.results: given '/dev/null/x'; allowed: a folder; /dev/null is no"),
        ("search: {parallel: 1e30}", r"search.parallel: given 1e.30; allowed: a whole number of at least 1, at most"),
        ("store: ~nouser/x", "store: given '~nouser/x'; allowed: a path; this is the home folder of an unknown user"),
        ("store: " + "x" * 300, "store: given 'x.*; allowed: a path that can be used; File name too long"),
        ("name: " + "x" * 201, "name: given 'x.*; allowed: at most 200 bytes"),
        ("&a\ngrid: *a", ":1: an alias must not stand inside of what it names"),
    ],
)
def test_bad_files_say_what_is_allowed(tmp_path, text, message):
    path = tmp_path / "sweep.yaml"
    path.write_text(text, encoding="utf-8")
    with pytest.raises(ConfigError) as caught:
        load_yaml(path, paper())
    [problem] = caught.value.problems
    assert problem.startswith(str(path))
    assert re.search(message, problem), problem


def test_a_folder_has_no_revision_and_a_hub_encoder_has(tmp_path):
    assert apply_sets(paper(), ["encoder.revision=abc"]).encoder.revision == "abc"
    for file in ("config.json", "model.safetensors", "tokenizer.json"):
        (tmp_path / file).write_text("{}")
    with pytest.raises(ConfigError, match="allowed: a revision with an id of the hub"):
        apply_sets(paper(), [f"encoder.name={tmp_path}", "encoder.revision=abc"])


def test_a_link_to_itself_is_no_store(tmp_path):
    (tmp_path / "loop").symlink_to("loop")
    with pytest.raises(ConfigError, match="a link that leads to itself"):
        apply_sets(demo(), [f"store={tmp_path / 'loop'}"])


def test_a_folder_that_cannot_be_written_is_no_folder_for_results(tmp_path, monkeypatch):
    monkeypatch.setattr("os.access", lambda path, mode: False)  # root may write everywhere
    with pytest.raises(ConfigError, match=r"cluster\.results: .*; allowed: a folder that can be written"):
        apply_sets(demo(), [f"cluster.results={tmp_path / 'new'}"])


TEXT = st.text(st.characters(exclude_categories=["Cc", "Cs"]), max_size=20) | st.from_regex(r"\A[0-9eE.+_:xo~-]{1,9}\Z")
VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | TEXT,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT, inner, max_size=3),
    max_leaves=8,
)


@given(values=st.dictionaries(TEXT.filter(lambda key: key != "<<"), VALUES, max_size=4))
def test_what_is_written_is_read_again(values):
    assert read_yaml(write_yaml(values)).values == values


def test_assignments_are_read_as_files_are():
    assert apply_sets(demo(), ["target.tasks={xnli: &a {epochs: 3}, pawsx: *a}"]).target.tasks["pawsx"].epochs == 3
    with pytest.raises(ConfigError, match=r"--set name=!!binary aGk=: given the tag"):
        apply_sets(demo(), ["name=!!binary aGk="])
    with pytest.raises(ConfigError, match="given 40 names inside each other; allowed: 32"):
        apply_sets(demo(), [f"{'a.' * 39}a=1"])
