"""Plans without the hub: published rows, ids that are preliminary, and none that is so without need."""

from __future__ import annotations

from types import SimpleNamespace

import pytest
from huggingface_hub import HfApi

from search_spaces.config_file import apply_sets
from search_spaces.presets import paper
from sweep.planning.foreseen import ForeseenData, preliminary_runs
from sweep.planning.planner import build_plan
from sweep.planning.published_rows import published_rows
from sweep.planning.row_counts import Origin, RowCounts
from tests.made.data import FakeData
from trainables.data.hub import open_data
from trainables.data.source import UNKNOWN, MissingDataError
from trainables.tasks import registry
from trainables.tasks.registry import task
from trainables.tasks.task import Split

COMMIT = 40 * "c"


@pytest.fixture
def offline(monkeypatch):
    def no_route(*_, **__):
        raise ConnectionError("no route to host")

    monkeypatch.setattr(HfApi, "dataset_info", no_route)


@pytest.fixture
def online(monkeypatch):
    monkeypatch.setattr(HfApi, "dataset_info", lambda *_, **__: SimpleNamespace(sha=COMMIT))


def planned(data, *sets):
    return build_plan(apply_sets(paper(), ["encoder.name=bundled:6", *sets]), data)


def test_without_the_hub_only_what_reads_an_unpinned_repository_is_preliminary(offline):
    data = ForeseenData(open_data("hub"))
    found = planned(data, "grid.intermediates=none,squad,cosmosqa", "grid.targets=xnli", "grid.mlm=off")
    assert list(data.unasked) == ["allenai/cosmos_qa"]
    assert "no route to host" in data.unasked["allenai/cosmos_qa"]
    uncertain = preliminary_runs(found, data, data.unasked, {})
    assert [node.name for id_, node in found.nodes.items() if id_ in uncertain] == [
        "cosmosqa #42", "cosmosqa -> xnli #42",
    ]  # fmt: skip


def test_ids_that_are_not_preliminary_are_those_of_a_run(offline, monkeypatch):
    sets = ("grid.intermediates=none,squad,cosmosqa", "grid.targets=xnli", "grid.mlm=off")
    data = ForeseenData(open_data("hub"))
    without = planned(data, *sets)
    uncertain = preliminary_runs(without, data, data.unasked, {})
    monkeypatch.setattr(HfApi, "dataset_info", lambda *_, **__: SimpleNamespace(sha=COMMIT))
    final = planned(open_data("hub"), *sets)
    by_name = {node.name: id_ for id_, node in final.nodes.items()}
    for id_, node in without.nodes.items():
        assert (by_name[node.name] == id_) == (id_ not in uncertain)


def test_with_the_hub_all_ids_are_those_of_a_run(online):
    data = ForeseenData(open_data("hub"))
    assert list(planned(data).nodes) == list(planned(open_data("hub")).nodes)
    assert not data.unasked


def test_a_run_is_not_planned_without_the_hub(offline):
    with pytest.raises(MissingDataError, match=r"hub allenai/cosmos_qa@.* cannot be read: .*no route to host"):
        planned(open_data("hub"))


def test_the_whole_grid_of_the_paper_is_planned_without_the_hub(offline, tmp_path):
    """With folders of what the hub lacks there are 153 cells; here BUCC and CCG are named as what cannot be had."""
    data = ForeseenData(open_data("hub"))
    rows = RowCounts(data)
    found = build_plan(paper(), data, rows=rows)
    assert len(found.cells) + len(found.without_data) == 153
    assert {cell.target for cell in found.without_data if "ccg" not in cell.intermediate} == {"bucc"}
    assert not rows.names(Origin.COUNTED)
    assert not rows.names(Origin.ASSUMED)
    assert {name.partition(" ")[0] for name in rows.names(Origin.PUBLISHED)} >= {"xnli", "udpos", "cosmosqa", "tatoeba"}


class Counting(FakeData):
    """Counts nothing but training rows, 7 of each file."""

    def num_rows(self, source):
        return 7 if source.split.startswith("train") else UNKNOWN


def test_what_can_be_counted_is_counted_and_said_to_be(tmp_path):
    rows = RowCounts(Counting())
    english = task("xnli").files(Split.TRAIN, "en")
    assert rows.of(task("xnli"), Split.TRAIN, "en", english) == 7 * len(english)
    assert rows.of(task("xnli"), Split.TEST, "de", task("xnli").files(Split.TEST, "de")) == 5010
    assert rows.names(Origin.COUNTED) == ("xnli train",)
    assert rows.names(Origin.PUBLISHED) == ("xnli test",)


def test_published_rows_are_those_of_the_card_and_of_the_data_sets():
    """Of languages with one treebank as that has them (UD 2.5); XNLI 15 x 5,010 test rows, XQuAD 11 x 1,190."""
    treebanks = {
        "af": (194, 425), "hu": (441, 449), "id": (559, 1557), "mr": (46, 47), "ta": (80, 120), "te": (131, 146),
        "ur": (552, 535), "vi": (800, 800), "he": (484, 491), "bg": (1115, 1116), "eu": (1798, 1799),
    }  # fmt: skip
    for code, (dev, test) in treebanks.items():
        assert (published_rows("udpos", "dev", code), published_rows("udpos", "test", code)) == (dev, test)
    assert {code: published_rows("udpos", "test", code) for code in ("th", "tl", "yo")} == {
        "th": 1000, "tl": 55, "yo": 100,
    }  # fmt: skip
    assert sum(published_rows("xnli", "test", code) for code in task("xnli").languages[Split.TEST]) == 75_150
    assert sum(published_rows("xquad", "test", code) for code in task("xquad").languages[Split.TEST]) == 13_090
    assert published_rows("udpos", "test", "kk") == 1047
    assert published_rows("udpos", "dev", "kk") is None


@pytest.mark.parametrize("role", ["intermediate", "target"])
def test_every_split_that_the_paper_reads_has_a_published_number(role):
    for each in registry.intermediates() if role == "intermediate" else registry.targets():
        for split, codes in each.languages.items():
            assert all(published_rows(each.name, split, code) for code in codes), (each.name, split)
