"""What the pictures draw, against values worked out by hand or by numpy."""

import dataclasses

import numpy as np
import pytest
from matplotlib.collections import LineCollection
from matplotlib.colors import to_rgb
from matplotlib.figure import Figure
from pandas import DataFrame

from analysis.figures import heat_map
from analysis.figures.cost import cost_against_gain, intermediate_seconds
from analysis.figures.dev_curves import intermediate_curves, target_curves
from analysis.figures.forgetting import retrieval_by_layer
from analysis.figures.groups import group_forest
from analysis.figures.heat_map import transfer_map
from analysis.figures.labels import place_labels
from analysis.figures.language_bars import language_bars
from analysis.figures.mlm import with_and_without_mlm
from analysis.figures.search_curves import search_curves
from analysis.figures.write import inline
from analysis.scores.load import Run
from tests.made.figures import NONE, cut_off, estimate, published, verdicts_of, words_in, words_of
from tests.made.records import intermediate_spec, record, target_spec
from trainables.ledger.cells import Row
from trainables.ledger.record import DevPoint
from trainables.ledger.spec import Phase
from trainables.ledger.states import State
from trainables.ledger.studies import StudyResult, Trial
from trainables.tasks import languages
from trainables.tasks.language_facts import by_family, by_script

pytestmark = pytest.mark.filterwarnings("error::UserWarning")  # matplotlib's when a picture cannot be laid out

SQUAD, SQUAD_MLM, ANLI = Row("squad", False), Row("squad", True), Row("anli", False)
FEW = {"rows": [NONE, SQUAD, SQUAD_MLM], "targets": ["xnli", "xquad", "tatoeba"]}


def with_curve(made, figures, planned=None):
    points = tuple(DevPoint(step=10 * (i + 1), selection=figure, metrics={}) for i, figure in enumerate(figures))
    best = max(points, key=lambda point: point.selection).step
    return dataclasses.replace(made, dev_curve=points, best_step=best, planned_steps=planned or points[-1].step)


def study(name="squad", values=(60.0, 62.0, None, 61.0, 64.0), gain=4.0):
    trials = tuple(
        Trial(
            number=number, params={"epochs": 1.0}, run_id=f"{number}",
            state=State.PRUNED if value is None else State.DONE, value=value,
        )
        for number, value in enumerate(values)
    )  # fmt: skip
    return StudyResult(
        node="n", name=name, row=SQUAD, phase=Phase.INTERMEDIATE, tasks=("squad",), mlm=False, seed=42, winner="4",
        gain=gain, importances={}, trials=trials,
    )  # fmt: skip


def layer_scores(values, target="tatoeba", codes=("de", "fr")):
    """(row, layer) -> value in each language, one more a language."""
    return DataFrame(
        [
            (row.intermediate, row.mlm, target, code, layer, value + place)
            for (row, layer), value in values.items()
            for place, code in enumerate(codes)
        ],
        columns=["intermediate", "mlm", "target", "language", "layer", "value"],
    )


def test_the_map_shows_the_differences_of_the_printed_table_with_their_signs():
    results = published(**FEW)
    words = words_in(transfer_map(results, verdicts_of(results), {"xquad": SQUAD}).svg)
    # SQuAD against the baseline as printed: XNLI 78.7 - 80.1; XQuAD the mean of +1.1 and +1.3; Tatoeba 77.9 - 31.0.
    for expected in ("80.1", "31.0", "−1.4 ▼", "+1.2 ▲", "+46.9 ▲", "−4.1 ▼", "+1.0 ▲", "+23.5 ▲"):
        assert expected in words
    assert any("framed: selected" in word for word in words)


def test_a_missing_score_is_a_word_and_hatching_not_a_number():
    picture = transfer_map(published(**FEW, gaps=[(SQUAD, "xnli", State.FAILED), (SQUAD_MLM, "xquad", State.PENDING)]))
    words = words_in(picture.svg)
    assert words.count("failed") == 2  # the cell and the average of its row
    assert words.count("…") == 2
    assert sum(bool(patch.get_hatch()) for patch in picture.figure.axes[0].patches) == 4


def test_there_is_no_map_without_a_baseline_or_without_a_difference():
    assert transfer_map(published(rows=[SQUAD], targets=["xnli"])) is None
    assert transfer_map(published(rows=[NONE], targets=["xnli"])) is None
    assert transfer_map(published(rows=[NONE, SQUAD], targets=["xnli"], gaps=[(SQUAD, "xnli", State.FAILED)])) is None


def luminance(colour):
    """Relative luminance (WCAG 2)."""
    linear = [part / 12.92 if part <= 0.04045 else ((part + 0.055) / 1.055) ** 2.4 for part in to_rgb(colour)]
    return float(np.dot(linear, [0.2126, 0.7152, 0.0722]))


def test_colours_of_the_map_darken_away_from_zero_so_that_grey_print_keeps_their_order():
    light = [luminance(colour) for colour in heat_map.COLOURS]
    middle = len(light) // 2
    assert light[: middle + 1] == sorted(light[: middle + 1])
    assert light[middle:] == sorted(light[middle:], reverse=True)
    assert len(heat_map.COLOURS) == len(heat_map.STEPS) + 1


def test_words_on_the_map_stand_out_from_their_ground():
    results = published()
    axes = transfer_map(results).figure.axes[0]
    grounds = [patch.get_facecolor() for patch in axes.patches]
    for text, ground in zip(axes.texts, grounds, strict=True):
        one, other = sorted((luminance(text.get_color()), luminance(ground)))
        assert (other + 0.05) / (one + 0.05) >= 4.5


def test_bars_of_all_forty_languages_stand_by_script_with_their_intervals():
    scores = {
        (row, code): estimate(40.0 + place + shift)
        for row, shift in ((NONE, 0), (SQUAD, 5))
        for place, code in enumerate(languages.XTREME)
    }
    axes = language_bars("panx", scores, [NONE, SQUAD], "F1").figure.axes[0]
    codes = [tick.get_text() for tick in axes.get_xticklabels()]
    assert sorted(codes) == sorted(languages.XTREME)
    assert codes[:4] == ["en", "af", "de", "nl"]
    assert codes[20:23] == ["bg", "ru", "kk"]
    assert [text.get_text() for text in axes.texts][:3] == ["Latin", "Cyrillic", "Greek"]
    heights = {code: bar.get_height() for code, bar in zip(codes, axes.containers[1], strict=True)}
    assert heights["en"] == 45.0
    (low, high) = next(c for c in axes.collections if isinstance(c, LineCollection)).get_segments()[0][:, 1]
    assert (low, high) == (39.0, 41.0)


def test_bars_of_a_row_without_scores_are_left_out_and_of_too_many_rows_refused():
    scores = {(NONE, "de"): estimate(50.0)}
    assert len(language_bars("xnli", scores, [NONE, SQUAD]).figure.axes[0].containers) == 1
    assert language_bars("xnli", scores, [SQUAD]) is None
    with pytest.raises(ValueError, match="4 rows given"):
        language_bars("xnli", scores, [NONE, SQUAD, SQUAD_MLM, ANLI])


def test_a_caption_says_when_the_seed_is_one():
    alone = language_bars("xnli", {(NONE, "de"): estimate(50.0, over_seeds=False)}, [NONE]).caption
    assert "another seed may land elsewhere" in alone
    assert "over rows and seeds" in language_bars("xnli", {(NONE, "de"): estimate(50.0)}, [NONE]).caption


def test_a_forest_is_hollow_where_the_interval_holds_zero():
    gains = {(SQUAD, "Latin"): estimate(3.0), (SQUAD, "Han"): estimate(0.5), (SQUAD, "Thai"): estimate(-2.0)}
    groups = {"Latin": ["de", "fr"], "Greek": ["el"], "Han": ["zh"], "Thai": ["th"]}
    axes = group_forest("gain-by-script", "script", gains, [SQUAD, ANLI], groups).figure.axes[0]
    drawn = {
        (float(x), float(y)): (line.get_marker(), line.get_markerfacecolor() == "#ffffff")
        for line in axes.lines[1:]
        for x, y in zip(line.get_xdata(), line.get_ydata(), strict=True)
    }
    assert drawn == {(3.0, 0.0): ("o", False), (0.5, 1.0): ("o", True), (-2.0, 2.0): ("s", False)}
    assert [tick.get_text() for tick in axes.get_yticklabels()] == ["Latin (2)", "Han (1)", "Thai (1)"]
    assert group_forest("x", "script", gains, [ANLI], groups) is None


def test_curves_of_intermediate_runs_are_drawn_once_whoever_starts_from_them():
    parent = with_curve(record(intermediate_spec("squad")), (50.0, 70.0, 60.0))
    mlm = with_curve(record(intermediate_spec("squad", mlm=True)), (50.0, 60.0, 65.0))
    children = [record(target_spec(name, parent=parent.run_id)) for name in ("xnli", "pawsx")]
    runs = [Run(record=child, parent=parent) for child in children] + [Run(record=mlm)]
    (axes,) = intermediate_curves(runs).figure.axes
    assert [list(line.get_ydata()) for line in axes.lines] == [[50.0, 70.0, 60.0], [50.0, 60.0, 65.0]]
    assert np.allclose(axes.lines[0].get_xdata(), [100 / 3, 200 / 3, 100])
    assert [line.get_markevery() for line in axes.lines] == [[1], [2]]


def test_a_long_curve_keeps_its_best_and_its_last_point():
    figures = list(np.linspace(50, 60, 401))
    figures[123] = 90.0
    made = with_curve(record(target_spec("xnli")), figures)
    line = target_curves([Run(record=made)]).figure.axes[0].lines[0]
    assert len(line.get_xdata()) < 50
    assert max(line.get_ydata()) == 90.0
    assert line.get_ydata()[line.get_markevery()[0]] == 90.0
    assert line.get_ydata()[-1] == 60.0


def test_a_run_that_stopped_early_ends_before_the_right_edge():
    made = with_curve(record(target_spec("xnli")), (50.0, 60.0), planned=80)
    assert list(target_curves([Run(record=made)]).figure.axes[0].lines[0].get_xdata()) == [12.5, 25.0]


def test_the_best_so_far_of_a_search_never_falls():
    values = (60.0, 62.0, None, 61.0, 64.0)
    axes = search_curves([study(values=values)]).figure.axes[0]
    best, points, configured, crosses = axes.lines
    assert list(best.get_ydata()) == [*np.maximum.accumulate([60.0, 62.0, 61.0, 64.0]), 64.0]
    assert list(points.get_xdata()) == [0, 1, 3, 4]
    assert set(configured.get_ydata()) == {60.0}
    assert list(crosses.get_xdata()) == [2]


def test_of_many_searches_those_with_the_largest_gain_are_drawn_and_the_caption_says_so():
    picture = search_curves([study(name=f"node {place}", gain=float(place)) for place in range(20)])
    titles = [axes.get_title(loc="left") for axes in picture.figure.axes]
    assert titles == [f"node {place}" for place in range(4, 20)]
    assert "16 searches with the largest gain, of 20" in picture.caption
    assert search_curves([]) is None
    assert search_curves([study(values=(None, None))]) is None


def test_the_picture_of_mlm_joins_pairs_and_leaves_out_what_has_no_pair():
    results = published(rows=[NONE, SQUAD, SQUAD_MLM, ANLI], targets=["xnli", "tatoeba"])
    average, xnli, tatoeba = with_and_without_mlm(results).figure.axes
    assert [axes.get_title(loc="left") for axes in (average, xnli, tatoeba)] == ["Avg", "XNLI", "Tatoeba"]
    without, beside = (line.get_xdata() for line in xnli.lines[1:3])
    assert (round(without[0], 1), round(beside[0], 1)) == (-1.4, -4.1)
    assert [tick.get_text() for tick in average.get_yticklabels()] == ["SQuAD"]
    assert with_and_without_mlm(published(rows=[NONE, ANLI], targets=["xnli"])) is None


def test_layers_are_means_over_the_languages_that_all_rows_have():
    values = {(NONE, 0): 10.0, (NONE, 1): 20.0, (SQUAD, 0): 30.0, (SQUAD, 1): 40.0}
    frame = layer_scores(values, codes=("de", "fr", "ja"))
    frame = frame[~((frame["intermediate"] == "squad") & (frame["language"] == "ja") & (frame["layer"] == 1))]
    picture = retrieval_by_layer(frame)
    (axes,) = picture.figure.axes
    assert axes.get_title(loc="left") == "Tatoeba, without MLM"
    assert [list(line.get_ydata()) for line in axes.lines] == [[10.5, 20.5], [30.5, 40.5]]
    assert "Tatoeba over 2 of 3 languages" in picture.caption
    assert axes.lines[0].get_linewidth() > 2 * axes.lines[1].get_linewidth()


def test_layers_of_several_seeds_are_averaged_and_of_the_baseline_alone_not_drawn():
    values = {(NONE, 0): 10.0, (SQUAD, 0): 30.0}
    frame = layer_scores(values)
    later = frame.assign(value=frame["value"] + 2.0)
    (axes,) = retrieval_by_layer(
        DataFrame([*frame.itertuples(index=False), *later.itertuples(index=False)])
    ).figure.axes
    assert [line.get_ydata()[0] for line in axes.lines] == [11.5, 31.5]
    assert retrieval_by_layer(layer_scores({(NONE, 0): 10.0})) is None
    assert retrieval_by_layer(frame[:0]) is None


def test_the_cost_of_a_row_is_that_of_its_intermediate_runs_counted_once_and_averaged_over_seeds():
    runs = []
    for seed, seconds in ((42, 100.0), (43, 300.0)):
        parent = dataclasses.replace(
            record(intermediate_spec("squad", seed=seed)), seconds={"train": seconds, "evaluate": 10.0}
        )
        runs += [
            Run(record=record(target_spec(name, parent=parent.run_id, seed=seed)), parent=parent)
            for name in ("xnli", "pawsx")
        ]
    runs.append(Run(record=record(target_spec("xnli"))))
    assert intermediate_seconds(runs) == {SQUAD: 210.0}


def test_cost_against_gain_draws_a_point_for_every_row_that_has_both():
    results = published()
    others = results.variants[1:]
    seconds = {row: 600.0 * (place + 1) for place, row in enumerate(others[:10])}
    axes = cost_against_gain(results, seconds, verdicts_of(results)).figure.axes[0]
    points = {(x, round(float(y), 3)) for line in axes.lines[1:] for x, y in zip(*line.get_data(), strict=True)}
    assert len(points) == 10
    assert (600.0, 7.711) in points  # ANLI+, recomputed in table2_dev.csv
    assert cost_against_gain(results, {}) is None


@pytest.mark.parametrize("width", [0.0, 0.05, 0.3, 1.0])
def test_labels_of_sixteen_points_overlap_neither_each_other_nor_the_frame(width):
    places = np.random.default_rng(3).uniform(0, width, (16, 2))
    figure = Figure(figsize=(5.2, 3.4))
    axes = figure.add_axes((0.1, 0.1, 0.85, 0.85))
    axes.set_xlim(-0.2, 1.2)
    axes.set_ylim(-0.2, 1.2)
    place_labels(axes, [(x, y, f"HellaSwag + MLM {place}") for place, (x, y) in enumerate(places)])
    boxes = [box for text, box in words_of(figure) if text.startswith("Hella")]
    frame = axes.get_window_extent()
    assert len(boxes) == 16
    for place, box in enumerate(boxes):
        assert not any(box.overlaps(other) for other in boxes[:place])
        assert frame.x0 <= box.x0 < box.x1 <= frame.x1
        assert frame.y0 <= box.y0 < box.y1 <= frame.y1


def test_a_label_stands_beside_its_point_where_there_is_room():
    figure = Figure(figsize=(5.2, 3.4), dpi=72)
    axes = figure.add_axes((0, 0, 1, 1))
    axes.set_xlim(0, 1)
    place_labels(axes, [(0.2, 0.5, "one"), (0.7, 0.5, "two")])
    for (_, box), x in zip(words_of(figure)[-2:], (0.2, 0.7), strict=True):
        assert 3 < box.x0 - x * 5.2 * 72 < 6


@pytest.fixture(scope="module")
def papers_pictures(tmp_path_factory):
    """All pictures of the paper's grid with three seeds, but for the curves of runs."""
    results = published(seeds=(42, 43, 44), spread=0.3)
    others = results.variants[1:]
    scores = [results.dev(row, target) for row in results.variants for target in results.targets]
    codes = sorted({code for score in scores for code in score.languages})
    pictures = [
        transfer_map(results, verdicts_of(results), {"xnli": SQUAD}),
        with_and_without_mlm(results, verdicts_of(results)),
    ]
    for target in results.targets:
        found = {
            (row, code): estimate(60.0 + len(row.intermediate))
            for row in (NONE, SQUAD)
            for code in results.dev(NONE, target).languages
        }
        pictures.append(language_bars(target, found, [NONE, SQUAD], "accuracy"))
    for things, groups in (("family", by_family(codes)), ("script", by_script(codes))):
        gains = {(row, group): estimate(len(group) - 6.5) for row in others for group in groups}
        pictures.append(group_forest(f"gain-by-{things}", things, gains, others, groups))
    pictures.append(cost_against_gain(results, {row: 900.0 * len(str(row)) for row in others}, verdicts_of(results)))
    values = {(row, layer): 50.0 + layer for row in results.variants for layer in range(25)}
    pictures.append(retrieval_by_layer(layer_scores(values)))
    return pictures


def test_no_word_of_the_papers_pictures_is_cut_off(papers_pictures):
    assert {picture.name: cut_off(picture.figure) for picture in papers_pictures if cut_off(picture.figure)} == {}


def test_the_papers_pictures_are_small_enough_for_one_page_and_have_names_of_their_own(papers_pictures):
    assert len({picture.name for picture in papers_pictures}) == len(papers_pictures) == 15
    assert sum(len(inline(picture).encode()) for picture in papers_pictures) < 1_000_000
