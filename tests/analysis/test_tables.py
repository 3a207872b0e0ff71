"""Table 2 as it is shown: every cell is there, in every form and width, with the reason where there is no number."""

import dataclasses
import re

import pytest

from analysis.scores.load import load
from analysis.selection.results import collect
from analysis.selection.selection import select
from analysis.tables.latex import latex
from analysis.tables.rendering import markdown, printed
from analysis.tables.table import Block, Column, Entry, Line, Table, number
from analysis.tables.table2 import table2
from tests.made.donors import fill_donors
from tests.made.records import DATA, fill, intermediate_spec, language_scores, record, target_spec
from trainables.ledger.cells import Cell
from trainables.ledger.standing import Standing
from trainables.ledger.states import State
from trainables.ledger.store import Store
from trainables.tasks.registry import task
from trainables.tasks.task import Split


def table_of(runs, status=None):
    results = collect(runs, status)
    return table2(results, select(results))


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    return table_of(load(fill(tmp_path_factory.mktemp("store"))))


@pytest.fixture(scope="module")
def torn(tmp_path_factory):
    """A grid with a cell of every state."""
    skip = [("squad", False, "xnli"), ("multitask", True, "pawsx"), ("anli", True, "panx")]
    runs = load(fill(tmp_path_factory.mktemp("store"), skip=skip))
    status = {cell: Standing(State.DONE) for run in runs for cell in run.cells}
    status[Cell("squad", False, "xnli", 42)] = Standing(State.FAILED, "out of memory\nat line 7")
    status[Cell("multitask", True, "pawsx", 42)] = Standing(State.BLOCKED, "multitask+mlm #42 failed")
    status[Cell("anli", True, "panx", 42)] = Standing(State.PENDING)
    for target in {cell.target for cell in status}:
        status[Cell("csqa", False, target, 42)] = Standing(State.NO_DATA, "csqa: no rows")
    return table_of(runs, status)


@pytest.mark.parametrize("name", ["whole", "torn"])
@pytest.mark.parametrize("width", [60, 100, 120])
def test_the_terminal_form_holds_every_cell_and_no_colour(name, width, request):
    table = request.getfixturevalue(name)
    text = printed(table, width)
    assert "\x1b" not in text
    assert all(len(line) <= width for line in text.splitlines())
    words = text.split()
    for column in table.columns:
        assert any(word.startswith(column.title) for word in words)
    for block in table.blocks:
        assert block.title in text
        for row in block.rows:
            assert row.label in words
            for entry in row.entries:
                assert str(entry) + "*" * entry.best in text


def test_at_width_100_a_row_is_one_line(whole, torn):
    for table in (whole, torn):
        lines = printed(table, 100).splitlines()
        (baseline, _) = [line.split() for line in lines if line.startswith("  baseline")]
        assert baseline[1:6] == ["60.0", "70.0", "55.5", "50.0", "40.0/30.0"]
        assert len(baseline) == 10


def test_values_and_deltas(whole):
    dev, without, with_mlm, test = whole.blocks
    assert [str(entry) for entry in dev.rows[0].entries][-1] == "44.7"
    anli = without.rows[0]
    assert (anli.label, str(anli.entries[0]), str(anli.entries[4])) == ("ANLI+", "+2.0", "+2.0/+2.0")
    assert [row.label for row in with_mlm.rows] == ["ANLI+", "SQuAD", "Multi-task"]
    assert [row.label for row in test.rows] == ["baseline", "best"]
    assert str(test.rows[1].entries[0]) == "63.0"
    best = [(row.label, i) for row in without.rows for i, entry in enumerate(row.entries) if entry.best]
    assert best == [(("ANLI+"), 0), ("ANLI+", 1), ("ANLI+", 2), ("ANLI+", 3), ("ANLI+", 7), ("SQuAD", 4), ("SQuAD", 5),
                    ("SQuAD", 6)]  # fmt: skip


def test_one_set_targets_are_marked_and_caps_said_once(whole):
    assert [column.title + column.marks for column in whole.columns] == [
        "XNLI", "PAWS-X", "POS", "NER", "XQuAD†", "MLQA", "TyDiQA†", "Tatoeba†", "Avg",
    ]  # fmt: skip
    assert [column.unit for column in whole.columns][:5] == ["acc", "acc", "F1", "F1", "F1/EM"]
    assert "All scores are from capped data." in whole.notes
    assert "°" not in printed(whole)


def test_gaps_are_worded_and_explained(torn):
    text = printed(torn, 120)
    assert "failed: SQuAD -> XNLI (out of memory)" in text
    assert "blocked: Multi-task + MLM -> PAWS-X (multitask+mlm #42 failed)" in text
    assert "…: ANLI+ + MLM -> NER (not finished)" in text
    assert "no data: CSQA -> all targets (csqa: no rows)" in text
    assert "Where the missing dev averages can lie: SQuAD" in text
    without = torn.blocks[1]
    assert str(without.rows[1].entries[0]) == "failed"
    assert str(without.rows[1].entries[-1]) == "–"
    csqa = next(row for row in without.rows if row.label == "CSQA")
    assert {str(entry) for entry in csqa.entries[:-1]} == {"no data"}


def test_no_test_score_is_shown_for_an_open_selection(torn):
    test = torn.blocks[-1]
    ner = [column.title for column in torn.columns].index("NER")
    assert [str(row.entries[ner]) for row in test.rows] == ["…", "…"]
    assert not any(row.entries[ner].best for block in torn.blocks for row in block.rows)


def test_markdown_has_equal_columns_and_bold_winners(whole, torn):
    for table in (whole, torn):
        lines = [line for line in markdown(table).splitlines() if line.startswith("|")]
        assert {line.count("|") for line in lines} == {len(table.columns) + 2}
    assert "| ANLI+ | **+2.0** |" in markdown(whole)
    assert "- Bold: selected on dev" in markdown(whole)


def test_latex_is_balanced_and_escaped(torn):
    first, _, text = latex(torn).partition("\n")
    assert first == "% needs \\usepackage{booktabs}"
    assert text.count("\\begin{") == text.count("\\end{") == 2
    assert text.count("\\toprule") == text.count("\\bottomrule") == 1
    body = text[text.index("\\toprule") : text.index("\\bottomrule")].splitlines()
    rows = [line for line in body if "&" in line]
    assert {line.count(" & ") for line in rows} == {len(torn.columns)}
    assert "$-$1.0" in text
    assert "\\#42" in text
    assert not re.search(r"(?<!\\)[#_%]", text)
    assert text.count("{") == text.count("}")


def test_restricted_columns_name_their_languages(tmp_path):
    store = Store(tmp_path).prepare()
    data = dataclasses.replace(DATA, languages=("en", "de"), train_rows=0, eval_rows=0)
    parent = intermediate_spec("anli", data=dataclasses.replace(data, languages=()))
    store.finish(record(parent))
    for up in ("", parent.run_id):
        scores = language_scores("xnli", 60.0, only=("en", "de"))
        store.finish(record(target_spec("xnli", parent=up, data=data), scores))
        whole = dataclasses.replace(data, languages=())
        store.finish(record(target_spec("pawsx", parent=up, data=whole), language_scores("pawsx", 70.0)))
    table = table_of(load(store))
    assert [column.title + column.marks for column in table.columns] == ["XNLI‡", "PAWS-X", "Avg"]
    assert "‡ restricted to some of its languages: XNLI to en, de." in table.notes


@pytest.mark.parametrize(("donors", "said"), [
    (("de", "sw"), "de: NER (de) -> NER; sw: NER (sw) -> NER"),
    (("de", "fi", "sw", "ta"), "the languages that a row names: 4 rows -> NER"),
])  # fmt: skip
def test_the_note_on_languages_whose_labels_were_seen_stays_short(tmp_path, donors, said):
    store = fill_donors(tmp_path, "panx", ("en", *donors), lambda donor, recipient: 50.0)
    [note] = [note for note in table_of(load(store)).notes if note.startswith("§")]
    assert note.endswith(f"are over these languages. {said}.")


def test_columns_that_lack_few_languages_name_those(tmp_path):
    store = Store(tmp_path).prepare()
    for target in ("xnli", "pawsx"):
        have = task(target).languages[Split.TEST]
        data = dataclasses.replace(DATA, languages=tuple(code for code in have if code != "de"))
        store.finish(record(target_spec(target, data=data), language_scores(target, 60.0, only=data.languages)))
    assert "‡ restricted to some of its languages: XNLI, PAWS-X without de." in table_of(load(store)).notes


def test_only_some_capped_cells_are_marked_one_by_one(tmp_path):
    store = Store(tmp_path).prepare()
    parent = intermediate_spec("anli")
    store.finish(record(parent))
    whole = dataclasses.replace(DATA, train_rows=0, eval_rows=0)
    for up in ("", parent.run_id):
        store.finish(record(target_spec("xnli", parent=up, data=whole), language_scores("xnli", 60.0)))
    table = table_of(load(store))
    assert [str(block.rows[0].entries[0]) for block in table.blocks[:2]] == ["60.0", "+0.0°"]
    assert "° capped: fewer rows than the data has." in table.notes


def test_without_a_baseline_rows_are_absolute(tmp_path):
    store = Store(tmp_path).prepare()
    parent = intermediate_spec("anli")
    store.finish(record(parent))
    store.finish(record(target_spec("xnli", parent=parent.run_id), language_scores("xnli", 60.0)))
    table = table_of(load(store))
    assert [block.title for block in table.blocks] == ["Dev, without MLM", "Test, models selected on dev"]
    assert str(table.blocks[0].rows[0].entries[0]) == "60.0"


def test_numbers():
    assert number(-0.04, signed=True) == "+0.0"
    assert number(-0.06, signed=True) == "-0.1"
    assert number(49.84) == "49.8"


def test_a_table_wider_than_the_page_is_split_not_cut():
    columns = tuple(Column(title=f"column{i}") for i in range(12))
    row = Line(label="row", entries=tuple(Entry(values=(float(i),)) for i in range(12)))
    text = printed(Table(title="T", columns=columns, blocks=(Block(title="", rows=(row,)),)), 50)
    assert all(f"column{i}" in text and f"{i}.0" in text for i in range(12))
    assert text.count("  row") == 3
