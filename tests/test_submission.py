"""A submission holds the selected models' predictions as XTREME reads them, and scores what the records say.

The scorer here is written from what `evaluate.py` of XTREME does with each kind of file, not with our metrics.
"""

import collections
import dataclasses
import itertools
import json
import random
import re
import string
import subprocess
import sys
import unicodedata

import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq
import pytest

from analysis import xtreme_layout
from analysis.submission import main, write_submission
from analysis.xtreme_layout import LayoutError, Row, files
from tests.analysis_fixtures import DATA, intermediate_spec, record, target_spec
from trainables.data.mirror import MirrorData
from trainables.metrics.retrieval import pair_f1
from trainables.record import Score
from trainables.store import LocalStore
from trainables.tasks import languages, registry
from trainables.tasks.task import Split

XTREME_LANGUAGES = {
    "pawsx": "de en es fr ja ko zh",
    "xnli": "ar bg de el en es fr hi ru sw th tr ur vi zh",
    "panx": "ar he vi id jv ms tl eu ml ta te af nl en de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw yo my zh "
    "kk tr et fi hu",
    "udpos": "af ar bg de el en es et eu fa fi fr he hi hu id it ja kk ko mr nl pt ru ta te th tl tr ur vi yo zh",
    "bucc2018": "de fr ru zh",
    "tatoeba": "ar he vi id jv tl eu ml ta te af nl de el bn hi mr ur fa fr it pt es bg ru ja ka ko th sw zh kk tr et"
    " fi hu",
    "xquad": "en es de el ru tr ar vi th zh hi",
    "mlqa": "en es de ar hi vi zh",
    "tydiqa": "en ar bn fi id ko ru sw te",
}


# How XTREME reads and scores a folder ---------------------------------------------------------------------------------


def read_lines(path):
    return [line.strip() for line in path.read_text().splitlines()]


def read_sentences(path):
    sentences = [[]]
    for line in read_lines(path):
        if line:
            sentences[-1].append(line)
        else:
            sentences.append([])
    return sentences if sentences[-1] else sentences[:-1]


def pos_units(tags):
    """Runs of equal tags; tags that begin with S stand alone."""
    units, place = set(), 0
    for tag, run in itertools.groupby(tags):
        length = len(list(run))
        step = 1 if tag.startswith("S") else length
        units |= {(tag, place + first, step) for first in range(0, length, step)}
        place += length
    return units


def entities(tags):
    """Lenient IOB2: I- opens an entity after O or after another type."""
    found, before = [], "O"
    for place, tag in enumerate(tags):
        if tag != "O":
            if tag[0] == "B" or before == "O" or before[2:] != tag[2:]:
                found.append([tag[2:], place, 0])
            found[-1][2] += 1
        before = tag
    return {tuple(entity) for entity in found}


def overlap_f1(gold, found):
    correct = len(gold & found)
    if not correct:
        return 0.0
    precision, recall = correct / len(found), correct / len(gold)
    return 100 * 2 * precision * recall / (precision + recall)


def tagging(units):
    def score(predictions, labels, language):
        found, gold = (
            {(number, *unit) for number, tags in enumerate(read_sentences(path)) for unit in units(tags)}
            for path in (predictions, labels)
        )
        assert len(read_sentences(predictions)) == len(read_sentences(labels))
        return {"f1": overlap_f1(gold, found)}

    return score


def label_accuracy(predictions, labels, language):
    found, gold = read_lines(predictions), read_lines(labels)
    assert len(found) == len(gold)
    return {"accuracy": 100 * sum(a == b for a, b in zip(found, gold, strict=True)) / len(found)}


def pairs(predictions, labels, language):
    return {"f1": overlap_f1(*({tuple(line.split("\t")) for line in read_lines(p)} for p in (labels, predictions)))}


def squad_tokens(text, language):
    text = "".join(c for c in text.lower() if c not in string.punctuation)
    return re.sub(r"\b(a|an|the)\b", " ", text).split()


ARTICLES = {
    "en": "a an the", "es": "un una unos unas el la los las", "vi": "của là cái chiếc những",
    "de": "ein eine einen einem eines einer der die das den dem des",
}  # fmt: skip


def mlqa_tokens(text, language):
    text = "".join(c for c in text.lower() if unicodedata.category(c)[0] != "P" and c not in string.punctuation)
    if language in ARTICLES:
        text = re.sub(rf"\b({ARTICLES[language].replace(' ', '|')})\b", " ", text)
    if language == "ar":
        text = text.replace("ال", " ")
    if language == "zh":
        text = "".join(f" {c} " if "\u4e00" <= c <= "\u9fa5" else c for c in text)
    return text.split()


def answers(tokens):
    def score(predictions, labels, language):
        found = json.loads(predictions.read_text())
        f1 = exact = total = 0
        for article in json.loads(labels.read_text())["data"]:
            for question in (q for paragraph in article["paragraphs"] for q in paragraph["qas"]):
                total += 1
                given = tokens(found[question["id"]], language)
                gold = [tokens(answer["text"], language) for answer in question["answers"]]
                exact += max(" ".join(given) == " ".join(one) for one in gold)
                shared = [sum((collections.Counter(given) & collections.Counter(one)).values()) for one in gold]
                f1 += max(2 * n / (len(given) + len(one)) if n else 0 for n, one in zip(shared, gold, strict=True))
        return {"f1": 100 * f1 / total, "exact_match": 100 * exact / total}

    return score


SCORERS = {
    "xnli": label_accuracy, "pawsx": label_accuracy, "tatoeba": label_accuracy, "udpos": tagging(pos_units),
    "panx": tagging(entities), "xquad": answers(squad_tokens), "tydiqa": answers(squad_tokens),
    "mlqa": answers(mlqa_tokens), "bucc2018": pairs,
}  # fmt: skip


def evaluate(folder):
    """Task -> metric -> language -> percent, over the tasks that both folders hold and all of XTREME's languages."""
    found = {}
    for task, codes in XTREME_LANGUAGES.items():
        if (folder / "predictions" / task).is_dir() and (folder / "labels" / task).is_dir():
            extension = "json" if task in ("xquad", "mlqa", "tydiqa") else "tsv"
            found[task] = collections.defaultdict(dict)
            for code in codes.split():
                name = f"{task}/test-{code}.{extension}"
                scores = SCORERS[task](folder / "predictions" / name, folder / "labels" / name, code)
                for metric, value in scores.items():
                    found[task][metric][code] = value
    return found


def test_the_scorer_agrees_with_what_is_known():
    tags = ["NOUN", "NOUN", "SCONJ", "SCONJ", "SYM", "SYM", "X", "X", "INTJ", "INTJ", "CCONJ", "SCONJ", "CCONJ"]
    assert sorted(first for _, first, _ in pos_units(tags)) == [0, 2, 3, 4, 5, 6, 8, 10, 11, 12]
    assert entities(["I-PER", "I-PER", "B-PER", "O", "I-LOC", "I-ORG"]) == {
        ("PER", 0, 2), ("PER", 2, 1), ("LOC", 4, 1), ("ORG", 5, 1),
    }  # fmt: skip
    assert mlqa_tokens("中国,$5 “x”", "zh") == ["中", "国", "5", "x"]
    assert mlqa_tokens("في الكتاب خالد", "ar") == ["في", "كتاب", "خ", "د"]
    assert squad_tokens("中国,$5 “x”", "zh") == ["中国5", "“x”"]


# A store with predictions ---------------------------------------------------------------------------------------------

TEXTS = (
    "the house", "House.", "la casa", "casa", "der Hund", "hund", "中国,$5 “x”", "中国", "国 5", "في الكتاب خالد",
    "كتاب", "cái nhà", "nhà", "घर में", "дом", "The", "a  \tline\nbreak",
)  # fmt: skip
WINNER = {"xnli": "squad", "udpos": "squad", "mlqa": "squad", "tatoeba": "squad"}
"""Targets at which the intermediate run beats the baseline; elsewhere the baseline wins."""


@pytest.fixture(autouse=True, scope="module")
def with_bucc():
    """The registry with a stand-in for BUCC if it is not registered."""
    known = dict(registry.tasks())
    if "bucc" not in known:
        known["bucc"] = dataclasses.replace(
            known["tatoeba"], name="bucc", title="BUCC", fine_tuning="bucc", metrics=("f1",), selection=("f1",),
            languages={Split.DEV: languages.BUCC, Split.TEST: languages.BUCC},
        )  # fmt: skip
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(registry, "tasks", lambda: known)
        yield


def rows_of(target, language, right, rng, num_rows=12):
    """(id, prediction, reference) of one language; a prediction is right with probability `right`."""
    labels = registry.task(target).format.labels
    names = [f"{target}.{language}.test.{number}" for number in range(num_rows)]
    if target == "bucc":
        names = [f"{language}-{number:06d}" for number in range(num_rows)]
        gold = [[f"en-{number:06d}"] if number % 2 else [] for number in range(num_rows)]
        found = [one if rng.random() < right else rng.choice([[], ["en-000099"]]) for one in gold]
        return list(zip(names, found, gold, strict=True))
    rows = []
    for name in names:
        if target in ("udpos", "panx"):
            gold = [rng.choice(labels) for _ in range(rng.randint(1, 9))]
            found = [tag if rng.random() < right else rng.choice(labels) for tag in gold]
        elif target in ("xquad", "mlqa", "tydiqa"):
            gold = rng.sample(TEXTS, rng.randint(1, 2))
            found = [gold[-1] if rng.random() < right else rng.choice(["", *TEXTS])]
        else:
            gold = [name if target == "tatoeba" else rng.choice(labels)]
            found = gold if rng.random() < right else [rng.choice(names if target == "tatoeba" else labels)]
        rows.append((name, found, gold))
    return rows


def scored(target, language, rows):
    """Percent by metric, as a run computes them for its record."""
    if target == "bucc":
        found, gold = ([(row[0], one) for row in rows for one in row[side]] for side in (1, 2))
        return {"f1": pair_f1(gold, found)}
    predictions, references = [row[1] for row in rows], [row[2] for row in rows]
    if target not in ("udpos", "panx"):
        predictions = [one for (one,) in predictions]
        if target not in ("xquad", "mlqa", "tydiqa"):
            references = [one for (one,) in references]
    return registry.task(target).format.score(references, predictions, language)


def add_run(store, targets, parent="", seed=42, data=DATA, only=(), without_files=()):
    """A finished run of some targets, with predictions; returns its spec."""
    spec = target_spec(*targets, parent=parent, seed=seed, data=dataclasses.replace(data, languages=only))
    scores = []
    for target in targets:
        of = registry.task(target)
        wins = (WINNER.get(target, "none") == "squad") == bool(parent)
        rng = random.Random(f"{target} {bool(parent)} {seed}")
        table = []
        for split in (Split.DEV, Split.TEST):
            for language in of.languages.get(split, ()):
                if only and language not in only:
                    continue
                rows = rows_of(target, language, 0.7 if wins else 0.1, rng)
                table += [(split.value, language, *row) for row in rows]
                for metric, value in scored(target, language, rows).items():
                    scores.append(
                        Score(task=target, split=split, language=language, metric=metric, value=value, rows=len(rows))
                    )
        if target not in without_files:
            save(store, spec.run_id, target, table)
    store.finish(record(spec, scores, name=f"{'squad' if parent else 'none'} -> {','.join(targets)} #{seed}"))
    return spec


def save(store, run_id, target, table):
    kinds = [pa.string()] * 3 + [pa.list_(pa.string())] * 2
    names = ["split", "language", "id", "prediction", "reference"]
    columns = list(zip(*table, strict=True))
    made = store.work(run_id) / "made.parquet"
    pq.write_table(
        pa.table({n: pa.array(c, k) for n, c, k in zip(names, columns, kinds, strict=True)}), made, compression="zstd"
    )
    store.publish(run_id, f"predictions/{target}.parquet", made)


GROUPS = [
    ("xnli",), ("pawsx",), ("udpos",), ("panx",), ("xquad", "mlqa"), ("tydiqa",), ("bucc",), ("tatoeba",),
]  # fmt: skip


def make_store(root, groups=GROUPS, **options):
    store = LocalStore(root).prepare()
    parent = intermediate_spec("squad", data=options.get("data", DATA))
    store.finish(record(parent, name="squad #42"))
    for group in groups:
        add_run(store, group, **options)
        add_run(store, group, parent=parent.run_id, **options)
    return store


@pytest.fixture(scope="module")
def whole(tmp_path_factory):
    """A store with all nine targets, its submission and the folder of that."""
    store = make_store(tmp_path_factory.mktemp("whole") / "store")
    folder = store.root.parent / "out"
    return store, folder, write_submission(store, folder)


def tree(folder):
    return {str(path.relative_to(folder)): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


# The whole submission -------------------------------------------------------------------------------------------------


def test_the_model_selected_on_dev_is_written_for_every_target(whole):
    _, _, submission = whole
    assert not submission.missing
    chosen = {model.target: model.variant.name for model in submission.models}
    assert chosen == {name: WINNER.get(name, "none") for name in xtreme_layout.TASKS}


def test_every_file_that_xtreme_reads_is_there_and_no_other(whole):
    _, folder, _ = whole
    expected = {
        f"{side}/{task}/test-{code}.{'json' if task in ('xquad', 'mlqa', 'tydiqa') else 'tsv'}"
        for side in ("predictions", "labels")
        for task, codes in XTREME_LANGUAGES.items()
        for code in codes.split()
    }
    assert set(tree(folder)) == expected | {"README.md"}


def test_files_score_what_the_records_say(whole):
    _, folder, submission = whole
    found = evaluate(folder)
    assert set(found) == set(XTREME_LANGUAGES)
    for model in submission.models:
        by_metric = found[xtreme_layout.folder(model.target)]
        recorded = [s for s in model.run.record.scores if (s.task, s.split) == (model.target, "test")]
        assert len({score.value for score in recorded}) > 1
        for score in recorded:
            if score.metric in by_metric:
                assert by_metric[score.metric][score.language] == pytest.approx(score.value, abs=1e-9)
        means = [sum(values.values()) / len(values) for values in by_metric.values()]
        assert sum(means) / len(means) == pytest.approx(model.score.value, abs=1e-9)
        assert set(by_metric) == set(registry.task(model.target).metrics)


def test_files_are_ascii_so_that_no_encoding_matters(whole):
    _, folder, _ = whole
    for name, content in tree(folder).items():
        if name != "README.md":
            content.decode("ascii")


def test_the_summary_names_models_and_cautions(whole, capsys):
    store, folder, submission = whole
    assert main([str(store.root), "--out", str(folder)]) == 0
    shown = capsys.readouterr().out
    assert (folder / "README.md").read_text() in shown
    assert "bundled:3, demo data. One model for each target, selected on development data." in shown
    run_id = next(model.run.record.run_id for model in submission.models if model.target == "mlqa")
    assert re.search(rf"^\| mlqa +\| SQuAD +\| {run_id} +\| 42 +\| 7 +\| f1 / exact_match +\| ", shown, re.MULTILINE)
    assert "XQuAD, TyDiQA, Tatoeba: one set only" in shown.replace("\n", " ")
    assert "Capped at 32 rows a language" in shown
    assert "Tatoeba is in the order of the data" in shown
    assert "## Missing\n\nNothing.\n" in shown


# Contents by hand -----------------------------------------------------------------------------------------------------


def test_labels_are_names_one_a_line():
    rows = [Row("a", ["neutral"], ["entailment"]), Row("b", ["contradiction"], ["contradiction"])]
    found = files("xnli", "sw", rows)
    assert found.predictions == "neutral\ncontradiction\n"
    assert found.labels == "entailment\ncontradiction\n"
    assert found.scores["accuracy"] == 50.0
    assert files("pawsx", "ja", [Row("a", ["1"], ["0"])]).predictions == "1\n"


def test_sentences_of_tags_are_parted_by_a_blank_line():
    rows = [Row("a", ["B-LOC", "I-LOC"], ["B-LOC", "O"]), Row("b", ["O"], ["B-PER"])]
    found = files("panx", "yo", rows)
    assert found.predictions == "B-LOC\nI-LOC\n\nO\n"
    assert found.labels == "B-LOC\nO\n\nB-PER\n"


def test_answers_are_json_by_question_and_labels_have_the_shape_of_squad():
    rows = [Row("q1", ["中国"], ["中国", "国"]), Row("q2", [""], ["x"])]
    found = files("mlqa", "zh", rows)
    assert json.loads(found.predictions) == {"q1": "中国", "q2": ""}
    assert json.loads(found.labels) == {
        "version": "1.1",
        "data": [{"paragraphs": [{"qas": [
            {"id": "q1", "answers": [{"text": "中国"}, {"text": "国"}]}, {"id": "q2", "answers": [{"text": "x"}]},
        ]}]}],
    }  # fmt: skip


def test_mined_pairs_are_two_ids_foreign_first():
    rows = [Row("zh-000000033", ["en-000005983"], ["en-000005983"]), Row("zh-000000231", [], ["en-000047360"])]
    found = files("bucc", "zh", rows)
    assert found.predictions == "zh-000000033\ten-000005983\n"
    assert found.labels == "zh-000000033\ten-000005983\nzh-000000231\ten-000047360\n"
    assert found.scores["f1"] == pytest.approx(200 / 3)


def test_a_folder_of_pairs_without_predictions_scores_zero():
    found = files("bucc", "zh", [Row("zh-1", [], ["en-1"])])
    assert (found.predictions, found.scores["f1"]) == ("", 0.0)


def test_sentences_found_are_line_numbers_of_the_foreign_file_from_zero():
    rows = [Row("t.0", ["t.1"], ["t.0"]), Row("t.1", ["t.1"], ["t.1"]), Row("t.2", ["t.0"], ["t.2"])]
    found = files("tatoeba", "jv", rows)
    assert (found.predictions, found.labels) == ("1\n1\n0\n", "0\n1\n2\n")
    # XTREME's order is that of the English sentences by code point: capitals before small letters, ties in order
    english = {"t.0": "a dog", "t.1": "Zoo", "t.2": '"Go"'}
    found = files("tatoeba", "jv", rows, english)
    assert (found.predictions, found.labels) == ("0\n1\n1\n", "2\n1\n0\n")
    assert files("tatoeba", "jv", rows, dict.fromkeys(english, "the same")).labels == "0\n1\n2\n"


@pytest.mark.parametrize(
    ("target", "rows", "reason"),
    [
        ("xnli", [Row("a", ["entails"], ["neutral"])], "a: unknown label 'entails'; did you mean 'entailment'?"),
        ("xnli", [Row("a", [], ["neutral"])], "a: 0 values where there is one: none"),
        ("pawsx", [Row("a", ["0"], ["0"]), Row("a", ["1"], ["0"])], "two rows have the id a"),
        ("udpos", [Row("a", ["NOUN"], ["NOUN", "X"])], "a: 1 predicted tags for 2 words"),
        ("udpos", [Row("a", [], [])], "a: 0 predicted tags for 0 words"),
        ("panx", [Row("a", ["PER"], ["O"])], "unknown label 'PER'"),
        ("xquad", [Row("a", ["x"], [])], "a: no reference answer"),
        ("bucc", [Row("de 1", ["en-1"], ["en-1"])], "a pair is two ids without blanks"),
        ("bucc", [Row("de-1", ["en-1"], [])], "no gold pair"),
        ("tatoeba", [Row("a", ["b"], ["a"])], "a: b is no sentence of this language"),
        ("xnli", [], "no predictions"),
        ("squad", [Row("a", ["x"], ["x"])], "unknown XTREME task 'squad'; did you mean 'xquad'?"),
    ],
)
def test_rows_that_do_not_fit_are_errors(target, rows, reason):
    with pytest.raises(LayoutError, match=re.escape(reason)):
        files(target, "de", rows)


# What is missing ------------------------------------------------------------------------------------------------------

FEW = [("xnli",), ("pawsx",)]


def run_of(store, target, variant="none"):
    """The only run of a target with, or without, a parent."""
    [found] = [
        run_id
        for run_id in store.run_ids()
        if target in (spec := store.record(run_id).spec).tasks and bool(spec.parent) == (variant != "none")
    ]
    return found


def check_only_pawsx(store, folder, reason, capsys):
    assert main([str(store.root), "--out", str(folder)]) == 1
    shown = capsys.readouterr().out
    assert f"- xnli: {reason}" in shown
    assert {name.split("/")[1] for name in tree(folder) if "/" in name} == {"pawsx"}
    assert "- xnli: " in (folder / "README.md").read_text()


def test_targets_that_the_sweep_does_not_have_are_named_but_not_wanted(tmp_path, capsys):
    assert main([str(make_store(tmp_path, FEW).root)]) == 0
    assert "- udpos: not in this sweep\n" in capsys.readouterr().out
    assert {path.name for path in (tmp_path / "submission" / "labels").iterdir()} == {"xnli", "pawsx"}


def test_a_target_whose_selection_is_open(tmp_path, capsys):
    store = make_store(tmp_path / "store", [("pawsx",)])
    add_run(store, ("xnli",))
    reason = "no model selected: 1 of 2 candidates without a dev score: SQuAD"
    check_only_pawsx(store, tmp_path / "out", reason, capsys)


def test_a_run_that_left_no_predictions(tmp_path, capsys):
    store = make_store(tmp_path / "store", FEW, without_files=("xnli",))
    run_id = run_of(store, "xnli", "squad")
    check_only_pawsx(store, tmp_path / "out", f"run {run_id} is finished but left no predictions/xnli.parquet", capsys)


def test_a_prediction_file_that_is_none(tmp_path, capsys):
    store = make_store(tmp_path / "store", FEW)
    path = store.fetch(run_of(store, "xnli", "squad"), "predictions/xnli.parquet")
    path.write_bytes(b"PAR1")
    check_only_pawsx(store, tmp_path / "out", f"{path} cannot be read", capsys)


def test_a_prediction_file_without_a_column(tmp_path, capsys):
    store = make_store(tmp_path / "store", FEW)
    path = store.fetch(run_of(store, "xnli", "squad"), "predictions/xnli.parquet")
    pq.write_table(pq.read_table(path).drop(["reference"]), path)
    check_only_pawsx(store, tmp_path / "out", f"{path} cannot be read", capsys)


def test_predictions_that_do_not_score_what_the_record_says(tmp_path, capsys):
    store = make_store(tmp_path / "store", FEW)
    run_id = run_of(store, "xnli", "squad")
    table = [("test", code, f"{code}.1", ["neutral"], ["entailment"]) for code in languages.XNLI]
    save(store, run_id, "xnli", table)
    reason = f"run {run_id}, en: the predictions score 0.0000 accuracy, the record says "
    check_only_pawsx(store, tmp_path / "out", reason, capsys)


def test_a_language_without_predictions(tmp_path, capsys):
    store = make_store(tmp_path / "store", FEW)
    run_id = run_of(store, "xnli", "squad")
    path = store.fetch(run_id, "predictions/xnli.parquet")
    table = pq.read_table(path)
    pq.write_table(table.filter(pc.not_equal(table["language"], "ur")), path)
    check_only_pawsx(store, tmp_path / "out", f"predictions of run {run_id}, ur: no predictions", capsys)


def test_a_restricted_sweep_says_which_languages_xtreme_would_miss(tmp_path, capsys):
    store = make_store(tmp_path / "store", [("pawsx",)], only=("en", "de", "es", "fr"))
    assert main([str(store.root)]) == 0
    assert "PAWS-X lacks ja, ko, zh; `evaluate.py` stops at a missing file." in capsys.readouterr().out


def test_nothing_at_all_leaves_no_folder(tmp_path, capsys):
    store = make_store(tmp_path / "store", [("pawsx",)], without_files=("pawsx",))
    assert main([str(store.root), "--out", str(tmp_path / "out")]) == 1
    assert "Nothing was written." in capsys.readouterr().out
    assert [path.name for path in tmp_path.iterdir()] == ["store"]


# Seeds, sweeps and the order of Tatoeba -------------------------------------------------------------------------------


def test_of_several_seeds_one_is_submitted(tmp_path, capsys):
    store = LocalStore(tmp_path / "store").prepare()
    runs = {seed: add_run(store, ("pawsx",), seed=seed) for seed in (43, 42)}
    for seed, options in ((42, []), (43, ["--seed", "43"])):
        assert main([str(store.root), "--out", str(tmp_path / "out"), *options]) == 0
        shown = capsys.readouterr().out
        assert runs[seed].run_id in shown
        assert "Of several seeds one is submitted" in shown
        recorded = {s.language: s.value for s in store.record(runs[seed].run_id).scores if s.split == "test"}
        assert evaluate(tmp_path / "out")["pawsx"]["accuracy"] == pytest.approx(recorded)
    assert main([str(store.root), "--seed", "7"]) == 2
    assert "no run has seed 7; seeds here: 42, 43" in capsys.readouterr().err


def test_where_and_sweep_choose_among_several_sweeps(tmp_path, capsys):
    store = make_store(tmp_path / "store", [("pawsx",)])
    first = store.run_ids()
    add_run(store, ("xnli",), data=dataclasses.replace(DATA, source="hub"))
    assert main([str(store.root)]) == 2
    assert "more than one sweep" in capsys.readouterr().err
    assert main([str(store.root), "--where", "data.source=hub"]) == 0
    assert (store.root / "submission" / "predictions" / "xnli").is_dir()
    done = [[row, False, "pawsx", 42, "done", ""] for row in ("none", "squad")]
    plan = {"run_ids": first, "cells": [*done, ["squad", False, "panx", 42, "failed", "out of memory"]]}
    (tmp_path / "sweep.json").write_text(json.dumps(plan))
    assert main([str(store.root), "--sweep", str(tmp_path / "sweep.json")]) == 1
    assert "- panx: no model selected: " in capsys.readouterr().out
    assert {path.name for path in (store.root / "submission" / "predictions").iterdir()} == {"pawsx"}


def test_tatoeba_in_the_order_of_xtreme(tmp_path, capsys):
    mirror = tmp_path / "mirror"
    sentences = {"afr": ["we", "Tom", "a", '"Yes"'], "deu": ["b", "a", "B", "A"]}
    for code, english in sentences.items():
        path = mirror / "google" / "xtreme" / f"tatoeba.{code}" / "validation.parquet"
        path.parent.mkdir(parents=True)
        columns = {
            "source_sentence": [f"{code} {n}\n" for n in range(4)],
            "target_sentence": [f"{e}\n" for e in english],
        }
        pq.write_table(pa.table(columns), path)
    sources = [s for code in ("af", "de") for s in registry.task("tatoeba").files(Split.TEST, code)]
    data = dataclasses.replace(
        DATA, source="mirror", fingerprint=MirrorData(mirror).fingerprint(sources), languages=("af", "de"),
        train_rows=0, eval_rows=0,
    )  # fmt: skip
    store = LocalStore(tmp_path / "store").prepare()
    spec = target_spec("tatoeba", data=data)
    names = {code: [f"tatoeba.{iso}.validation.{n}" for n in range(4)] for code, iso in (("af", "afr"), ("de", "deu"))}
    found = {"af": [0, 1, 2, 0], "de": [3, 1, 2, 0]}
    table = [
        ("test", code, names[code][line], [names[code][found[code][line]]], [names[code][line]])
        for code in names
        for line in range(4)
    ]
    save(store, spec.run_id, "tatoeba", table)
    values = {"af": 75.0, "de": 50.0}
    scores = [
        Score(task="tatoeba", split="test", language=c, metric="accuracy", value=values[c], rows=4) for c in values
    ]
    store.finish(record(spec, scores))

    assert main([str(store.root), "--data", str(mirror)]) == 0
    assert "--data puts" not in capsys.readouterr().out
    folder = store.root / "submission"
    # af: "Yes" Tom a we are lines 3 1 2 0; de: A B a b are lines 3 2 1 0
    assert read_lines(folder / "labels" / "tatoeba" / "test-af.tsv") == ["3", "1", "2", "0"]
    assert read_lines(folder / "predictions" / "tatoeba" / "test-af.tsv") == ["0", "1", "2", "0"]
    assert read_lines(folder / "labels" / "tatoeba" / "test-de.tsv") == ["3", "2", "1", "0"]
    assert read_lines(folder / "predictions" / "tatoeba" / "test-de.tsv") == ["0", "2", "1", "3"]

    path = mirror / "google" / "xtreme" / "tatoeba.afr" / "validation.parquet"
    pq.write_table(pq.read_table(path).slice(1), path)
    assert main([str(store.root), "--data", str(mirror)]) == 1
    assert f"- tatoeba: the data given is not the data that run {spec.run_id} read" in capsys.readouterr().out
    path.unlink()
    assert main([str(store.root), "--data", str(mirror)]) == 1
    assert "does not exist" in capsys.readouterr().out
    assert main([str(store.root), "--data", str(tmp_path / "nowhere")]) == 2
    assert "is no folder" in capsys.readouterr().err


# Broken input and the folder ------------------------------------------------------------------------------------------


def test_an_earlier_submission_is_replaced_as_a_whole(tmp_path):
    folder = tmp_path / "out"
    write_submission(make_store(tmp_path / "first", FEW), folder)
    write_submission(make_store(tmp_path / "second", [("tydiqa",)]), folder)
    assert {name.split("/")[1] for name in tree(folder) if "/" in name} == {"tydiqa"}
    assert {path.name for path in tmp_path.iterdir()} == {"first", "second", "out"}


def test_a_failure_leaves_the_earlier_submission(tmp_path, monkeypatch, capsys):
    store, folder = make_store(tmp_path / "store", FEW), tmp_path / "out"
    write_submission(store, folder)
    before = tree(folder)
    made = type(folder).rename

    def rename(self, target):
        if self.parent == tmp_path and not self.name.endswith(".old") and self.name.startswith(".out."):
            raise OSError("no space left on device")
        return made(self, target)

    monkeypatch.setattr(type(folder), "rename", rename)
    assert main([str(store.root), "--out", str(folder)]) == 2
    assert "no space left" in capsys.readouterr().err
    assert tree(folder) == before
    assert {path.name for path in tmp_path.iterdir()} == {"store", "out"}


def test_a_folder_that_holds_something_else_is_not_touched(tmp_path, capsys):
    store = make_store(tmp_path / "store", [("pawsx",)])
    (tmp_path / "out").mkdir()
    (tmp_path / "out" / "thesis.tex").write_text("mine")
    assert main([str(store.root), "--out", str(tmp_path / "out")]) == 2
    assert "holds thesis.tex, so it is no earlier submission" in capsys.readouterr().err
    assert tree(tmp_path / "out") == {"thesis.tex": b"mine"}
    assert main([str(store.root), "--out", str(tmp_path / "out" / "thesis.tex")]) == 2
    assert "is not a folder" in capsys.readouterr().err


def test_no_store_no_runs_no_plan(tmp_path, capsys):
    assert main([str(tmp_path / "nowhere")]) == 2
    assert f"there is no store at {tmp_path / 'nowhere'}" in capsys.readouterr().err
    LocalStore(tmp_path).prepare()
    assert main([str(tmp_path)]) == 2
    assert "no finished run" in capsys.readouterr().err
    store = make_store(tmp_path / "store", [("pawsx",)])
    (tmp_path / "other.json").write_text("{}")
    assert main([str(store.root), "--sweep", str(tmp_path / "other.json")]) == 2
    assert "is not the sweep.json" in capsys.readouterr().err


def test_a_broken_record_is_named(tmp_path, capsys):
    store = make_store(tmp_path / "store", [("pawsx",)])
    broken = store.root / "runs" / store.run_ids()[0] / "record.json"
    broken.write_text("{")
    assert main([str(store.root)]) == 2
    assert str(broken) in capsys.readouterr().err


def test_help_is_quick_and_imports_no_heavy_library():
    code = (
        "import sys; from analysis import submission\n"
        "try: submission.main(['--help'])\nexcept SystemExit: pass\n"
        "print(sorted({'pandas', 'torch', 'ray', 'scipy', 'pyarrow', 'datasets'} & set(sys.modules)))"
    )
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.splitlines()[-1] == "[]"
