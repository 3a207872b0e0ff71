"""YAML says what a task of one's own is."""

import pytest

from search_spaces.own_tasks import read_definitions
from trainables.data.source import DataError
from trainables.tasks.task import Role, Split

TEXT = """mine:
  role: intermediate
  format: tagging
  labels: [O, B-PER]
  columns: {tokens: 0, tags: 3}
  files:
    train: {en: rows/train.conll}
    stopping: {en: rows/dev.conll}
"""


def test_a_section_is_a_definition(tmp_path):
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT, encoding="utf-8")
    (mine,) = read_definitions(path)
    assert (mine.name, mine.role, mine.labels, mine.columns.tags) == ("mine", Role.INTERMEDIATE, ("O", "B-PER"), 3)
    assert mine.files[Split.TRAIN] == {"en": tmp_path / "rows/train.conll"}


@pytest.mark.parametrize(
    ("old", "new", "says"),
    [
        ("labels:", "labls:", "task mine: labls: .*did you mean 'labels'"),
        ("role: intermediate", "role: middle", "task mine: role: "),
        ("mine:", "panx:", "a task 'panx' is there already"),
        (TEXT, TEXT + TEXT, r"says twice: mine \(line 9\)"),
        (TEXT, "- mine", "mine.yaml has no tasks"),
        (TEXT, "", "mine.yaml has no tasks"),
        (TEXT, "mine: [", r"mine.yaml cannot be read"),
    ],
)
def test_what_is_wrong_names_the_field(tmp_path, old, new, says):
    path = tmp_path / "mine.yaml"
    path.write_text(TEXT.replace(old, new), encoding="utf-8")
    with pytest.raises(DataError, match=says):
        read_definitions(path)
