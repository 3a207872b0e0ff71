"""Text for MLM: how many sentences of each language, how they are cut, and what stands in for Wikipedia."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.made.texts import write_rows
from trainables.data.hub import MissingDataError
from trainables.data.mirror import MirrorData
from trainables.data.mlm import language_shares, load_mlm, missing_mlm, mlm_sources
from trainables.data.sentence_splitter import sentences
from trainables.ledger.spec import MlmSettings

pytestmark = pytest.mark.usefixtures("own_cache")

COUNTS = st.dictionaries(st.sampled_from("abcdefgh"), st.integers(0, 5000), min_size=1)


def test_alpha_one_is_proportional_and_alpha_zero_uniform():
    counts = {"a": 1000, "b": 3000, "c": 6000}
    assert language_shares(counts, 100, 1.0) == {"a": 10, "b": 30, "c": 60}
    assert language_shares(counts, 99, 0.0) == {"a": 33, "b": 33, "c": 33}


def test_shares_follow_the_exponent():
    # Weights 10 and 100 to the power of one half: shares 1 to the square root of 10.
    shares = language_shares({"a": 10**6, "b": 10**7}, 100_000, 0.5)
    assert shares["b"] / shares["a"] == pytest.approx(10**0.5, rel=1e-3)


def test_what_small_languages_lack_goes_to_the_others_in_proportion():
    # Uniform: 100 each. The 90 that "a" lacks are halved; "b" has 120 only, so "c" gets the rest.
    assert language_shares({"a": 10, "b": 120, "c": 900}, 300, 0.0) == {"a": 10, "b": 120, "c": 170}


@given(COUNTS, st.integers(1, 20_000), st.floats(0, 1))
def test_shares_are_whole_bounded_and_complete(counts, total, alpha):
    shares = language_shares(counts, total, alpha)
    assert shares.keys() == counts.keys()
    assert all(0 <= shares[language] <= counts[language] for language in counts)
    assert sum(shares.values()) == min(total, sum(counts.values()))


@pytest.mark.parametrize(
    ("language", "text", "expected"),
    [
        ("en", "Mr. Smith saw J. R. R. Tolkien there. He came on 3. May late! \"Why was that?\" Nobody knew it.",
         ["Smith saw J. R. R. Tolkien there.", "He came on 3. May late!", '"Why was that?"', "Nobody knew it."]),
        ("de", "Er kam um 5.30 Uhr an. Dann ging er fort.", ["Er kam um 5.30 Uhr an.", "Dann ging er fort."]),
        ("zh", "他昨天在公园看书。她喜欢吃苹果！", ["他昨天在公园看书。", "她喜欢吃苹果！"]),
        ("hi", "यह एक वाक्य है। यह दूसरा वाक्य है।", ["यह एक वाक्य है।", "यह दूसरा वाक्य है।"]),
        ("ur", "یہ ایک جملہ ہے۔ یہ دوسرا جملہ ہے۔", ["یہ ایک جملہ ہے۔", "یہ دوسرا جملہ ہے۔"]),
        ("en", "History\n\nOne line of text.", ["One line of text."]),
    ],
)  # fmt: skip
def test_sentences_of_many_scripts(language, text, expected):
    assert list(sentences(text, language)) == expected


def wikipedia(root, language, articles):
    write_rows(root, f"wikimedia/wikipedia/20231101.{language}/train", {"text": articles})


def test_wikipedia_is_cut_and_shared_out_the_same_way_every_time(tmp_path):
    wikipedia(tmp_path, "en", [f"Here is sentence {n}. And here comes another one." for n in range(50)])
    wikipedia(tmp_path, "de", ["Das ist ein Satz."])
    settings = MlmSettings(languages=("en", "de"), sentences=20)
    loaded = load_mlm(settings, MirrorData(tmp_path))
    assert loaded == load_mlm(settings, MirrorData(tmp_path))
    assert [use.rows for use in loaded.uses] == [19, 1]
    assert loaded.examples[-1].text == "Das ist ein Satz."
    assert loaded.notes == ()
    assert len(load_mlm(settings, MirrorData(tmp_path), limit=5).examples) == 5


def test_the_stand_in_is_named(tmp_path):
    wikipedia(tmp_path, "en", ["Here is one sentence."])
    write_rows(tmp_path, "google/xtreme/PAN-X.zh/train", {"tokens": [["中", "国"]]})
    data = MirrorData(tmp_path)
    loaded = load_mlm(MlmSettings(languages=("en", "zh"), sentences=9), data)
    assert [example.text for example in loaded.examples] == ["Here is one sentence.", "中国"]
    assert "stand-in" in loaded.notes[0]
    assert loaded.notes[0].endswith("used for zh")
    assert missing_mlm(["en", "zh", "de"], data) == ["de"]
    with pytest.raises(MissingDataError, match=r"no text for MLM in de: .*20231101.de/train.parquet"):
        mlm_sources("de", data)
