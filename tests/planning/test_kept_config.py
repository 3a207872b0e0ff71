"""The configuration that a store keeps: what changes in it afterwards is said when it is read again."""

from __future__ import annotations

import pytest

from search_spaces.config_file import dump_yaml, load_yaml
from search_spaces.presets import demo, paper
from trainables.ledger.store import Store


@pytest.fixture
def path(tmp_path):
    return Store(tmp_path).prepare().save_config(dump_yaml(demo()))


def test_what_was_kept_is_read_without_a_word(path, caplog):
    assert load_yaml(path, paper()) == demo()
    assert not caplog.records


@pytest.mark.parametrize("other", [("seeds:\n  - 42", "seeds:\n  - 43"), ("threads: 1", "threads: 3")])
def test_a_changed_value_is_said(path, caplog, other):
    text = path.read_text()
    assert other[0] in text
    path.write_text(text.replace(*other))
    assert load_yaml(path, paper()) != demo()
    assert f"{path} is not what a sweep wrote there" in caplog.text


def test_whoever_changes_it_removes_the_first_and_the_last_line(path, caplog):
    path.write_text("".join(path.read_text().splitlines(keepends=True)[1:-1]).replace("- 42", "- 43"))
    assert load_yaml(path, paper()).grid.seeds == (43,)
    assert not caplog.records
