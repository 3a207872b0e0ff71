"""The paper's table through the whole pipeline, and the ledger of reproduced numbers."""

from __future__ import annotations

import math
from collections import Counter

import pytest

from analysis.published import tables
from analysis.published.numbers import AVERAGE, Follows, Part, averages, cells
from analysis.published.page import markdown
from analysis.published.reproduction import reproduction
from analysis.selection.results import collect
from analysis.selection.selection import best_models_average, select
from analysis.selection.sweep import gather
from analysis.statistics.estimate import Estimate, Verdict, Verdicts, Word
from analysis.tables.table2 import table2
from tests.made.paper import BEST, fill_paper
from tests.made.records import fill
from trainables.ledger.cells import Row

BASELINE = Row("none", False)
# protocol.md 6, recomputed. As printed but for 3.756 (+3.7), 7.250 (a tie, +7.3) and 7.100 (+5.1)
AVERAGES = {
    "ANLI+": "+7.7", "QQP": "+5.3", "SQuAD": "+8.3", "HellaSwag": "+7.9", "CCG": "+3.8", "CosmosQA": "+4.7",
    "CSQA": "+4.9", "Multi-task": "+6.4",
}  # fmt: skip
WITH_MLM = {
    "ANLI+": "+7.2", "QQP": "+7.1", "SQuAD": "+4.1", "HellaSwag": "+1.7", "CCG": "+0.9", "CosmosQA": "+6.6",
    "CSQA": "+4.5", "Multi-task": "+6.8",
}  # fmt: skip


@pytest.fixture(scope="module")
def paper(tmp_path_factory):
    """The paper's table as a sweep."""
    return gather(fill_paper(tmp_path_factory.mktemp("paper")))


@pytest.fixture(scope="module")
def found(paper):
    return reproduction(paper.runs, paper.results, paper.selections)


def line(found, part, label, target=AVERAGE, metric=AVERAGE):
    [one] = [
        each
        for each in found.lines
        if (each.number.part, each.number.label, each.number.target, each.number.metric)
        == (part, label, target, metric)
    ]
    return one


def test_the_printed_development_rows_select_the_papers_best_models(paper):
    assert {target: selection.variant for target, selection in paper.selections.items()} == BEST


def test_the_averages_are_the_papers(paper):
    targets = paper.results.averaged_targets
    assert paper.results.dev_average(BASELINE) == pytest.approx(67.200, abs=5e-4)
    # 74.161 with TyDiQA 81.2 as printed in the test rows; the dev rows give 81.3, half of whose 0.1 over nine targets
    assert best_models_average(paper.selections, targets) == pytest.approx(74.161 + 0.05 / 9, abs=5e-4)


def test_table_2_has_the_layout_of_the_paper_and_its_very_cells(paper):
    table = table2(paper.results, paper.selections)
    assert [column.title for column in table.columns] == [
        "XNLI", "PAWS-X", "POS", "NER", "XQuAD", "MLQA", "TyDiQA", "BUCC", "Tatoeba", "Avg",
    ]  # fmt: skip
    first, without, with_mlm, test = table.blocks
    [baseline] = first.rows
    assert [str(entry) for entry in baseline.entries] == [
        "80.1", "86.5", "75.7", "62.8", "76.1/60.0", "70.1/51.5", "75.7/61.0", "71.5", "31.0", "67.2",
    ]  # fmt: skip
    printed: dict[tuple[Row, str], str] = {}
    for each in tables.dev_scores().to_dict("records"):
        key = Row(each["intermediate"], each["mlm"]), each["target"]
        printed[key] = f"{printed[key]}/{each['printed']}" if key in printed else each["printed"]
    rows = [row for row in paper.results.variants if row != BASELINE]
    for row, shown in zip(rows, [*without.rows, *with_mlm.rows], strict=True):
        assert [str(e) for e in shown.entries[:-1]] == [printed[row, target] for target in paper.results.targets]
    assert {row.label: str(row.entries[-1]) for row in with_mlm.rows} == WITH_MLM
    assert {row.label: str(row.entries[-1]) for row in without.rows} == AVERAGES
    assert [row.label for row in test.rows] == ["baseline", "best"]
    assert [str(entry) for entry in test.rows[1].entries] == [
        "80.4", "87.7", "74.4", "63.4", "77.2/61.3", "72.3/53.5", "81.3/68.4", "71.9", "82.7", "74.2",
    ]  # fmt: skip


def test_every_printed_number_has_a_line(found):
    assert len(cells()) == 17 * 12 + 3 * 12 + 8
    assert len(found.lines) == len(cells()) + 17 + 3
    assert Counter(each.absent for each in found.lines if each.ours is None) == {"measured by others": 12 + 1 + 8}
    assert "2005.13013" in found.head
    assert "seven intermediate tasks" in found.head


def test_the_paper_reproduces_itself_but_for_one_average(found):
    far = [each for each in found.compared if abs(each.difference) > 0.1 + 1e-9]
    assert [(each.number.label, each.number.target) for each in far] == [
        ("QQP + MLM", AVERAGE),
        ("XLM-R (Ours)", "tydiqa"),  # 75.7 in the dev rows and 75.5 in the test rows, of one set
    ]
    assert far[1].difference == pytest.approx(0.2)
    assert far[0].ours == pytest.approx(7.1)
    assert far[0].difference == pytest.approx(2.0)
    assert "the printed cells average to +7.1" in far[0].causes


def test_the_average_that_does_not_follow_from_its_cells_is_flagged(found):
    follows = Counter(each.follows for each in averages())
    assert follows == {Follows.YES: 18, Follows.ROUNDED: 1, Follows.NO: 1}
    assert [e.number.label for e in averages() if e.follows is Follows.ROUNDED] == ["CCG"]
    assert found.flags[0].startswith("QQP + MLM, Avg, dev: printed +5.1, but the cells of the row average to +7.1.")
    assert any("75.7" in flag and "75.5" in flag for flag in found.flags)


def test_chance_is_two_runs_a_seed_apart_and_rounding(found):
    """Without measured variance 1 point between runs: a score has one such side a paper, a change two."""
    assert line(found, Part.DEV, "baseline", "xnli", "accuracy").spread == pytest.approx(
        1.96 * math.sqrt(2) + 0.05, abs=1e-3
    )
    assert line(found, Part.DEV, "SQuAD", "xnli", "accuracy").spread == pytest.approx(1.96 * 2 + 0.05, abs=1e-3)
    assert line(found, Part.DEV, "baseline", "tatoeba", "accuracy").spread == 0.05  # nothing is trained
    assert line(found, Part.DEV, "SQuAD", "tatoeba", "accuracy").spread == pytest.approx(
        1.96 * math.sqrt(2) + 0.05, abs=1e-3
    )


def test_measured_variance_takes_the_place_of_the_assumed_one(paper):
    estimate = Estimate(
        value=-1.4, low=-2.0, high=-0.8, error=0.3, freedom=20.0, p=0.001, rows=2490 * 15, items=2490, seeds=3,
        over_seeds=True, row_variance=0.04, seed_variance=0.09,
    )  # fmt: skip
    verdict = Verdict(word=Word.WORSE, estimate=estimate, p=0.01, p_equivalent=1.0, detectable=0.9, seeds_needed=3)
    row = Row("squad", False)
    verdicts = Verdicts(
        cells={(row, "xnli"): verdict}, averages={}, tests={}, separations={}, margin=0.5, seeds=3, family=1
    )
    found = reproduction(paper.runs, paper.results, paper.selections, verdicts)
    shown = line(found, Part.DEV, "SQuAD", "xnli", "accuracy")
    assert shown.spread == pytest.approx(1.96 * math.sqrt(2 * 0.09 * 2 + 2 * 0.04) + 0.05, abs=1e-3)
    other = line(found, Part.DEV, "QQP", "xnli", "accuracy")
    assert other.spread == pytest.approx(1.96 * math.sqrt(2 * 0.09 * 2) + 0.05, abs=1e-3)


def test_known_causes_are_those_of_the_cell(found):
    causes = line(found, Part.DEV, "CCG + MLM", "udpos", "f1").causes
    assert any("foreign treebanks in el, zh, fr, ru, de" in cause for cause in causes)
    assert any("April 2020" in cause for cause in causes)
    assert any(cause.startswith("CCG: from another preparation") for cause in causes)
    assert any("2 epochs, published 10" in cause for cause in causes)
    assert not any("XNLI" in cause or "BUCC" in cause for cause in causes)
    assert any("hidden state 14" in cause for cause in line(found, Part.DEV, "QQP", "bucc", "f1").causes)


def test_the_page_shows_the_numbers_their_differences_and_the_flags(found):
    text = markdown(found)
    assert "| QQP + MLM | Avg | +5.1 | +7.1 | +2.0 | ±4.0 |" in text
    assert "| QQP + MLM | dev | +5.1 | +7.100 | **no** |" in text
    assert "| SQuAD | MLQA EM | +2.5 | +2.5 | +0.0 |" in text
    assert "| Human | XNLI acc | 92.8 | *measured by others* |" in text


def test_another_encoder_is_not_beside_the_printed_numbers(tmp_path):
    sweep = gather(fill(tmp_path))
    found = reproduction(sweep.runs, sweep.results, sweep.selections)
    assert found.obstacle == "the encoder is bundled:3"
    assert found.compared == ()
    assert "Ours do not stand beside them, because the encoder is bundled:3." in found.head
    text = markdown(found)
    assert "| SQuAD | TyDiQA EM | +7.4 | – |" in text
    assert "Known causes" not in text


def test_a_sweep_of_some_targets_says_what_it_lacks(paper):
    some = tuple(run for run in paper.runs if {*run.record.spec.tasks} & {"xnli"} or not run.cells)
    results = collect(some)
    found = reproduction(some, results, select(results))
    assert line(found, Part.DEV, "SQuAD", "xnli", "accuracy").ours == pytest.approx(-1.4)
    assert line(found, Part.DEV, "SQuAD", "panx", "f1").absent == "not in this sweep"
    assert line(found, Part.DEV, "SQuAD").absent == "over nine targets; this sweep has data for 1"
