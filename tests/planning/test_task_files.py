"""Files of tasks that a configuration names: whose folder they are relative to, and what is said of a wrong one."""

from __future__ import annotations

import pytest

from search_spaces.config_file import ConfigError, apply_sets, dump_yaml, load_yaml, moved_yaml
from search_spaces.presets import paper
from sweep.command_line.arguments import XSTILTS, parse
from sweep.command_line.configuration import configure
from tests.made.own_tasks import write_task
from tests.made.texts import write_text


@pytest.fixture
def folders(tmp_path, monkeypatch):
    """A folder with the task `mine`, beside the current one."""
    write_task(tmp_path / "there", "pair")
    (tmp_path / "here").mkdir()
    monkeypatch.chdir(tmp_path / "here")
    return tmp_path


@pytest.mark.parametrize("given", ["mine.yaml", "[mine.yaml]", "[./mine.yaml, ../there/mine.yaml]", "{}"])
@pytest.mark.parametrize("path", ["../there/c.yaml", "{}/there/c.yaml"])
def test_in_a_file_they_are_relative_to_it(folders, given, path):
    absolute = str(folders / "there" / "mine.yaml")
    text = f"tasks: {given.format(absolute)}\ngrid: {{targets: [mine]}}\n"
    write_text(folders / "there" / "c.yaml", text)
    config = configure(parse(["plan", "--config", path.format(folders)], XSTILTS))
    assert (config.tasks, config.grid.targets) == ((absolute,), ("mine",))
    assert load_yaml(write_text(folders / "here" / "kept.yaml", dump_yaml(config)), paper()) == config


def test_as_an_option_they_are_relative_to_the_current_folder(folders, monkeypatch):
    write_text(folders / "there" / "c.yaml", "data: {source: demo}\n")
    for words in (["--tasks", "../there/mine.yaml"], ["--set", "tasks=../there/mine.yaml"]):
        config = configure(parse(["plan", "--config", "../there/c.yaml", *words], XSTILTS))
        assert config.tasks == (str(folders / "there" / "mine.yaml"),)


def test_a_file_that_goes_elsewhere_names_the_same_tasks(folders):
    path = write_text(folders / "there" / "c.yaml", "# mine\ntasks: mine.yaml\ngrid: {targets: [mine]}\n")
    moved = write_text(folders / "here" / "c.yaml", moved_yaml(path))
    assert load_yaml(moved, paper()) == load_yaml(path, paper())
    plain = write_text(folders / "there" / "plain.yaml", "# mine\ngrid: {targets: [xnli]}\n")
    assert moved_yaml(plain) == "# mine\ngrid: {targets: [xnli]}\n"


def test_a_file_that_is_named_twice_is_one(folders):
    config = apply_sets(paper(), ["tasks=../there/mine.yaml,.././there/mine.yaml"])
    assert config.tasks == (str(folders / "there" / "mine.yaml"),)


def test_of_a_file_that_is_not_there_nothing_else_is_said(folders):
    path = write_text(
        folders / "there" / "c.yaml", "tasks: [absent.yaml]\ngrid: {targets: [mine], intermediates: [none, mine]}\n"
    )
    with pytest.raises(ConfigError) as error:
        load_yaml(path, paper())
    [problem] = error.value.problems
    assert problem.startswith(f"{path}:1: tasks: {folders / 'there' / 'absent.yaml'} is no file")
