"""Official files: what is read of them by hand, and messages that name file, line and what is expected."""

from __future__ import annotations

import re
from collections import Counter

import pytest

from search_spaces.config import RawFields
from tests.made.texts import MIRROR, conllu, write_rows, write_text
from trainables.data.hub import RELEASES, DataError, MissingDataError, load, open_data
from trainables.data.labels import with_labels
from trainables.data.raw_bucc import BuccFiles
from trainables.data.raw_ccg import CcgFiles, derivations
from trainables.data.raw_ud import UdFiles
from trainables.tasks.registry import task
from trainables.tasks.retrieval import pairs_among_others
from trainables.tasks.task import Split

FOREIGN = "de-1\tDer Hund schläft.\nde-2\tEs regnet.\nde-3\tEs regnet.\n"
ENGLISH = "en-1\tIt is raining.\nen-2\tThe dog\u2028sleeps.\tReally.\n"
GOLD = "de-1\ten-2\n"
pytestmark = pytest.mark.usefixtures("own_cache")


def write_bucc(root, foreign=FOREIGN, english=ENGLISH, gold=GOLD, split="sample"):
    for part, text in (("de", foreign), ("en", english), ("gold", gold)):
        write_text(root / "de-en" / f"de-en.{split}.{part}", text)


def bucc(root):
    return load(task("bucc"), Split.DEV, "de", open_data("hub", {"bucc": str(root)}))


class TestBucc:
    def test_sentences_of_both_sides_with_their_translations(self, tmp_path):
        write_bucc(tmp_path)
        loaded = bucc(tmp_path)
        assert [(e.id, e.language, e.translations) for e in loaded.examples] == [
            ("de-1", "de", ("en-2",)), ("de-2", "de", ()), ("de-3", "de", ()), ("en-1", "en", ()), ("en-2", "en", ()),
        ]  # fmt: skip
        # Only the first tab parts id and sentence, only a line feed ends a line.
        assert loaded.examples[4].text == "The dog\u2028sleeps.\tReally."
        [use] = loaded.uses
        assert (use.repository, use.config, use.split, use.rows, use.duplicates) == (
            "bucc2018", "de-en", "sample", 5, 1,
        )  # fmt: skip
        assert loaded.notes == ("bucc: dev de has 1 rows, published are 1,038",)

    def test_windows_line_ends_and_a_byte_order_mark_are_no_text(self, tmp_path):
        write_bucc(tmp_path, foreign="\ufeff" + FOREIGN.replace("\n", "\r\n"), gold="de-1\ten-2")
        assert [e.text for e in bucc(tmp_path).examples[:2]] == ["Der Hund schläft.", "Es regnet."]

    @pytest.mark.parametrize(
        ("files", "message"),
        [
            (
                {"foreign": "de-1\tx\nde-2 no tab\n"},
                "de-en.sample.de, line 2: 'de-2 no tab', expected id, tab, sentence",
            ),
            ({"foreign": "de-1\tx\n\n"}, "de-en.sample.de, line 2: '', expected id, tab, sentence"),
            ({"english": "\tx\n"}, "de-en.sample.en, line 1: '\\tx', expected id, tab, sentence"),
            ({"english": "en-2\tx\nen-2\ty\n"}, "de-en.sample.en, line 2: id en-2 is given twice"),
            ({"gold": "de-1\ten-2\nde-1 en-2\n"}, "de-en.sample.gold, line 2: 'de-1 en-2', expected the ids of a pair"),
            ({"gold": "de-9\ten-2\n"}, "de-en.sample.gold, line 1: 'de-9' is no id of the foreign file"),
            ({"gold": "de-1\tde-2\n"}, "de-en.sample.gold, line 1: 'de-2' is no id of the English file"),
            ({"gold": GOLD * 2}, "de-en.sample.gold, line 2: the pair de-1 en-2 is given twice"),
        ],
    )
    def test_faults_name_file_line_and_what_is_expected(self, tmp_path, files, message):
        write_bucc(tmp_path, **files)
        with pytest.raises(DataError, match=re.escape(message)):
            bucc(tmp_path)

    def test_a_file_in_another_encoding_is_named(self, tmp_path):
        write_bucc(tmp_path)
        (tmp_path / "de-en/de-en.sample.de").write_bytes("de-1\tHund\nde-2\tB\xe4r\n".encode("latin-1"))
        with pytest.raises(DataError, match=r"de-en.sample.de, after line \d: not text in UTF-8"):
            bucc(tmp_path)

    def test_a_missing_file_is_named(self, tmp_path):
        write_bucc(tmp_path)
        data = open_data("hub", {"bucc": str(tmp_path)})
        [test] = task("bucc").files(Split.TEST, "de")
        assert data.problem(test) == f"{tmp_path.resolve()}/de-en/de-en.training.de does not exist"
        with pytest.raises(MissingDataError, match=r"de-en\.training\.de does not exist"):
            data.table(test)

    def test_a_cap_keeps_whole_pairs_and_bounds_the_others(self, tmp_path):
        numbers = range(200)
        write_bucc(
            tmp_path,
            foreign="".join(f"de-{n}\tSatz {n}\n" for n in numbers),
            english="".join(f"en-{n}\tsentence {n}\n" for n in numbers),
            gold="".join(f"de-{n}\ten-{n}\n" for n in range(0, 200, 10)),
        )
        whole = bucc(tmp_path).examples
        data = open_data("hub", {"bucc": str(tmp_path)})
        kept = load(task("bucc"), Split.DEV, "de", data, limit=3).examples
        assert kept == load(task("bucc"), Split.DEV, "de", data, limit=3).examples
        pairs = [(e.id, name) for e in kept for name in e.translations]
        assert len(pairs) == 3
        assert {name for _, name in pairs} < {e.id for e in kept}
        assert Counter(e.language for e in kept) == {"de": 3 + 27, "en": 3 + 27}
        # Sentences of pairs that are left out are no distractors.
        others = {e.id for e in kept} - {name for pair in pairs for name in pair}
        assert not any(int(name.split("-")[1]) % 10 == 0 for name in others)
        assert [whole.index(e) for e in kept] == pairs_among_others(whole, 3)
        assert len(pairs_among_others(whole, 1000)) == 400

    @pytest.mark.skipif(not MIRROR.is_dir(), reason="the mirror of real rows is not at hand")
    def test_real_files(self):
        data = open_data(str(MIRROR))
        for split, foreign, english, gold in ((Split.DEV, 3372, 5395, 108), (Split.TEST, 3524, 5479, 107)):
            loaded = load(task("bucc"), split, "zh", data)
            assert Counter(e.language for e in loaded.examples) == {"zh": foreign, "en": english}
            assert task("bucc").format.num_scored(loaded.examples) == gold
            assert loaded.notes == ()


PIERRE = (
    "(<T S[dcl] 0 2> (<T S[dcl] 1 2> (<T NP 0 1> (<T N 1 2> (<L N/N NNP NNP Mr. N_254/N_254>)"
    " (<L N NNP NNP Vinken N>) ) )"
    r" (<T S[dcl]\NP 0 2> (<L (S[dcl]\NP)/NP VBZ VBZ is (S[dcl]\NP_241)/NP_242>) (<T NP 0 1> (<L N NN NN chairman N>) )"
    r" ) ) (<L . . . . .>) )"
)
"""A derivation put together by hand in the notation of CCGbank's manual; categories nest brackets of both kinds."""
SUPERTAGS = ["N/N", "N", r"(S[dcl]\NP)/NP", "N", "."]


def write_ccgbank(root, sections=range(25), derivation=PIERRE):
    for number in sections:
        write_text(
            root / f"{number:02}" / f"wsj_{number:02}01.auto", f"ID=wsj_{number:02}01.1 PARSER=GOLD\n{derivation}\n"
        )


class TestCcg:
    def test_leaves_give_words_and_categories(self, tmp_path):
        modifier = r"(<L ((S\NP)\(S\NP))/((S\NP)\(S\NP)) RB RB so-\/called x>)"
        file = write_text(tmp_path / "x.auto", f"ID=a.1 PARSER=GOLD\n{PIERRE}\nID=a.2\n(<T NP 0 1> {modifier} )\n")
        assert list(derivations(file)) == [
            (["Mr.", "Vinken", "is", "chairman", "."], SUPERTAGS),
            (["so-\\/called"], [r"((S\NP)\(S\NP))/((S\NP)\(S\NP))"]),
        ]

    @pytest.mark.parametrize(
        ("text", "message"),
        [
            (f"{PIERRE}\n", "line 1: a derivation without a line ID=..."),
            (f"ID=a.1\nID=a.2\n{PIERRE}\n", "line 2: ID=a.1 has no derivation"),
            ("ID=a.1\n", "x.auto: ID=a.1 has no derivation"),
            ("ID=a.1\n(<L N NN NN dog>)\n", "line 2: ID=a.1 has a leaf that is not"),
            ("ID=a.1\n(<T N 0 0> )\n", "line 2: ID=a.1 has a leaf that is not"),
        ],
    )
    def test_faults_name_file_and_line(self, tmp_path, text, message):
        file = write_text(tmp_path / "x.auto", text)
        with pytest.raises(DataError, match=re.escape(message)) as caught:
            list(derivations(file))
        assert str(file) in str(caught.value)

    @pytest.mark.parametrize("inner", ["", "AUTO", "data/AUTO", "ccgbank_1_1/data/AUTO"])
    def test_the_folder_may_be_any_above_the_sections(self, tmp_path, inner):
        write_ccgbank(tmp_path / inner)
        data = open_data("hub", {"ccg": str(tmp_path)})
        known = with_labels(task("ccg"), data)
        assert known.format.labels == ("N/N", "N", r"(S[dcl]\NP)/NP", ".")
        assert len(load(known, Split.TRAIN, "en", data).examples) == 19
        assert len(load(known, Split.STOPPING, "en", data).examples) == 3

    def test_categories_are_numbered_over_train_then_test_then_dev(self, tmp_path):
        for section, category in ((0, "A"), (18, "B"), (19, "D"), (21, "E"), (22, "C"), (24, "A")):
            write_ccgbank(tmp_path, [section], f"(<L {category} X X word {category}>)")
        write_ccgbank(tmp_path, set(range(25)) - {0, 18, 19, 21, 22, 24}, "(<L A X X word A>)")
        data = open_data("hub", {"ccg": str(tmp_path)})
        known = with_labels(task("ccg"), data)
        assert known.format.labels == ("A", "B", "C", "D", "E")
        dev = load(task("ccg"), Split.STOPPING, "en", data).examples
        assert [known.format.labels[sentence.tags[0]] for sentence in dev] == ["D", "A", "E"]

    def test_another_count_than_1363_is_noted_for_licensed_files_only(self, tmp_path):
        write_ccgbank(tmp_path / "given")
        write_ccgbank(tmp_path / "mirror/ccgbank")
        given = load(task("ccg"), Split.TRAIN, "en", open_data("hub", {"ccg": str(tmp_path / "given")}))
        assert given.notes == (
            "ccg: train en has 19 rows, published are 38,015", "ccg: the data has 4 labels, published are 1,363",
        )  # fmt: skip
        assert load(task("ccg"), Split.TRAIN, "en", open_data(str(tmp_path / "mirror"))).notes == ()
        assert load(task("ccg"), Split.TRAIN, "en", open_data("demo")).notes == ()

    def test_missing_sections_are_named(self, tmp_path):
        write_ccgbank(tmp_path, range(20))
        [train] = task("ccg").files(Split.TRAIN, "en")
        problem = open_data("hub", {"ccg": str(tmp_path)}).problem(train)
        assert problem == f"{tmp_path.resolve()} lacks sections 20, 21, 22, 23, 24; expected 00 to 24"

    def test_every_section_enters_the_fingerprint(self, tmp_path):
        write_ccgbank(tmp_path)
        [train] = task("ccg").files(Split.TRAIN, "en")
        before = open_data("hub", {"ccg": str(tmp_path)}).fingerprint([train])
        write_ccgbank(tmp_path, [24], "(<L NEW X X word NEW>)")
        assert open_data("hub", {"ccg": str(tmp_path)}).fingerprint([train]) != before


class TestOpening:
    def test_releases_are_the_settings_of_the_configuration(self):
        assert list(RawFields.model_fields) == list(RELEASES) == ["bucc", "ccg", "ud"]

    def test_without_files_the_reason_says_what_and_how(self, tmp_path):
        [ccg], [bucc_de] = task("ccg").files(Split.TRAIN, "en"), task("bucc").files(Split.DEV, "de")
        [german] = task("udpos").files(Split.DEV, "de", "ud-2.5")
        hub, mirror = open_data("hub"), open_data(str(tmp_path))
        assert hub.problem(ccg) == (
            "CCGbank (LDC2005T13, licensed by the Linguistic Data Consortium) is not on the hub. Give its folder: "
            "--set data.raw.ccg=DIR"
        )
        assert f"is not in {tmp_path.resolve()}/ccgbank. Give its folder" in mirror.problem(ccg)
        assert "is not on the hub. Give its folder: --set data.raw.bucc=DIR" in hub.problem(bucc_de)
        assert "is not on the hub. Give its folder: --set data.raw.ud=DIR" in hub.problem(german)
        with pytest.raises(MissingDataError, match=r"CCGbank .* is not on the hub"):
            load(task("ccg"), Split.TRAIN, "en", hub)
        with pytest.raises(MissingDataError, match=r"CCGbank .* is not on the hub"):
            hub.fingerprint([ccg])

    def test_a_folder_that_is_not_there_is_an_error_at_once(self, tmp_path):
        with pytest.raises(MissingDataError, match=rf"data.raw.bucc: {tmp_path}/no is no folder; expected BUCC 2018"):
            open_data("hub", {"bucc": str(tmp_path / "no")})
        with pytest.raises(ValueError, match=r"unknown release of data.raw 'ccgbank'; did you mean 'ccg'"):
            open_data("hub", {"ccgbank": str(tmp_path)})

    def test_a_given_folder_goes_before_the_one_in_the_mirror(self, tmp_path):
        write_bucc(tmp_path / "mirror/bucc2018")
        write_bucc(tmp_path / "given", gold="")
        [source] = task("bucc").files(Split.DEV, "de")
        inside, given = (open_data(str(tmp_path / "mirror"), raw) for raw in ({}, {"bucc": str(tmp_path / "given")}))
        assert inside.location(source).startswith(str(tmp_path / "mirror"))
        assert given.location(source).startswith(str(tmp_path / "given"))
        assert not inside.is_whole(source)
        assert given.is_whole(source)

    @pytest.mark.parametrize("release", [BuccFiles, CcgFiles, UdFiles])
    def test_equal_files_have_equal_fingerprints_wherever_they_are(self, tmp_path, release):
        writers = {
            BuccFiles: write_bucc,
            CcgFiles: write_ccgbank,
            UdFiles: lambda root: write_text(root / "UD_X-Y/de_y-ud-dev.conllu", conllu("1 x NOUN 0")),
        }
        sources = {
            BuccFiles: task("bucc").files(Split.DEV, "de"),
            CcgFiles: task("ccg").files(Split.TRAIN, "en"),
            UdFiles: task("udpos").files(Split.DEV, "de", "ud-2.5"),
        }
        for place in ("a", "b/deeper"):
            writers[release](tmp_path / place)
        first, second = (release(tmp_path / place).fingerprint(sources[release]) for place in ("a", "b/deeper"))
        assert first == second
        changed = next((tmp_path / "a").rglob("*.*"))
        changed.write_text(changed.read_text() + "\n")
        assert release(tmp_path / "a").fingerprint(sources[release]) != second

    def test_a_fingerprint_over_several_places_changes_with_each(self, tmp_path):
        rows = {"question1": ["a"], "question2": ["b"], "label": ["duplicate"]}
        write_rows(tmp_path, "nyu-mll/glue/qqp/train", rows)
        write_bucc(tmp_path / "bucc2018")
        sources = [*task("qqp").files(Split.TRAIN, "en"), *task("bucc").files(Split.DEV, "de")]
        data = open_data(str(tmp_path))
        both = data.fingerprint(sources)
        assert both == data.fingerprint(sources[::-1])
        assert data.fingerprint(sources[:1]) == data.base.fingerprint(sources[:1]) != both
        write_bucc(tmp_path / "bucc2018", gold="")
        assert open_data(str(tmp_path)).fingerprint(sources) != both

    def test_the_demo_has_bucc_and_ccg(self):
        data = open_data("demo")
        for name in ("bucc", "ccg"):
            known = task(name)
            for split, codes in known.languages.items():
                for code in codes:
                    [source] = known.files(split, code)
                    assert data.has(source), (name, split, code)
                    assert data.num_rows(source) == data.table(source).num_rows > 0
