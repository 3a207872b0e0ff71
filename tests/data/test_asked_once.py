"""Repositories that cannot be reached: each is asked once, and one finding says it."""

from __future__ import annotations

import dataclasses
import pickle

from tests.made.pair_tasks import pair_task, write_pairs
from tests.made.texts import tokenizer
from trainables.data.appraisal import appraise
from trainables.data.asked_once import AskedOnce
from trainables.data.findings import Check
from trainables.data.mirror import MirrorData
from trainables.data.source import UnreachableError
from trainables.tasks.task import Split


class Cut(MirrorData):
    """A mirror in which one repository cannot be reached; `asked` counts the tables of it."""

    asked = 0

    def table(self, source):
        if source.repository == "own/pairs":
            self.asked += 1
            raise UnreachableError(f"hub {source.path} cannot be read", source.repository)
        return super().table(source)


def test_a_repository_that_cannot_be_reached_is_asked_once_and_is_one_problem(tmp_path):
    cut = Cut(tmp_path, kind="mirror")
    data = AskedOnce(cut)
    for _ in range(2):
        (problem,) = appraise(pair_task(), data, tokenizer()).problems
        assert (problem.check, problem.place) == (Check.ROWS, "")
        assert "own/pairs/en/train cannot be read. No rows of own/pairs were looked at: train, " in problem.text
        assert problem.text.endswith("stopping, test")
    assert cut.asked == 1


def test_another_repository_is_read_all_the_same(tmp_path):
    write_pairs(tmp_path)
    task = pair_task()
    held = task.sources["own/pairs"]

    def elsewhere(code):
        return tuple(dataclasses.replace(source, repository="cut/pairs") for source in held[Split.TEST](code))

    task = dataclasses.replace(task, sources={"own/pairs": {**held, Split.TEST: elsewhere}})
    cut = Cut(tmp_path, kind="mirror")
    (tmp_path / "cut").mkdir()
    (tmp_path / "own" / "pairs").rename(tmp_path / "cut" / "pairs")
    found = appraise(task, AskedOnce(cut), tokenizer())
    assert set(found.examples) == {(Split.TEST, "en"), (Split.TEST, "de")}
    assert cut.asked == 1


def test_an_unreachable_repository_is_the_same_error_in_another_process():
    there = pickle.loads(pickle.dumps(UnreachableError("gone", "a/b")))
    assert (str(there), there.repository) == ("gone", "a/b")
