"""Recipes as users give them: lists with commas, YAML, Python; what cannot be is said, with the nearest right name."""

from __future__ import annotations

import re
from pathlib import Path

import pytest

from search_spaces.config import GridFields
from search_spaces.config_file import ConfigError, apply_sets, dump_yaml, load_yaml
from search_spaces.grid import rows
from search_spaces.presets import paper
from trainables.ledger.cells import Row
from trainables.ledger.recipe import parse_recipe

GIVEN = "none,squad,panx@sw,panx@de+sw,mlm@sw,am,squad>panx@de,qqp/adapter,panx@sw:1000"
MEANT = (
    "none", "squad", "panx@sw", "panx@de+sw", "mlm@am+sw", "squad>panx@de", "qqp/adapter", "panx@sw:1000",
)  # fmt: skip


def given(value):
    return GridFields(intermediates=value, targets=("xnli",)).intermediates


def test_a_comma_stands_between_recipes_and_between_languages():
    assert given(GIVEN) == MEANT
    assert given("panx@de,sw,qqp") == ("panx@de+sw", "qqp")
    assert given("qqp+mlm@sw,am,squad") == ("qqp+mlm@am+sw", "squad")


@pytest.mark.parametrize("text", ["squad,de", "panx@sw:100,de", "panx@sw+mlm,de", "panx@de/adapter,sw"])
def test_a_language_that_follows_no_open_at_is_no_row(text):
    with pytest.raises(ValueError, match="unknown intermediate task"):
        given(text)


@pytest.mark.parametrize(
    "value",
    [list(MEANT), [*MEANT[:4], "mlm@sw,am", *MEANT[5:]], [*MEANT[:4], "mlm@sw", "am", *MEANT[5:]],
     tuple(map(parse_recipe, MEANT))],
)  # fmt: skip
def test_lists_of_yaml_and_python_say_the_same(value):
    assert given(value) == MEANT


def test_a_recipe_has_one_way_to_be_written_and_stands_once():
    assert given(["panx@sw+de", "panx@de+sw", "panx@en", "panx", " squad > panx@de "]) == (
        "panx@de+sw", "panx", "squad>panx@de",
    )  # fmt: skip


def test_yaml_gives_back_what_it_was_made_from(tmp_path):
    config = apply_sets(paper(), [f"grid.intermediates={GIVEN}", "target.train_languages=sw,de"])
    assert config.grid.intermediates == MEANT
    (tmp_path / "sweep.yaml").write_text(dump_yaml(config))
    assert load_yaml(tmp_path / "sweep.yaml", paper()) == config


BAD = {
    "sqaud": "unknown intermediate task 'sqaud'; did you mean 'squad'?",
    "squad>pnax@de": "recipe 'squad>pnax@de': unknown intermediate task 'pnax'; did you mean 'panx'?",
    "bucc": "bucc trains nothing; allowed: none, anli",
    "squad@de": "squad has no training rows in de; it has them in en",
    "panx@am": "recipe 'panx@am': panx has no training rows in am; it has them in en, af",
    "panx@sww": "unknown training language of panx 'sww'; did you mean 'sw'?",
    "mlm@xx": "unknown language of MLM 'xx'",
    "qqp+mlm@sww": "unknown language of MLM 'sww'; did you mean 'sw'?",
    "multitask@de": "multitask is trained on English rows, given de",
    "squad>panx@de>squad": "at character 15: squad stands in it twice, which would be a loop",
    "squad>": "at character 7: an empty stage",
    "squad>>qqp": "at character 7: an empty stage",
    "mlm+mlm": "mlm alone cannot have mlm beside it",
    "qqp/lorra": "unknown method 'lorra'; did you mean 'lora'?",
    "panx@de+sw:1": "recipe 'panx@de+sw:1': 1 rows for 2 languages; allowed: at least one for each",
    "panx@sw:0": "allowed after a colon: rows",
}


@pytest.mark.parametrize("text", BAD)
def test_what_cannot_be_says_what_is_allowed_and_the_nearest_name(text):
    with pytest.raises(ConfigError) as caught:
        apply_sets(paper(), [f"grid.intermediates=none,{text}"])
    [problem] = caught.value.problems
    assert f"--set grid.intermediates=none,{text}: grid.intermediates: " in problem
    assert BAD[text] in problem


@pytest.mark.parametrize(
    ("setting", "said"),
    [
        ("target.tasks.mlqa.train_languages=sw", "mlqa has no training rows in sw; it has them in en"),
        ("target.train_languages=sww", "unknown language 'sww'; did you mean 'sw'?"),
        ("target.method=lorra", "unknown method 'lorra'; did you mean 'lora'? known: lora, adapter"),
        ("intermediate.tasks.panxx.epochs=1", "unknown intermediate task 'panxx'; did you mean 'panx'?"),
    ],
)
def test_training_languages_and_settings_of_stages_are_held_against_the_tasks(setting, said):
    with pytest.raises(ConfigError) as caught:
        apply_sets(paper(), [setting])
    [problem] = caught.value.problems
    assert said in problem


def test_mlm_is_added_to_what_is_trained_in_one_stage_on_all_weights():
    found = rows(["none", "panx@sw:100", "squad>qqp", "qqp/lora", "mlm@sw", "ccg+mlm@de", "multitask"], [False, True])
    assert found == [
        Row("none", False), Row("panx@sw:100", False), Row("squad>qqp", False), Row("qqp/lora", False),
        Row("mlm@sw", False), Row("ccg+mlm@de", False), Row("multitask", False), Row("panx@sw:100", True),
        Row("multitask", True),
    ]  # fmt: skip


def test_what_a_recipe_says_of_mlm_stands_whatever_the_axis_says():
    assert rows(["squad+mlm", "squad"], [False]) == [Row("squad", False), Row("squad", True)]
    assert rows(["squad+mlm", "squad"], [True]) == [Row("squad", True)]
    assert rows(["squad>qqp+mlm", "none"], [True]) == [Row("none", False), Row("squad>qqp", True)]


def test_recipes_of_the_page_are_written_in_the_one_way_and_can_be_planned():
    page = (Path(__file__).parents[2] / "docs" / "recipes.md").read_text(encoding="utf-8")
    table = page.partition("| --- |")[2].partition("\n\n")[0]
    cells = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    found = [text for cell in cells for text in re.findall("`([^`]+)`", cell)]
    assert len(found) == 14
    assert given(found) == tuple(found)
