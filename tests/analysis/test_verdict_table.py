"""Verdicts in Table 2: the sign behind the numbers, what the signs mean, how sure a selection is; in every form."""

import dataclasses

import pytest

from analysis.report.selected import how_sure
from analysis.selection.sweep import gather
from analysis.statistics.estimate import NoVerdict, Separation, Word
from analysis.tables.latex import latex
from analysis.tables.rendering import markdown, printed
from analysis.tables.table import Entry
from analysis.tables.table2 import table2
from tests.made.records import fill
from tests.made.verdicts import NO_PREDICTIONS, made_verdicts, verdict
from trainables.ledger.cells import Row

ANLI, SQUAD, MULTI = Row("anli", False), Row("squad", False), Row("multitask", False)


@pytest.fixture(scope="module")
def sweeps(tmp_path_factory):
    """Sweeps of the made grid with two seeds and with one."""
    root = tmp_path_factory.mktemp("stores")
    return {seeds: gather(fill(root / f"{seeds}", seeds=tuple(range(42, 42 + seeds)))) for seeds in (1, 2)}


def table_of(sweep, **options):
    verdicts = made_verdicts(sweep.results, sweep.selections, **options)
    return table2(sweep.results, sweep.selections, verdicts=verdicts)


def shown(table, block, label):
    [line] = [line for line in table.blocks[block].rows if line.label == label]
    return {column.title: str(entry) for column, entry in zip(table.columns, line.entries, strict=True)}


def test_the_sign_follows_the_numbers_and_marks_follow_the_sign():
    def entry(value, **fields):
        return str(Entry(values=(value,), signed=True, verdict=verdict(value), **fields))

    assert [entry(2.5), entry(-3.0, marks="°!"), entry(0.1), entry(1.0)] == ["+2.5▲", "-3.0▼°!", "+0.1≈", "+1.0"]
    assert str(Entry(values=(1.0,), verdict=NoVerdict(reason="why"))) == "1.0"
    assert str(Entry(text="–", verdict=verdict(3.0))) == "–"


def test_cells_averages_and_test_scores_have_the_signs_of_their_verdicts(sweeps):
    """By `records.level`: ANLI+ two points up, SQuAD one down but six up on QA, Multi-task one up."""
    table = table_of(sweeps[2])
    anli, squad, multi = (shown(table, 1, label) for label in ("ANLI+", "SQuAD", "Multi-task"))
    assert (anli["XNLI"], anli["Tatoeba"], anli["Avg"]) == ("+2.0▲", "+32.0▲", "+5.8▲")
    assert (squad["XNLI"], squad["XQuAD"], multi["XNLI"]) == ("-1.0", "+5.0/+5.0▲", "+1.0")
    assert shown(table, 0, "baseline")["XNLI"] == "60.1"
    assert shown(table, 3, "best")["XNLI"] == "63.1▲"
    assert shown(table, 3, "baseline")["XNLI"] == "61.1"


def test_every_form_has_the_signs_and_what_they_mean(sweeps):
    table = table_of(sweeps[2])
    for form in (markdown(table), printed(table, 120), printed(table, 100)):
        assert "+2.0▲" in form
        assert "▲ better, ▼ worse than the baseline; ≈ equivalent: within 0.5 points of it" in " ".join(form.split())
    tex = latex(table)
    assert "\\textbf{$+$2.0}$^{\\triangle}$" in tex
    assert "$^{\\triangle}$ better, $^{\\bigtriangledown}$ worse" in tex
    assert not set("▲▼≈") & set(tex)


def test_notes_say_what_the_verdicts_rest_on(sweeps):
    """48 cells and 6 averages; the detectable difference of every made verdict is 1.9."""
    notes = table_of(sweeps[2]).notes
    assert "Verdicts on dev at level 0.05 over the whole table (Holm over 54 comparisons)." in notes
    assert "Intervals are over rows and seeds (2 a cell)." in notes
    [least] = [note for note in notes if note.startswith("Smallest difference")]
    assert least.startswith(
        "Smallest difference found with a chance of 80% (median of the column): XNLI 1.9, PAWS-X 1.9"
    )
    assert least.endswith("Avg 1.9 points.")
    one = table_of(sweeps[1]).notes
    assert "Intervals are over rows alone: one seed a cell; another seed may land elsewhere." in one


def test_cells_without_a_verdict_are_named_with_the_reason(sweeps):
    table = table_of(sweeps[2], without=[(ANLI, "pawsx"), (SQUAD, "pawsx")])
    assert f"No verdict: ANLI+, SQuAD -> PAWS-X ({NO_PREDICTIONS})." in table.notes
    assert shown(table, 1, "ANLI+")["PAWS-X"] == "+2.0"


def test_without_verdicts_the_table_is_as_it_was(sweeps):
    sweep = sweeps[2]
    plain = table2(sweep.results, sweep.selections)
    assert not set("▲▼≈") & set(printed(plain, 120))
    assert not any("erdict" in note or "nterval" in note for note in plain.notes)


def test_a_word_has_a_sign_of_its_own():
    assert sorted(word.sign for word in Word) == ["", "≈", "▲", "▼"]


def test_how_sure_a_selection_is(sweeps):
    separations = made_verdicts(sweeps[2].results, sweeps[2].selections).separations
    # ANLI+ + MLM is half a point behind, Multi-task one point; the others 1.5 or more
    assert [rival.variant for rival in separations["xnli"].rivals] == [Row("anli", True), MULTI]
    assert how_sure(separations["xnli"]) == "not separable from 2 of 6"
    assert how_sure(dataclasses.replace(separations["xnli"], rivals=())) == "ahead of all 6 others beyond chance"
    assert how_sure(Separation(variant=ANLI, reason="no predictions")) == "not compared: no predictions"
    assert how_sure(None) == ""
