"""Labels that an encoder has seen before: in which languages, and that no mean holds a score of such a language."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest

from analysis.report.writer import report_on
from analysis.scores.lineage import Seen, labels_of, seen_by, seen_of_plan, seen_of_runs
from analysis.scores.load import load
from analysis.selection.averages import Gap, TaskScore
from analysis.selection.results import collect
from analysis.selection.selection import Choice, select
from analysis.statistics.column import Column
from analysis.statistics.paired import aligned
from analysis.statistics.rows import Rows, RowsError, points_of
from analysis.tables.rendering import markdown
from analysis.tables.table2 import SEEN, table2
from sweep.planning.retained import dev_score
from tests.made.data import plan
from tests.made.donors import donor_spec, fill_donors, scores_of
from tests.made.records import DATA, fill, intermediate_spec, record, target_spec
from tests.made.reports import in_json
from trainables.ledger.cells import Cell, Row
from trainables.ledger.plan import Node, Plan, Share
from trainables.ledger.spec import MlmSettings
from trainables.tasks.registry import task
from trainables.tasks.task import Split

NONE, SW, EN = Row("none", False), Row("panx@sw", False), Row("panx", False)
OTHERS = [code for code in task("panx").languages[Split.DEV] if code != "sw"]


def level(donor, recipient):
    """A Swahili donor is 1 point better everywhere, and 41 points in Swahili, whose labels it knows."""
    return 50.0 + (1.0 if donor else 0.0) + (40.0 if donor == recipient == "sw" else 0.0)


@pytest.fixture
def store(tmp_path):
    return fill_donors(tmp_path, "panx", ["en", "sw"], level, ["panx", "udpos"])


@pytest.mark.parametrize(("target", "seen"), [
    ("xquad", ("sw",)), ("mlqa", ("sw",)), ("tydiqa", ("sw",)), ("panx", ()), ("xnli", ()),
])  # fmt: skip
def test_labels_count_for_the_whole_family_of_a_task(target, seen):
    assert seen_by(target_spec(target), [donor_spec("tydiqa", "sw", "en")], target).before == seen


def test_all_stages_of_a_chain_count_and_mlm_sees_no_labels():
    mlm = dataclasses.replace(
        intermediate_spec("qqp", mlm=True), tasks=("mlm",), mlm=MlmSettings(languages=("am", "sw"))
    )
    stages = [mlm, donor_spec("panx", "de", "ta"), donor_spec("squad", "en")]
    assert labels_of(stages) == {("ner", "de"), ("ner", "ta"), ("qa", "en")}
    assert seen_by(target_spec("panx"), stages, "panx") == Seen(trained=("en",), before=("de", "ta"))


def test_what_the_target_is_trained_in_is_its_own():
    data = dataclasses.replace(DATA, train_languages=("de", "sw"))
    spec, stages = target_spec("panx", data=data), [donor_spec("panx", "en", "sw")]
    assert seen_by(spec, stages, "panx") == Seen(trained=("de", "sw"), before=("en",))
    assert seen_by(target_spec("tatoeba"), stages, "tatoeba") == Seen()


def test_a_plan_knows_it_before_anything_has_run():
    made = plan("grid.intermediates=none,udpos>panx@sw", "grid.mlm=off", "grid.targets=panx,udpos,tatoeba")
    found = {(cell.intermediate, cell.target): each.before for cell, each in seen_of_plan(made).items()}
    assert found == {
        ("none", "panx"): (), ("none", "udpos"): (), ("none", "tatoeba"): (),
        ("udpos>panx@sw", "panx"): ("sw",), ("udpos>panx@sw", "udpos"): (), ("udpos>panx@sw", "tatoeba"): (),
    }  # fmt: skip


def test_what_is_kept_goes_by_the_scores_that_select(store):
    runs = {run.variant: run.record for run in load(store) if run.cells and run.record.spec.tasks == ("panx",)}
    cells = {row: Cell(*row, "panx", 42) for row in runs}
    nodes = [Node(spec=run.record.spec, name="", row=run.variant, cost=1.0, share=Share(cpus=1)) for run in load(store)]
    made = Plan(nodes={each.run_id: each for each in nodes}, cells={cells[row]: runs[row].run_id for row in runs})
    score = dev_score(store, made)
    selected = select(collect(load(store)))["panx"].choice
    known = {each.variant: each.seeds[42] for each in selected.candidates}
    for row, of in runs.items():
        assert score(of.run_id, cells[row], runs[NONE].run_id) == pytest.approx(known[row]), row
    assert known[SW] == pytest.approx(known[NONE] + 1)
    assert score(runs[SW].run_id, cells[SW], "") is None, "it needs the baseline's"
    assert score(runs[EN].run_id, cells[EN], "") == pytest.approx(known[EN])


def test_the_rows_of_the_paper_have_seen_nothing(tmp_path):
    assert {each.before for each in seen_of_runs(load(fill(tmp_path))).values()} == {()}


def test_a_mean_is_over_the_other_languages_on_both_sides_of_a_change(store):
    results = collect(load(store))
    own, baseline = results.dev(SW, "panx"), results.dev_beside(NONE, SW, "panx")
    assert isinstance(own, TaskScore)
    assert isinstance(baseline, TaskScore)
    assert own.seen == ("sw",)
    assert own.averaged == tuple(OTHERS)
    assert own.value == 51.0
    assert own.languages["sw"] == {"f1": 91.0}
    assert baseline.value == 50.0
    assert "en" not in own.zero_shot
    assert own.over(tuple(own.languages)).value == pytest.approx(51.0 + 40.0 / (len(OTHERS) + 1))


def test_the_baseline_beside_such_a_row_leaves_its_languages_out(tmp_path):
    store = fill_donors(tmp_path, "panx", ["sw"], lambda donor, code: level(donor, code) - 30.0 * (code == "sw"))
    results = collect(load(store))
    beside = results.dev_beside(NONE, SW, "panx")
    assert isinstance(beside, TaskScore)
    assert beside.value == 50.0
    found = results.dev(NONE, "panx")
    assert isinstance(found, TaskScore)
    assert found.value == pytest.approx(50.0 - 30.0 / (len(OTHERS) + 1))


def test_other_families_are_whole(store):
    found = collect(load(store)).dev(SW, "udpos")
    assert isinstance(found, TaskScore)
    assert found.seen == ()


def test_a_row_is_not_selected_for_labels_that_it_has_seen(tmp_path):
    def better_in_english(donor, code):
        return level(donor, code) + (0.5 if donor == "en" else 0.0)

    other = fill_donors(tmp_path, "panx", ["en", "sw"], better_in_english)
    selection = select(collect(load(other)))["panx"]
    assert selection.variant == EN
    assert isinstance(selection.choice, Choice)
    assert {str(each.variant): each.score for each in selection.choice.candidates} == pytest.approx(
        {"none": 50.0, "panx": 51.5, "panx@sw": 51.0}
    )


def test_both_test_scores_are_over_the_languages_that_are_left_and_are_marked(tmp_path):
    def unlike(donor, code):
        return level(donor, code) + (20.0 if code == "sw" else 0.0)

    results = collect(load(fill_donors(tmp_path, "panx", ["sw"], unlike, ["panx", "udpos"])))
    lines = table2(results, select(results)).blocks[-1].rows
    assert [line.label for line in lines] == ["baseline", "best"]
    for line in lines:
        assert [SEEN in entry.marks for entry in line.entries] == [False, True, True], "POS, NER, Avg"
    assert [line.entries[1].values for line in lines] == [(pytest.approx(51.0),), (pytest.approx(52.0),)]
    others = collect(load(fill_donors(tmp_path / "other", "panx", ["en"], level)))
    for line in table2(others, select(others)).blocks[-1].rows:
        assert not any(SEEN in entry.marks for entry in line.entries)


def test_without_a_baseline_such_a_row_cannot_be_put_beside_others(tmp_path):
    store = fill_donors(tmp_path, "panx", ["en", "sw"], level)
    runs = [run for run in load(store) if run.variant != NONE]
    choice = select(collect(runs))["panx"].choice
    assert isinstance(choice, Choice)
    assert choice.best.variant == EN
    assert "needs a baseline" in choice.left_out[SW]


def test_where_labels_of_all_languages_were_seen_what_the_target_is_trained_in_is_left(tmp_path):
    store = fill_donors(tmp_path, "panx", [], level)
    every = donor_spec("panx", *task("panx").languages[Split.DEV])
    store.finish(record(every))
    store.finish(record(target_spec("panx", parent=every.run_id), scores_of("panx", lambda code: 90.0)))
    results = collect(load(store))
    found = [results.dev(row, "panx") for row in results.variants if row != NONE]
    assert isinstance(found[0], TaskScore)
    assert found[0].averaged == ("en",)


def test_a_score_of_seen_languages_alone_is_a_gap():
    score = TaskScore(target="panx", split=Split.DEV, metrics={"f1": 90.0}, languages={"sw": {"f1": 90.0}})
    found = score.without(["sw", "de"])
    assert isinstance(found, Gap)
    assert "all of its languages (sw)" in found.reason


def test_table_and_report_mark_them_and_have_both_means(store):
    results = collect(load(store))
    text = markdown(table2(results, select(results)))
    assert f"+1.0{SEEN}" in text.replace(" ", "")
    assert "sw: NER (sw) -> NER." in text
    written = report_on(store.root, figures=False)
    blocks = in_json(written.path.parent, "languages")
    [panx] = [block for block in blocks if block.get("text", "").startswith("NER, dev")]
    [grid] = panx["blocks"]
    column = grid["columns"].index("NER (sw)")
    lines = {line[0]: line[column] for line in grid["lines"]}
    assert lines["sw"] == {"text": f"91.0 {SEEN}", "number": 91.0}
    assert lines["mean"]["number"] == 51.0
    assert lines["mean, zero-shot languages"]["number"] == 51.0
    assert lines["mean, all languages"]["number"] == pytest.approx(51.0 + 40.0 / (len(OTHERS) + 1))


def test_a_race_is_over_the_languages_that_nobody_has_seen():
    """Against rows that never had the others."""
    keys = [(code, f"{code}{number}") for code in ("de", "en", "sw") for number in range(9)]
    generator = np.random.default_rng(0)
    scores = generator.integers(0, 2, (2, len(keys))).astype(float)
    whole = [Rows(keys=tuple(keys), items=tuple(range(27)), scores=each) for each in scores]
    cut = [Rows(keys=tuple(keys[:18]), items=tuple(range(18)), scores=each[:18]) for each in scores]
    raced, plain = (points_of({"none": own[:1], "panx@sw": own[1:]}, {"sw"}) for own in (whole, cut))
    for name in plain:
        np.testing.assert_array_equal(raced[name], plain[name])
    with pytest.raises(RowsError, match="labels in all of its languages were seen"):
        points_of({"none": whole[:1]}, {"de", "en", "sw"})


def test_verdicts_compare_the_other_languages_alone():
    """Against the plain way: the same column, cut to the languages that are left before anything is compared."""
    rows, codes = [NONE, SW, EN], ("de", "en", "sw")
    keys = [(code, f"{code}{number}") for code in codes for number in range(40)]
    generator = np.random.default_rng(0)
    runs = [
        Rows(keys=tuple(keys), items=tuple(range(len(keys))), scores=generator.integers(0, 2, len(keys)).astype(float))
        for _ in range(2 * len(rows))
    ]
    together, places = aligned(runs), {row: {42: 2 * place, 43: 2 * place + 1} for place, row in enumerate(rows)}
    column = Column(together, places, {}, {SW: frozenset({"sw"})})
    plain = Column(together, places, {})
    assert column.difference(SW, NONE) == plain.of(["de", "en"]).difference(SW, NONE)
    assert column.difference(EN, SW) == plain.of(["de", "en"]).difference(EN, SW)
    assert column.difference(EN, NONE) == plain.difference(EN, NONE)
    assert column.difference(SW, NONE).value != pytest.approx(plain.difference(SW, NONE).value)
    assert column.spread(SW, NONE)[0] == plain.of(["de", "en"]).spread(SW, NONE)[0]
    with pytest.raises(RowsError, match=r"labels in all of its languages were seen \(sw\)"):
        column.of(["sw"]).difference(SW, NONE)
