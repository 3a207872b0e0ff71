"""The built-in corpus: deterministic, in the hub's schema, right in every language, without leaks between splits."""

import hashlib
import json
import re
import unicodedata
from collections import Counter
from pathlib import Path

import pyarrow.parquet as pq
import pytest

from trainables.data.demo.lexicon import languages, load_lexicon
from trainables.data.demo.mirror import demo_fingerprint, write_demo
from trainables.data.demo.sentences import Event, realise

REAL_MIRROR = Path(__file__).parents[3] / "shared" / "data" / "mirror"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory):
    root = tmp_path_factory.mktemp("demo")
    write_demo(root)
    return root


def rows(corpus, config, split, repository="google/xtreme"):
    return pq.read_table(corpus / repository / config / f"{split}.parquet").to_pylist()


def configs(corpus, prefix):
    folders = sorted((corpus / "google" / "xtreme").glob(f"{prefix}.*"))
    assert folders
    return [folder.name for folder in folders]


def digests(root):
    files = sorted(path for path in root.rglob("*") if path.is_file())
    return {str(path.relative_to(root)): hashlib.sha256(path.read_bytes()).hexdigest() for path in files}


def test_two_writes_are_equal_byte_for_byte(corpus, tmp_path):
    write_demo(tmp_path)
    assert digests(tmp_path) == digests(corpus)


def test_fingerprint_is_sixteen_hex_digits_and_stable():
    assert re.fullmatch("[0-9a-f]{16}", demo_fingerprint())
    assert demo_fingerprint() == demo_fingerprint()


@pytest.mark.skipif(not REAL_MIRROR.is_dir(), reason="the real mirror is not at hand")
def test_schemas_equal_those_of_the_hub(corpus):
    compared = 0
    for path in corpus.rglob("*.parquet"):
        relative = path.relative_to(corpus)
        real = REAL_MIRROR / relative
        if not real.exists():
            same_kind = sorted(real.parent.parent.glob(f"{relative.parts[-2].split('.')[0]}*/*.parquet"))
            real = same_kind[0] if same_kind else None
        if real is None:
            assert relative.parts[0] == "wikimedia", relative
            continue
        ours, theirs = pq.read_schema(path), pq.read_schema(real)
        assert ours.equals(theirs), relative
        assert json.loads(ours.metadata[b"huggingface"]) == json.loads(theirs.metadata[b"huggingface"]), relative
        compared += 1
    assert compared > 100


def question_tables(corpus):
    yield "rajpurkar/squad", "plain_text", "train"
    yield "rajpurkar/squad", "plain_text", "validation"
    for config in configs(corpus, "XQuAD"):
        yield "google/xtreme", config, "validation"
    for config in configs(corpus, "MLQA"):
        yield "google/xtreme", config, "validation"
        yield "google/xtreme", config, "test"
    yield "google/xtreme", "tydiqa", "train"
    yield "google/xtreme", "tydiqa", "validation"


def test_answers_stand_at_their_offsets_in_every_language(corpus):
    for repository, config, split in question_tables(corpus):
        table = rows(corpus, config, split, repository)
        assert len({row["id"] for row in table}) == len(table), (config, split)
        for row in table:
            texts, starts = row["answers"]["text"], row["answers"]["answer_start"]
            assert 1 <= len(texts) == len(starts) <= 3
            for text, start in zip(texts, starts, strict=True):
                assert text
                assert row["context"][start : start + len(text)] == text, (config, row["id"])


def test_answer_is_unambiguous_in_its_context(corpus):
    for row in rows(corpus, "XQuAD.en", "validation"):
        [text] = row["answers"]["text"]
        assert row["context"].lower().count(text.lower()) == 1


def test_squad_dev_has_one_to_three_answers(corpus):
    counts = Counter(len(row["answers"]["text"]) for row in rows(corpus, "plain_text", "validation", "rajpurkar/squad"))
    assert set(counts) == {1, 2, 3}


@pytest.mark.parametrize(("prefix", "column", "num_labels"), [("udpos", "pos_tags", 17), ("PAN-X", "ner_tags", 7)])
def test_tags_are_in_range_and_as_many_as_tokens(corpus, prefix, column, num_labels):
    for config in configs(corpus, prefix):
        for path in (corpus / "google" / "xtreme" / config).glob("*.parquet"):
            for row in pq.read_table(path).to_pylist():
                assert len(row["tokens"]) == len(row[column]) > 0
                assert all(0 <= tag < num_labels for tag in row[column])
                assert all(token and not any(character.isspace() for character in token) for token in row["tokens"])


def test_entity_tags_are_proper_iob2(corpus):
    for config in configs(corpus, "PAN-X"):
        for row in rows(corpus, config, "test"):
            assert any(row["ner_tags"]), (config, row["tokens"])
            for previous, tag in zip([0, *row["ner_tags"]], row["ner_tags"], strict=False):
                if tag in (2, 4, 6):
                    assert previous in (tag - 1, tag)


def test_english_tags_are_those_a_person_would_give():
    event = Event(kind="event", subject="teacher", verb="buy", object="apple.three", place="market", time="morning")
    sentence = realise(load_lexicon("en"), event)
    assert sentence.text == "The teacher bought three apples at the market in the morning."
    tags = "DET NOUN VERB NUM NOUN ADP DET NOUN ADP DET NOUN PUNCT"
    assert [token.tag for token in sentence.tokens] == tags.split()


@pytest.mark.parametrize(
    ("language", "text"),
    [
        ("de", "Der Lehrer kaufte am Morgen drei Äpfel auf dem Markt."),
        ("es", "El maestro compró tres manzanas en el mercado por la mañana."),
        ("fr", "Le professeur a acheté trois pommes au marché le matin."),
        ("ru", "Учитель утром купил три яблока на рынке."),
        ("el", "Ο δάσκαλος αγόρασε τρία μήλα στην αγορά το πρωί."),
        ("ar", "اشترى المعلم ثلاث تفاحات في السوق في الصباح."),
        ("hi", "शिक्षक ने सुबह बाज़ार में तीन सेब ख़रीदे।"),
        ("zh", "老师早上在市场买了三个苹果。"),
        ("th", "ครูซื้อแอปเปิลสามลูกที่ตลาดในตอนเช้า"),
        ("ko", "선생님은 아침에 시장에서 사과 세 개를 샀다."),
    ],
)
def test_one_meaning_reads_right_in_each_language(language, text):
    event = Event(kind="event", subject="teacher", verb="buy", object="apple.three", place="market", time="morning")
    assert realise(load_lexicon(language), event).text == text


@pytest.mark.parametrize(
    ("language", "frame", "text"),
    [
        ("es", "what", "¿Qué compró Ana en el mercado ayer?"),
        ("fr", "what", "Qu'est-ce qu'Anna a acheté au marché hier ?"),
        ("ru", "who", "Кто вчера купил книгу на рынке?"),
        ("el", "where", "Πού αγόρασε η Άννα ένα βιβλίο χτες;"),
        ("ar", "who", "من اشترى كتابا في السوق أمس؟"),
        ("ur", "who", "کل بازار میں ایک کتاب کس نے خریدی؟"),
        ("zh", "where", "安娜昨天在哪里买了一本书？"),
    ],
)
def test_questions_agree_and_are_punctuated(language, frame, text):
    event = Event(kind="event", subject="anna", verb="buy", object="book", place="market", time="yesterday")
    assert realise(load_lexicon(language), event, frame).text == text


@pytest.mark.parametrize("language", languages())
def test_lexicon_has_every_concept_and_frame_of_the_english_one(language):
    english, lexicon = load_lexicon("en"), load_lexicon(language)
    assert {section: list(table) for section, table in lexicon.concepts.items()} == {
        section: list(table) for section, table in english.concepts.items()
    }
    optional = {"gift", "gift_alt"}
    assert set(english.frames) - optional <= set(lexicon.frames)
    for table in lexicon.concepts.values():
        for forms in table.values():
            for phrase in forms.values():
                assert phrase.words
                for word in phrase.words:
                    assert word.text == unicodedata.normalize("NFC", word.text) or language in ("hi", "bn")


def label_shares(labels):
    counts = Counter(labels)
    return {label: count / sum(counts.values()) for label, count in counts.items()}


def test_labels_are_balanced(corpus):
    for split in ("train", "validation"):
        shares = label_shares(row["label"] for row in rows(corpus, "qqp", split, "nyu-mll/glue"))
        assert shares == {0: 0.5, 1: 0.5}
        answers = label_shares(row["answerKey"] for row in rows(corpus, "default", split, "tau/commonsense_qa"))
        assert len(answers) == 5
        assert all(0.1 < share < 0.3 for share in answers.values())
    for split in ("train", "validation_matched"):
        shares = label_shares(row["label"] for row in rows(corpus, "default", split, "nyu-mll/multi_nli"))
        assert shares == {0: 1 / 3, 1: 1 / 3, 2: 1 / 3}
    for config in configs(corpus, "PAWS-X"):
        assert label_shares(row["label"] for row in rows(corpus, config, "test")) == {"0": 0.5, "1": 0.5}
    xnli = rows(corpus, "XNLI", "test")
    for language in {row["language"] for row in xnli}:
        labels = Counter(row["gold_label"] for row in xnli if row["language"] == language)
        assert labels == {"entailment": 40, "neutral": 40, "contradiction": 40}


SINGLE_FILES = [
    ("nyu-mll/glue", "qqp", ("question1", "question2")),
    ("nyu-mll/multi_nli", "default", ("premise", "hypothesis")),
    ("stanfordnlp/snli", "plain_text", ("premise", "hypothesis")),
    ("rajpurkar/squad", "plain_text", ("context",)),
    ("tau/commonsense_qa", "default", ("question",)),
    ("Rowan/hellaswag", "default", ("ctx", "endings")),
    ("allenai/cosmos_qa", "default", ("context", "question")),
    ("google/xtreme", "PAWS-X.en", ("sentence1", "sentence2")),
    ("google/xtreme", "udpos.English", ("tokens",)),
    ("google/xtreme", "PAN-X.en", ("tokens",)),
]


@pytest.mark.parametrize(("repository", "config", "columns"), SINGLE_FILES)
def test_no_evaluation_row_is_a_training_row(corpus, repository, config, columns):
    folder = corpus / repository / config
    keys = {
        path.stem: {json.dumps([row[column] for column in columns]) for row in pq.read_table(path).to_pylist()}
        for path in folder.glob("*.parquet")
    }
    train = keys.pop("train")
    assert keys
    for split, evaluation in keys.items():
        assert not train & evaluation, split


def test_english_xnli_and_xquad_rows_are_not_in_their_training_data(corpus):
    mnli = {(row["premise"], row["hypothesis"]) for row in rows(corpus, "default", "train", "nyu-mll/multi_nli")}
    for split in ("validation", "test"):
        english = [row for row in rows(corpus, "XNLI", split) if row["language"] == "en"]
        assert len(english) == 120
        assert not mnli & {(row["sentence1"], row["sentence2"]) for row in english}
    squad = {row["context"] for row in rows(corpus, "plain_text", "train", "rajpurkar/squad")}
    assert not squad & {row["context"] for row in rows(corpus, "XQuAD.en", "validation")}
    tydiqa = {row["context"] for row in rows(corpus, "tydiqa", "train")}
    assert not tydiqa & {row["context"] for row in rows(corpus, "tydiqa", "validation")}


def test_every_target_has_six_languages_and_four_scripts(corpus):
    names = {load_lexicon(language).name: language for language in languages()}
    iso3 = {load_lexicon(language).iso3: language for language in languages()}
    covered = {
        "XNLI": {row["language"] for row in rows(corpus, "XNLI", "test")},
        "udpos": {names[config.split(".")[1]] for config in configs(corpus, "udpos")},
        "tydiqa": {names[row["id"].split("-")[0].title()] for row in rows(corpus, "tydiqa", "validation")},
        "tatoeba": {iso3[config.split(".")[1]] for config in configs(corpus, "tatoeba")},
    }
    for prefix in ("PAN-X", "XQuAD", "MLQA", "PAWS-X"):
        covered[prefix] = {config.split(".")[1] for config in configs(corpus, prefix)}
    for target, spoken in covered.items():
        assert len(spoken) >= 6, target
        assert len({load_lexicon(language).script for language in spoken}) >= 4, target


def test_word_order_alone_is_worth_three_quarters_of_pawsx(corpus):
    """A year or a comma up front is another order than the first sentence's; no paraphrase keeps that one's."""

    def moved(row):
        start = row["sentence2"].partition(",")[0]
        return start != row["sentence2"] and not row["sentence1"].startswith(start)

    for split in ("train", "validation", "test"):
        table = rows(corpus, "PAWS-X.en", split)
        by_label = {label: [moved(row) for row in table if row["label"] == label] for label in ("0", "1")}
        assert all(by_label["1"])
        assert 0.35 < sum(by_label["0"]) / len(by_label["0"]) < 0.65


def test_a_story_has_two_or_three_sentences(corpus):
    lengths = Counter(row["context"].count(".") for row in rows(corpus, "plain_text", "train", "rajpurkar/squad"))
    assert set(lengths) == {2, 3}


def test_every_target_has_a_hundred_evaluation_rows_a_language(corpus):
    sizes = {
        config: len(rows(corpus, config, "test"))
        for name in ("PAWS-X", "udpos", "PAN-X")
        for config in configs(corpus, name)
    }
    sizes |= {
        config: len(rows(corpus, config, "validation"))
        for name in ("XQuAD", "tatoeba")
        for config in configs(corpus, name)
    }
    sizes |= {config: len(rows(corpus, config, "test")) for config in configs(corpus, "MLQA")}
    sizes |= Counter(f"XNLI.{row['language']}" for row in rows(corpus, "XNLI", "test"))
    sizes |= Counter(row["id"].split("-")[0] for row in rows(corpus, "tydiqa", "validation"))
    assert min(sizes.values()) >= 100


def test_tydiqa_training_file_mixes_languages(corpus):
    counts = Counter(row["id"].split("-")[0] for row in rows(corpus, "tydiqa", "train"))
    assert counts["english"] == 480
    assert len(counts) == 9


def test_tatoeba_pairs_are_distinct_and_aligned_by_meaning(corpus):
    english = None
    for config in configs(corpus, "tatoeba"):
        table = rows(corpus, config, "validation")
        sources = [row["source_sentence"] for row in table]
        targets = [row["target_sentence"] for row in table]
        assert len(table) >= 120
        assert len(set(sources)) == len(set(targets)) == len(table), config
        assert all(text.endswith("\n") and text.strip() for text in sources + targets)
        assert {(row["source_lang"], row["target_lang"]) for row in table} == {(config.split(".")[1], "eng")}
        assert english in (None, targets)
        english = targets
        for source, target in zip(sources, targets, strict=True):
            assert re.findall(r"\d{4}", source) == re.findall(r"\d{4}", target), config


def test_bucc_gold_points_at_lines_of_both_files(corpus):
    for language in ("de", "fr", "ru", "zh"):
        folder = corpus / "bucc2018" / f"{language}-en"
        for split in ("sample", "training"):

            def lines(side, folder=folder, split=split, language=language):
                text = (folder / f"{language}-en.{split}.{side}").read_text(encoding="utf-8")
                return [line.split("\t") for line in text.splitlines()]

            foreign, english, gold = dict(lines(language)), dict(lines("en")), lines("gold")
            assert 0 < len(gold) < len(foreign) / 2
            assert len(set(foreign.values())) == len(foreign)
            assert len(set(english.values())) == len(english)
            for left, right in gold:
                assert re.findall(r"\d{4}", foreign[left]) == re.findall(r"\d{4}", english[right])


def test_wikipedia_has_two_hundred_sentences_in_every_language(corpus):
    for language in languages():
        articles = rows(corpus, f"20231101.{language}", "train", "wikimedia/wikipedia")
        text = "\n\n".join(article["text"] for article in articles)
        gap = r"\s+" if load_lexicon(language).script == "Thai" else r"[.?;؟۔।。？]"
        assert len(re.findall(gap, text)) >= 200, language


def test_ccg_derivations_are_well_formed_in_every_section(corpus):
    auto = corpus / "ccgbank" / "data" / "AUTO"
    assert [folder.name for folder in sorted(auto.iterdir())] == [f"{section:02}" for section in range(25)]
    for path in sorted(auto.glob("*/*.auto")):
        headers, derivations = path.read_text().splitlines()[::2], path.read_text().splitlines()[1::2]
        for header, derivation in zip(headers, derivations, strict=True):
            assert re.fullmatch(rf"ID={path.stem}\.\d+ PARSER=GOLD NUMPARSE=1", header)
            leaves = re.findall(r"\(<L (\S+) (\S+) (\S+) (\S+) (\S+)>\)", derivation)
            assert len(leaves) >= 3
            assert leaves[-1][3] == "."
            assert derivation.count("(<T ") == derivation.count(" )")


@pytest.mark.parametrize("language", languages())
def test_tokens_follow_the_text(language):
    lexicon = load_lexicon(language)
    event = Event(kind="journey", subject="anna kim", verb="travel", origin="paris", destination="tokyo", time="1998")
    for frame in ("", "alt"):
        sentence = realise(lexicon, event, frame)
        start, end = sentence.span("subject")
        names = [token for token in sentence.tokens if token.entity == "PER"]
        assert len(names) >= 2
        assert names[0].start >= start
        assert names[-1].end == end
        assert "".join(token.text for token in sentence.tokens) == sentence.text.replace(" ", "")
