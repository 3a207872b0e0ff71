"""Pictures show the numbers they are made from, in print without colour too, and always as the same bytes."""

import dataclasses
import re
from xml.etree import ElementTree

import matplotlib as mpl
import numpy as np
import pandas as pd
import pytest
from scipy.optimize import isotonic_regression

from analysis.figures.bars import by_language
from analysis.figures.cost import cost_gain, spread
from analysis.figures.curves import dev_curves, search_curves
from analysis.figures.forest import forest
from analysis.figures.forgetting import forgetting
from analysis.figures.gallery import pictures
from analysis.figures.mlm import with_mlm
from analysis.figures.transfer import transfer
from analysis.figures.write import inline, pdf, save, svg
from analysis.scores.load import load
from analysis.selection.sweep import gather
from tests.made.estimates import estimate, verdicts
from tests.made.records import fill
from trainables.ledger.cells import Row
from trainables.ledger.record import DevPoint
from trainables.ledger.spec import Phase
from trainables.ledger.states import State
from trainables.ledger.studies import StudyResult, Trial
from trainables.tasks.language_families import families, language_name, languages, scripts
from trainables.tasks.languages import XTREME

ANLI, SQUAD, BASELINE = Row("anli", False), Row("squad", False), Row("none", False)
SVG = "{http://www.w3.org/2000/svg}"


def texts(picture):
    """All text of a picture."""
    return ["".join(each.itertext()) for each in ElementTree.fromstring(inline(picture)).iter(f"{SVG}text")]


def trial(number, value=None, state=State.DONE):
    return Trial(number=number, params={}, run_id=f"r{number}", state=state, value=value)


def study(*trials, name="squad"):
    return StudyResult(
        node="n", name=name, row=SQUAD, phase=Phase.INTERMEDIATE, tasks=("squad",), mlm=False, seed=42, winner="r1",
        gain=1.0, importances={}, trials=trials,
    )  # fmt: skip


@pytest.fixture
def sweep(whole_grid):
    return gather(whole_grid)


def layers():
    return pd.DataFrame(
        [
            {"intermediate": row, "mlm": False, "target": "tatoeba", "language": code, "layer": layer, "value": value}
            for row, start in (("none", 10.0), ("anli", 20.0))
            for code in ("de", "fr")
            for layer, value in enumerate((start, start + 30.0, start + 5.0))
        ]
    )


# what is shown


def test_the_heat_map_has_every_difference_with_its_sign(sweep):
    shown = texts(transfer(sweep.results, verdicts(sweep.results)))
    # the levels of tests.made.records: ANLI+ gains 2, on Tatoeba 32; SQuAD 5 on QA, else -1
    assert shown.count("+2.0▲") == 7
    assert "+32.0▲" in shown
    assert shown.count("+5.0▲") == 3
    assert shown.count("-1.0") == 5  # its interval touches 0
    assert "ANLI+ + MLM" in shown
    assert shown.count("Avg") == 1


def test_a_cell_without_score_says_why(whole_grid):
    [run] = [r for r in load(whole_grid) if r.record.spec.tasks == ("xnli",) and r.variant == ANLI]
    scores = tuple(s for s in run.record.scores if s.language != "sw")
    whole_grid.finish(dataclasses.replace(run.record, scores=scores))
    picture = transfer(gather(whole_grid).results)
    assert "gap" in texts(picture)


def test_bars_are_as_high_as_the_scores(sweep):
    scores = {(row, code): estimate(value) for row, value in ((BASELINE, 40.0), (ANLI, 60.0)) for code in ("de", "sw")}
    picture = by_language("xnli", scores, [BASELINE, ANLI])
    [axes] = picture.figure.axes
    assert sorted(bar.get_height() for bar in axes.patches) == [40.0, 40.0, 60.0, 60.0]
    assert {"de", "sw", "baseline", "ANLI+"} <= set(texts(picture))
    assert "rows and seeds" in picture.caption
    alone = {key: estimate(50.0, over_seeds=False) for key in scores}
    assert "rows alone" in by_language("xnli", alone, [ANLI]).caption


def test_languages_stand_by_script(sweep):
    scores = {(ANLI, code): estimate(50.0) for code in ("de", "ru", "ar", "sw", "bg")}
    [axes] = by_language("xnli", scores, [ANLI]).figure.axes
    # Arabic; Cyrillic, both Slavic; Latin: Germanic before Niger-Congo
    assert [label.get_text() for label in axes.get_xticklabels()] == ["ar", "bg", "ru", "de", "sw"]


def test_a_forest_tells_by_shape_what_leaves_out_0():
    gains = {(ANLI, "Latin"): estimate(3.0), (ANLI, "Arabic"): estimate(-3.0), (ANLI, "Greek"): estimate(0.5)}
    picture = forest("scripts", "Gain by script", gains, {"Arabic": ("ar",), "Greek": ("el",), "Latin": ("de", "fr")})
    [axes] = picture.figure.axes
    marks = {line.get_marker(): list(line.get_xdata()) for line in axes.lines if line.get_marker() != "None"}
    assert marks == {"^": [3.0], "v": [-3.0], "o": [0.5]}
    assert {"Arabic (1)", "Greek (1)", "Latin (2)"} <= set(texts(picture))


def test_mlm_pairs_hold_both_differences(sweep):
    picture = with_mlm(sweep.results)
    xnli = next(axes for axes in picture.figure.axes if axes.get_title(loc="left") == "XNLI")
    drawn = sorted(round(float(line.get_xdata()[0]), 6) for line in xnli.lines if line.get_marker() in ("o", "s"))
    # +2, -1, +1 without MLM; half a point less with it
    assert drawn == [-1.5, -1.0, 0.5, 1.0, 1.5, 2.0]


def test_the_best_trial_so_far_never_falls():
    told = [trial(0, 50.0), trial(1, 60.0), trial(2, state=State.PRUNED), trial(3, 55.0)]
    [axes] = search_curves([study(*told)]).figure.axes
    best = next(line for line in axes.lines if line.get_drawstyle() == "steps-post")
    assert (list(best.get_xdata()), list(best.get_ydata())) == ([0, 1, 3], [50.0, 60.0, 60.0])
    crosses = next(line for line in axes.lines if line.get_marker() == "x")
    assert list(crosses.get_xdata()) == [2]


def test_dev_curves_mark_the_checkpoint_that_was_kept(whole_grid):
    [run] = [r for r in load(whole_grid) if r.record.spec.tasks == ("xnli",) and r.variant == ANLI]
    curve = tuple(
        DevPoint(step=step, selection=value, metrics={}) for step, value in ((5, 40.0), (10, 70.0), (20, 60.0))
    )
    whole_grid.finish(dataclasses.replace(run.record, dev_curve=curve, best_step=10))
    picture = dev_curves(gather(whole_grid).runs, Phase.TARGET)
    [axes] = picture.figure.axes
    line = next(line for line in axes.lines if len(line.get_xdata()) == 3)
    assert (list(line.get_xdata()), list(line.get_ydata())) == ([25.0, 50.0, 100.0], [40.0, 70.0, 60.0])
    assert any(list(each.get_xdata()) == [50.0] and list(each.get_ydata()) == [70.0] for each in axes.lines)


def test_forgetting_is_the_mean_over_the_languages():
    picture = forgetting(layers())
    [axes] = picture.figure.axes
    drawn = {line.get_label(): list(line.get_ydata()) for line in axes.lines}
    assert drawn == {"baseline (before)": [10.0, 40.0, 15.0], "ANLI+": [20.0, 50.0, 25.0]}


def test_cost_is_that_of_the_intermediate_runs(tmp_path):
    sweep = gather(fill(tmp_path / "store", seeds=(42, 43)))
    [axes] = cost_gain(sweep.runs, sweep.results).figure.axes
    points = {float(line.get_xdata()[0]) for line in axes.lines if line.get_marker() in ("o", "s")}
    # two seeds of 3 seconds each
    assert points == {6.0}


# places of labels


@pytest.mark.parametrize("wanted", [[0.9, 0.5, 0.1], [0.5, 0.5, 0.5], [0.9, 0.52, 0.5, 0.49, 0.1], [1.0]])
def test_labels_lie_as_near_as_their_distance_allows(wanted):
    """Least squares under an order: the same as scipy's isotonic regression of the places moved by the distance."""
    step = 0.1
    moved = np.array(wanted) + step * np.arange(len(wanted))
    expected = isotonic_regression(moved, increasing=False).x - step * np.arange(len(wanted))
    assert spread(wanted, step) == pytest.approx(list(expected))


# nothing to draw


def test_without_anything_to_show_there_is_no_picture(whole_grid, tmp_path):
    alone = gather(fill(tmp_path / "alone", skip=[
        (row, mlm, target) for row in ("anli", "squad", "multitask") for mlm in (False, True)
        for target in ("xnli", "pawsx", "udpos", "panx", "xquad", "tydiqa", "tatoeba")
    ]))  # fmt: skip
    assert transfer(alone.results) is None
    assert with_mlm(alone.results) is None
    assert cost_gain(alone.runs, alone.results) is None
    assert by_language("xnli", {}, [BASELINE]) is None
    assert forest("f", "F", {}, {}) is None
    assert forgetting(pd.DataFrame()) is None
    assert search_curves([study(trial(0, 50.0))]) is None
    assert dev_curves(alone.runs, Phase.TARGET) is None


# files


@pytest.fixture
def gallery(sweep):
    scores = {(row, code): estimate(50.0) for row in (BASELINE, ANLI) for code in ("de", "sw")}
    return pictures(
        sweep, studies=[study(trial(0, 50.0), trial(1, 60.0))], verdicts=verdicts(sweep.results),
        languages={"xnli": scores}, script_gains=({(ANLI, "Latin"): estimate(3.0)}, {"Latin": ("de", "sw")}),
        layers=layers(),
    )  # fmt: skip


def test_all_pictures_of_a_sweep_are_saved_as_svg_and_pdf(gallery, tmp_path):
    made = save(gallery, tmp_path / "figures")
    assert [path.name for path in made] == [f"{each.name}{suffix}" for each in gallery for suffix in (".svg", ".pdf")]
    assert {each.name for each in gallery} == {
        "transfer", "languages-xnli", "scripts", "mlm", "cost", "forgetting", "searches",
    }  # fmt: skip
    assert all(path.stat().st_size > 1000 for path in made)
    assert all(path.read_bytes().startswith(b"%PDF") for path in made if path.suffix == ".pdf")


def test_the_same_sweep_gives_the_same_bytes_whatever_matplotlib_is_set_to(sweep):
    first = transfer(sweep.results)
    before = svg(first), pdf(first)
    with mpl.rc_context({"font.size": 20, "svg.hashsalt": "other", "axes.facecolor": "red"}):
        again = transfer(sweep.results)
        assert (svg(again), pdf(again)) == before
    assert svg(first) == before[0]


def test_pictures_of_one_page_share_no_id_and_refer_to_nothing_outside(gallery):
    seen: set[str] = set()
    for picture in gallery:
        text = inline(picture)
        assert "<?xml" not in text
        assert not re.findall(r'(?:href|src)="(?!#)', text)
        ids = re.findall(r'\bid="([^"]+)"', text)
        assert len(ids) == len(set(ids))
        assert not seen & set(ids)
        seen |= set(ids)
        referred = {found for pair in re.findall(r'url\(#([^)]+)\)|href="#([^"]+)"', text) for found in pair if found}
        assert referred <= set(ids)


def test_a_picture_tells_a_screen_reader_what_it_shows(gallery):
    for picture in gallery:
        root = ElementTree.fromstring(inline(picture))
        assert root.get("role") == "img"
        assert root.find(f"{SVG}title").text == picture.title
        assert root.find(f"{SVG}desc").text == picture.caption


def test_names_from_a_store_are_never_read_as_formulas_or_markup():
    name = r"$\frac{1}{0}$ <b>&amp;"
    picture = search_curves([study(trial(0, 50.0), trial(1, 60.0), name=name)])
    assert name in texts(picture)


# languages


def test_families_and_scripts_cover_the_40_languages():
    assert set(languages()) == set(XTREME)
    assert sum(len(codes) for codes in families(XTREME).values()) == 40
    assert scripts(XTREME)["Cyrillic"] == ("bg", "kk", "ru")
    assert families(XTREME)["Uralic"] == ("et", "fi", "hu")
    assert families(["xx", "de"]) == {"IE: Germanic": ("de",)}
    assert (language_name("sw"), language_name("xx")) == ("Swahili", "xx")
