"""Distances between languages, against angles worked out by hand on a small table in the form of URIEL+."""

from __future__ import annotations

import math

import numpy as np
import pytest

from analysis.languages import distances
from analysis.languages.distances import FEWEST_FEATURES, KINDS, distance, source
from trainables.tasks.languages import XTREME


@pytest.fixture
def tables(tmp_path, monkeypatch):
    """Four tables with English, German and Chinese; Chinese under its second name."""

    def write(name, features, rows):
        data = np.array([row if np.ndim(row) > 1 else [[value] for value in row] for row in rows], dtype=np.float32)
        langs = np.array(["zho", "eng", "deu"])
        np.savez(tmp_path / f"{name}.npz", feats=np.array(features), langs=langs, data=data, sources=np.array(["A"]))

    twelve = [f"F_{number}" for number in range(12)]
    write("family_features", twelve, [[0] * 12, [1, 1] + [0] * 10, [1, 0, 1] + [0] * 9])
    write("geocoord_features", [f"GC_{n}" for n in range(12)], [[0, 1] * 6, [1, 0] * 6, [1, 0] * 6])
    write("script_features", [f"SC_{n}" for n in range(12)], [[-1] * 12, [1] * 12, [1] * 12])
    names = [f"S_{n}" for n in range(10)] + ["P_0", "INV_0"]
    write("features", names, [[1] * 9 + [-1] * 3, [1] * 5 + [0] * 5 + [1, 1], [1] * 10 + [0, 1]])
    distances._vectors.cache_clear()
    distances._table.cache_clear()
    monkeypatch.setattr(distances, "_folder", lambda: tmp_path)
    yield tmp_path
    distances._vectors.cache_clear()
    distances._table.cache_clear()


@pytest.fixture
def without(monkeypatch):
    distances._vectors.cache_clear()
    monkeypatch.setattr(distances, "_folder", lambda: None)
    yield
    distances._vectors.cache_clear()


def test_angles_of_urielplus(tables):
    assert distance("genetic", "en", "de") == pytest.approx(60 / 90), "cosine 1/2"
    assert distance("geographic", "en", "de") == pytest.approx(0.0, abs=1e-6)
    assert distance("geographic", "en", "zh") == pytest.approx(1.0)
    assert distance("syntactic", "en", "de") == pytest.approx(0.5), "cosine 5 / sqrt(5 x 10), 45 degrees"
    assert distance("featural", "en", "de") == pytest.approx(math.acos(6 / math.sqrt(7 * 11)) / (math.pi / 2))


def test_a_language_without_relatives_is_as_far_as_can_be(tables):
    assert distance("genetic", "zh", "en") == 1.0
    assert distance("genetic", "zh", "zh") == 0.0


def test_too_few_known_features_are_no_distance(tables):
    assert FEWEST_FEATURES == 10
    assert distance("syntactic", "en", "zh") is None, "nine are known of Chinese"
    assert distance("phonological", "en", "de") is None
    assert distance("scriptural", "en", "zh") is None, "nothing is known"


def test_what_one_source_knows_counts(tables):
    with np.load(tables / "features.npz") as file:
        one = {name: file[name] for name in file.files}
    other = np.full_like(one["data"], -1)
    other[0, 9] = 1
    np.savez(tables / "features.npz", **{**one, "data": np.concatenate([one["data"], other], axis=2)})
    assert distance("syntactic", "de", "zh") == pytest.approx(0.0, abs=1e-6)


def test_tables_of_this_project_need_nothing_else(without):
    assert source() == ""
    assert (distance("family", "en", "de"), distance("family", "en", "fr"), distance("family", "en", "fi")) == (
        0,
        0.5,
        1,
    )
    assert (distance("script", "hi", "mr"), distance("script", "hi", "ur")) == (0, 1)
    assert distance("syntactic", "en", "de") is None
    assert distance("family", "en", "xx") is None


def test_every_kind_is_the_same_both_ways_and_0_to_oneself(tables):
    for kind in KINDS:
        for code in ("en", "de", "zh"):
            assert distance(kind, code, "en") == distance(kind, "en", code)
            assert distance(kind, code, code) in (None, pytest.approx(0.0, abs=1e-6))


def test_an_unknown_kind_is_an_error_with_the_nearest():
    with pytest.raises(ValueError, match="unknown kind of distance 'genetics'; did you mean 'genetic'"):
        distance("genetics", "en", "de")


def test_the_tables_of_urielplus_know_all_languages():
    if not source():
        pytest.skip("urielplus is not installed (the extra `languages`)")
    assert all(distance("genetic", "en", code) is not None for code in XTREME)
    assert distance("genetic", "de", "nl") < distance("genetic", "de", "fr") < distance("genetic", "de", "ja")
