"""Official treebanks of Universal Dependencies: multi-word tokens by hand, and faults with file and line."""

from __future__ import annotations

import re

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.made.texts import conllu, write_text
from trainables.data.hub import DataError, load, open_data
from trainables.data.raw_ud import OWN_RANKINGS, RANKING, Fused, Word, read_conllu, surface
from trainables.tasks.registry import task
from trainables.tasks.tagging import UPOS
from trainables.tasks.task import Split

pytestmark = pytest.mark.usefixtures("own_cache")


def opened(root):
    return open_data("hub", {"ud": str(root)})


@pytest.mark.parametrize(
    ("language", "lines", "expected"),
    [
        # "im Haus": both parts of "im" hang on the noun, so the ranking decides: ADP before DET.
        ("de", ["1-2 im", "1 in ADP 3", "2 dem DET 3", "3 Haus NOUN 0"], "im/ADP Haus/NOUN"),
        # "damelo": the verb is the root, closer than both pronouns.
        ("es", ["1-3 dámelo", "1 da VERB 0", "2 me PRON 1", "3 lo PRON 1"], "dámelo/VERB"),
        # "del": equally deep; Spanish ranks ADP before DET.
        ("es", ["1 casa NOUN 0", "2-3 del", "2 de ADP 4", "3 el DET 4", "4 rey NOUN 1"],
         "casa/NOUN del/ADP rey/NOUN"),
        # Spanish does not rank NOUN, so the pronoun wins; everywhere else the noun would.
        ("es", ["1-2 xy", "1 x NOUN 3", "2 y PRON 3", "3 z VERB 0"], "xy/PRON z/VERB"),
        ("pt", ["1-2 xy", "1 x NOUN 3", "2 y PRON 3", "3 z VERB 0"], "xy/NOUN z/VERB"),
        # French ranks AUX before NOUN, the general list NOUN before AUX.
        ("fr", ["1-2 xy", "1 x NOUN 3", "2 y AUX 3", "3 z VERB 0"], "xy/AUX z/VERB"),
        ("pt", ["1-2 xy", "1 x NOUN 3", "2 y AUX 3", "3 z VERB 0"], "xy/NOUN z/VERB"),
        # "au": ADP before DET in French too.
        ("fr", ["1-2 au", "1 à ADP 3", "2 le DET 3", "3 roi NOUN 0"], "au/ADP roi/NOUN"),
        # Italian ranks ADV before PRON, the general list PRON before ADV.
        ("it", ["1-2 xy", "1 x PRON 3", "2 y ADV 3", "3 z VERB 0"], "xy/ADV z/VERB"),
        ("pt", ["1-2 xy", "1 x PRON 3", "2 y ADV 3", "3 z VERB 0"], "xy/PRON z/VERB"),
        # Two unranked tags in Italian: the first one stays.
        ("it", ["1-2 xy", "1 x NUM 3", "2 y NOUN 3", "3 z VERB 0"], "xy/NUM z/VERB"),
        # Closest to the root counts before the ranking: the determiner has one ancestor, the verb two.
        ("de", ["1-2 xy", "1 x DET 3", "2 y VERB 1", "3 z NOUN 0"], "xy/DET z/NOUN"),
        # A part that hangs outside, at the same depth as its neighbour.
        ("de", ["1 a VERB 0", "2-3 zur", "2 zu ADP 4", "3 der DET 4", "4 Zeit NOUN 1", "5 . PUNCT 1"],
         "a/VERB zur/ADP Zeit/NOUN ./PUNCT"),
    ],
)  # fmt: skip
def test_golden_multi_word_tokens(tmp_path, language, lines, expected):
    file = write_text(tmp_path / "x.conllu", conllu(*lines))
    [(words, tags)] = read_conllu(file, language)
    assert " ".join(f"{word}/{tag}" for word, tag in zip(words, tags, strict=True)) == expected


def test_rankings_hold_universal_tags_once():
    for ranking in (RANKING, *OWN_RANKINGS.values()):
        assert len(set(ranking)) == len(ranking)
        assert set(ranking) < set(UPOS)


def test_empty_nodes_comments_and_inner_spaces(tmp_path):
    text = conllu("1 10+000 NUM 2", "2 می\u200cرود VERB 0", "2.1 elided VERB _")
    write_text(tmp_path / "UD_Persian-X/fa_x-ud-test.conllu", text)
    loaded = load(task("udpos"), Split.TEST, "fa", opened(tmp_path), preference="ud-2.5")
    assert [sentence.words for sentence in loaded.examples] == [("10000", "میرود")]


def test_withheld_sentences_are_dropped(tmp_path):
    withheld, nearly = conllu("1 _ NOUN 0", "2 _ VERB 1"), conllu("1 _ NOUN 0", "2 _ VERB 1", "3 . PUNCT 1")
    kept = conllu("1 _ NOUN 0", "2 ja ADV 1", "3 . PUNCT 1")
    write_text(tmp_path / "UD_Arabic-X/ar_x-ud-test.conllu", withheld + nearly + kept)
    loaded = load(task("udpos"), Split.TEST, "ar", opened(tmp_path), preference="ud-2.5")
    assert [sentence.words for sentence in loaded.examples] == [("_", "ja", ".")]
    assert loaded.uses[0].dropped == 2


def test_treebanks_belong_to_the_code_before_the_underscore_in_the_order_of_names(tmp_path):
    for folder, name in (
        ("UD_German-PUD", "de_pud"), ("UD_German-GSD", "de_gsd"), ("UD_Old_Greek-X", "grc_x"),
        ("UD_Greek-Y", "el_y"), ("UD_Swiss_German-UZH", "gsw_uzh"), ("UD_German-HDT", "de_hdt"),
    ):  # fmt: skip
        write_text(tmp_path / folder / f"{name}-ud-test.conllu", conllu(f"1 {name} NOUN 0"))
    write_text(tmp_path / "UD_German-GSD/de_gsd-ud-dev.conllu", conllu("1 dev NOUN 0"))
    data = opened(tmp_path)

    def words(language, split=Split.TEST):
        return [s.words[0] for s in load(task("udpos"), split, language, data, preference="ud-2.5").examples]

    assert words("de") == ["de_gsd", "de_hdt", "de_pud"]
    assert words("el") == ["el_y"]
    assert words("de", Split.DEV) == ["dev"]


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("1\tx\tNOUN\n", "line 1: 3 columns, expected 10"),
        (conllu("1 x NOUN 0", "3 y NOUN 1"), "line 3: id is 3, expected 2"),
        (conllu("a x NOUN 0"), "line 2: id is 'a', expected a number"),
        (conllu("1-3 xy", "1 x NOUN 0"), "before line 4: the token 1-3 is of a sentence with 1 words"),
        (conllu("2-1 xy", "1 x NOUN 2", "2 y X 0"), "before line 5: the token 2-1 is of a sentence with 2 words"),
        (conllu("1-99999999999 xy", "1 x NOUN 0").rstrip(), "at its end: the token 1-99999999999 is of a sentence"),
    ],
)
def test_faults_name_file_and_line(tmp_path, text, message):
    file = write_text(tmp_path / "UD_X-Y/de_y-ud-test.conllu", text)
    with pytest.raises(DataError, match=re.escape(f"{file.resolve()}, {message}")):
        load(task("udpos"), Split.TEST, "de", opened(tmp_path), preference="ud-2.5")


def test_an_unknown_tag_is_named(tmp_path):
    write_text(tmp_path / "UD_X-Y/de_y-ud-test.conllu", conllu("1 x NOUNS 0"))
    with pytest.raises(DataError, match="row 0: pos_tags is 'NOUNS', allowed: ADJ, ADP"):
        load(task("udpos"), Split.TEST, "de", opened(tmp_path), preference="ud-2.5")


@given(st.data())
def test_the_closest_component_wins_whatever_the_tree(data):
    """Against distances found by walking up from every word, in trees with and without cycles."""
    size = data.draw(st.integers(2, 7))
    words = {
        number: Word(f"w{number}", data.draw(st.sampled_from(UPOS)), data.draw(st.integers(0, size)))
        for number in range(1, size + 1)
    }
    first = data.draw(st.integers(1, size - 1))
    last = data.draw(st.integers(first + 1, size))

    def ancestors(number):
        seen, head = set(), words[number].head
        while head and head not in seen and head != number:
            seen.add(head)
            head = words[head].head
        return len(seen)

    forms, tags = surface(words, [Fused(first, last, "fused")], "de")
    assert len(forms) == len(tags) == size - (last - first)
    assert forms.index("fused") == first - 1
    parts = range(first, last + 1)
    closest = [n for n in parts if ancestors(n) == min(map(ancestors, parts))]
    ranked = sorted(closest, key=lambda n: RANKING.index(words[n].tag) if words[n].tag in RANKING else 99)
    assert tags[first - 1] == words[ranked[0]].tag
