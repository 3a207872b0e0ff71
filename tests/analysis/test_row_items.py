"""Which rows are one item: on handmade ids, and on the real rows where they are at hand."""

from __future__ import annotations

from collections import Counter

import pytest

from analysis.statistics.row_items import items
from tests.made.texts import MIRROR
from trainables.data.loading import load
from trainables.data.mirror import MirrorData
from trainables.data.source import DataError, MissingDataError
from trainables.tasks.formats.pair import PairFormat
from trainables.tasks.registry import targets, task


def pawsx(**labels):
    """Items of languages whose files have these labels from their first row on."""
    rows = [(language, number, label) for language in labels for number, label in enumerate(labels[language])]
    ids = [f"PAWS-X.{language}.validation.{number}" for language, number, _ in rows]
    return items(task("pawsx"), "hub", [row[0] for row in rows], ids, [row[2] for row in rows])


def test_pairs_are_matched_by_their_number_in_the_file_though_a_label_differs():
    """One label of nineteen differs, as in PAWS-X; the second language lacks the last row."""
    assert pawsx(en="01" * 10, de="11" + "01" * 8 + "0") == (*range(20), *range(19))


def test_pairs_whose_labels_do_not_agree_are_no_translations():
    assert pawsx(en="01" * 10, de="10" * 10) == tuple(range(40))


def test_pairs_of_one_file_are_matched_by_their_place():
    """XNLI: one file holds all languages, so that no two have a row number in common."""
    ids = [f"XNLI.validation.{number}" for number in (240, 241, 242, 0, 1, 2)]
    assert items(task("xnli"), "hub", ["en"] * 3 + ["ar"] * 3, ids, list("cencen")) == (0, 1, 2, 0, 1, 2)


def test_questions_that_some_languages_lack_are_matched_by_id():
    languages, ids = ["en"] * 3 + ["de"] * 2, ["q1", "q2", "q3", "q3", "q1"]
    assert items(task("mlqa"), "mirror", languages, ids, ()) == (0, 1, 2, 2, 0)
    assert items(task("tydiqa"), "mirror", languages, ids, ()) == (0, 1, 2, 3, 4)


@pytest.mark.parametrize("target", ["udpos", "panx", "tatoeba"])
def test_equal_ids_of_sentences_that_are_no_translations_mean_nothing(target):
    assert items(task(target), "mirror", ["en", "en", "de", "de"], ["0", "1", "0", "1"], ()) == (0, 1, 2, 3)
    assert items(task(target), "demo", ["en", "en", "de", "de"], ["0", "1", "0", "1"], ()) == (0, 1, 0, 1)


@pytest.mark.skipif(not MIRROR.is_dir(), reason="the real rows are not at hand")
@pytest.mark.parametrize("target", [found.name for found in targets()])
def test_real_rows(target):
    of, data = task(target), MirrorData(MIRROR)
    languages, ids, labels = [], [], []
    for language in of.languages[of.selection_split]:
        try:
            found = load(of, of.selection_split, language, data).examples
        except (DataError, MissingDataError):
            continue
        languages += [language] * len(found)
        ids += [example.id for example in found]
        labels += [example.label for example in found] if isinstance(of.format, PairFormat) else []
    if not languages:
        pytest.skip("the mirror has no rows of this target")
    sizes = Counter(Counter(items(of, "mirror", languages, ids, labels)).values())
    expected = {
        "xnli": {15: 66},  # 66 pairs in 15 languages
        "pawsx": {7: 1000},
        "xquad": {11: 1190},
        "mlqa": {4: 167, 3: 564, 2: 339, 1: 74},  # counted from the ids of its files
    }
    assert sizes == expected.get(target, {1: len(ids)})
