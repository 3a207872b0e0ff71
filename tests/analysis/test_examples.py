"""`xstilts examples`: which rows an intermediate task fixed or broke."""

from __future__ import annotations

import dataclasses
import json
from pathlib import Path

import pytest

from analysis.examples.asked import asked
from analysis.examples.examples import Kind, examples
from analysis.examples.page import page
from analysis.selection.sweep import gather
from sweep.command_line.main import main
from tests.made.own_targets import SCORED, UNSCORED, enlist_target
from tests.made.predictions import finish_with
from tests.made.records import DATA, intermediate_spec, record, target_spec
from trainables.data.hub import load, open_data
from trainables.ledger.store import Store
from trainables.tasks.registry import task
from trainables.tasks.task import Split

PARENT = intermediate_spec("squad")
TEST = {("test", "de"): [("t0", "entailment", "neutral"), ("t1", "neutral", "neutral")]}
XNLI = {
    "": [("r0", "neutral", "neutral"), ("r1", "entailment", "neutral"), ("r2", "neutral", "neutral"),
         ("r3", "entailment", "contradiction"), ("r4", "neutral", "entailment")],
    PARENT.run_id: [("r0", "neutral", "neutral"), ("r1", "neutral", "neutral"), ("r2", "contradiction", "neutral"),
                    ("r3", "neutral", "contradiction"), ("r4", "entailment", "entailment")],
}  # fmt: skip
"""By parent; SQuAD fixes r1 and r4 and breaks r2."""


def made(root: Path, target: str, rows, split="dev", language="de", data=DATA, **others) -> Store:
    """A store with the baseline and SQuAD on one target; `rows` by parent."""
    store = Store(root).prepare()
    store.finish(record(dataclasses.replace(PARENT, data=data), name="squad"))
    parent = dataclasses.replace(PARENT, data=data).run_id
    for start, own in rows.items():
        spec = target_spec(target, parent=start and parent, data=data)
        spec = dataclasses.replace(spec, data=dataclasses.replace(spec.data, languages=(language,)))
        finish_with(store, spec, {(split, language): own, **others})
    return store


def found_in(store: Store, target="xnli", language="de", **options):
    sweep = gather(store)
    data = options.pop("data", None)
    what = asked(sweep, target=target, language=language, intermediate="squad", **options)
    return examples(store, sweep, what, data)


@pytest.fixture
def nli(tmp_path) -> Store:
    store = Store(tmp_path / "store").prepare()
    store.finish(record(PARENT, name="squad"))
    for start, rows in XNLI.items():
        spec = target_spec("xnli", parent=start, data=dataclasses.replace(DATA, languages=("de",)))
        finish_with(store, spec, {("dev", "de"): rows, **TEST})
    return store


def test_rows_are_counted_by_what_became_of_them(nli):
    found = found_in(nli)
    assert found.counts == {Kind.BOTH_RIGHT: 1, Kind.FIXED: 2, Kind.BROKEN: 1, Kind.BOTH_WRONG: 1}
    assert [(row.id, row.kind, row.baseline, row.prediction, row.reference) for row in found.rows] == [
        ("r1", Kind.FIXED, ("entailment",), ("neutral",), ("neutral",)),
        ("r4", Kind.FIXED, ("neutral",), ("entailment",), ("entailment",)),
        ("r2", Kind.BROKEN, ("neutral",), ("contradiction",), ("neutral",)),
    ]
    assert not found.is_graded


def test_answers_are_sorted_by_the_change_of_the_mean_of_f1_and_exact_match(tmp_path):
    """The article goes, so the answer is `b c d`. One word of it scores (1/2 + 0) / 2, `b c d e` (6/7 + 0) / 2."""
    gold = ("a b c d",)
    rows = {
        "": [("q0", "x", gold), ("q1", "x", gold), ("q2", "a b c d", gold), ("q3", "b", gold), ("q4", "c", gold)],
        PARENT.run_id: [
            ("q0", "b c d", gold), ("q1", "b c d e", gold), ("q2", "z", gold), ("q3", "c", gold), ("q4", "z", gold),
        ],
    }  # fmt: skip
    found = found_in(made(tmp_path, "xquad", rows, "test", "de"), "xquad")
    assert [(row.id, round(row.change, 4)) for row in found.rows] == [
        ("q0", 1.0), ("q1", round(3 / 7, 4)), ("q4", -0.25), ("q2", -1.0),
    ]  # fmt: skip
    assert found.counts == {Kind.BOTH_RIGHT: 0, Kind.FIXED: 2, Kind.BROKEN: 2, Kind.BOTH_WRONG: 1}
    assert [row.id for row in found.of(Kind.BROKEN)] == ["q2", "q4"]
    assert [row.id for row in found.of(Kind.FIXED, 1)] == ["q0"]
    assert found.is_graded


def test_of_a_tagged_sentence_the_words_that_are_not_alike_are_shown(tmp_path):
    gold = ["DET", "NOUN", "VERB", "PUNCT"]
    rows = {
        "": [("s0", ["DET", "NOUN", "NOUN", "PUNCT"], gold)],
        "squad": [("s0", ["DET", "NOUN", "VERB", "X"], gold)],
    }
    [row] = found_in(made(tmp_path, "udpos", rows), "udpos").rows
    assert row.reference == ("3: VERB", "4: PUNCT")
    assert row.baseline == ("3: NOUN", "4: PUNCT")
    assert row.prediction == ("3: VERB", "4: X")
    # chunks: four are right; DET and PUNCT of three, then DET, NOUN and VERB of four
    assert (row.before, row.after) == (pytest.approx(2 * 2 / (4 + 3)), pytest.approx(2 * 3 / (4 + 4)))


@pytest.mark.parametrize(
    ("what", "gold", "before", "after", "scores"),
    [
        ("accuracy over words", ["NOUN", "VERB", "X"], ["NOUN", "X", "NOUN"], ["NOUN", "VERB", "NOUN"], (1 / 3, 2 / 3)),
        ("accuracy over words of chunks", ["B-PER", "O"], ["O", "O"], ["B-PER", "O"], (1 / 2, 1)),
        ("choices", "third", "first", "third", (0, 1)),
        ("F1 of a label", "other", "same", "other", (0, 1)),
        ("exact match of answers", ("b",), "b c", "b", (0, 1)),
    ],
)
def test_rows_of_a_task_of_ones_own_are_scored_by_its_metric(tmp_path, what, gold, before, after, scores):
    enlist_target(*SCORED[what])
    [row] = found_in(made(tmp_path, "mine", {"": [("r", before, gold)], "squad": [("r", after, gold)]}), "mine").rows
    assert (row.before, row.after) == pytest.approx(scores)


@pytest.mark.parametrize(
    ("what", "gold", "before", "after", "scores"),
    [
        ("accuracy with F1", "other", "same", "other", (0, 1)),
        ("F1 with accuracy", ["B-PER", "I-PER", "O"], ["B-PER", "O", "O"], ["B-PER", "I-PER", "O"], (0, 1)),
    ],
)
def test_where_metrics_have_no_common_scores_labels_are_right_or_wrong_and_the_first_metric_of_tags_counts(
    tmp_path, what, gold, before, after, scores
):
    enlist_target(*UNSCORED[what])
    found = found_in(made(tmp_path, "mine", {"": [("r", before, gold)], "squad": [("r", after, gold)]}), "mine")
    assert [(row.before, row.after) for row in found.rows] == [scores]
    assert found.is_graded == (what == "F1 with accuracy")


def test_choices_are_right_or_wrong(tmp_path):
    enlist_target(*SCORED["choices"])
    rows = {"": [("r", "first", "first")], "squad": [("r", "second", "first")]}
    found = found_in(made(tmp_path, "mine", rows), "mine")
    assert not found.is_graded
    assert found.counts[Kind.BROKEN] == 1


def test_sentences_of_bucc_that_a_run_found_nothing_in_count_too(tmp_path):
    rows = {
        "": [("de-1", [], ["en-1"]), ("de-2", ["en-9"], [])],
        "squad": [("de-1", ["en-1"], ["en-1"]), ("de-3", ["en-8"], [])],
    }
    found = found_in(made(tmp_path, "bucc", rows), "bucc")
    assert {row.id: row.kind for row in found.rows} == {"de-1": Kind.FIXED, "de-2": Kind.FIXED, "de-3": Kind.BROKEN}


def test_a_test_set_stays_closed_until_it_is_opened_and_that_is_noted(nli):
    assert {row.id for row in found_in(nli).rows} == {"r1", "r2", "r4"}
    assert nli.openings() == ()
    found = found_in(nli, open_test=True)
    assert found.counts[Kind.BOTH_RIGHT] == found.counts[Kind.BOTH_WRONG] == 1
    [noted] = nli.openings()
    assert (noted.target, noted.by, len(noted.runs)) == ("xnli", "examples", 2)


def test_a_task_with_one_set_has_nothing_to_open(tmp_path):
    rows = {"": [("q0", "x", ("b",))], "squad": [("q0", "b", ("b",))]}
    store = made(tmp_path, "xquad", rows, "test", "de")
    assert found_in(store, "xquad", open_test=True).counts[Kind.FIXED] == 1
    assert store.openings() == ()


def demo_rows(target, split, language, right):
    """The demo's own rows, right where their number is among these."""
    of = task(target)
    read = load(of, split, language, open_data("demo")).examples
    gold = of.format.references(read)
    if target == "xquad":
        return [(each.id, own[0] if n in right else "nothing", own)
                for n, (each, own) in enumerate(zip(read, gold, strict=True))]  # fmt: skip
    return [(each.id, own if n in right else gold[n - 1], own)
            for n, (each, own) in enumerate(zip(read, gold, strict=True))]  # fmt: skip


def test_texts_are_read_again_from_the_data_of_the_sweep(tmp_path):
    rows = {"": demo_rows("xquad", Split.TEST, "th", {1}), "squad": demo_rows("xquad", Split.TEST, "th", {0, 1})}
    found = found_in(made(tmp_path, "xquad", rows, "test", "th"), "xquad", "th")
    [row] = found.rows
    first = load(task("xquad"), Split.TEST, "th", open_data("demo")).examples[0]
    assert row.parts == (("question", first.question), ("context", first.context))
    assert found.why_no_texts == ""


def test_of_retrieval_the_sentences_are_shown_in_place_of_their_ids(tmp_path):
    rows = {"": demo_rows("tatoeba", Split.TEST, "de", {2}), "squad": demo_rows("tatoeba", Split.TEST, "de", {1, 2})}
    found = found_in(made(tmp_path, "tatoeba", rows, "test", "de"), "tatoeba")
    pairs = load(task("tatoeba"), Split.TEST, "de", open_data("demo")).examples
    [row] = found.rows
    assert (row.reference, row.baseline) == ((pairs[1].foreign,), (pairs[0].foreign,))
    assert row.parts == (("English", pairs[1].english),)


def test_data_that_is_not_that_of_the_runs_gives_no_texts(nli):
    found = found_in(nli)
    assert "not those that the runs read" in found.why_no_texts
    assert not any(row.parts for row in found.rows)
    assert "cannot be read" in found_in(nli, data="/nowhere/at/all").why_no_texts


def test_the_hub_is_not_asked_unasked(tmp_path):
    store = made(tmp_path, "xnli", XNLI | {}, data=dataclasses.replace(DATA, source="hub"))
    assert "--data says where it is" in found_in(store).why_no_texts


def test_predictions_that_do_not_give_their_recorded_score_are_refused(nli, capsys):
    run_id = next(r for r in nli.run_ids() if nli.record(r).spec.parent)
    own = nli.record(run_id)
    scores = tuple(dataclasses.replace(score, value=score.value + 1) for score in own.scores)
    (nli.root / "runs" / run_id / "record.json").unlink()
    nli.finish(dataclasses.replace(own, scores=scores))
    assert run(nli) == 2
    assert "the predictions give 60.0000 accuracy, the record says 61.0000" in capsys.readouterr().err


def run(store: Store, *words: str, target="xnli", language="de", intermediate="squad") -> int:
    names = ["--target", target, "--language", language, "--intermediate", intermediate]
    return main(["examples", str(store.root), *names, *words])


def test_the_command_shows_a_table_and_writes_a_page(nli, capsys):
    assert run(nli) == 0
    text = capsys.readouterr().out
    assert "SQuAD against the baseline: XNLI, de, dev, seed 42" in text
    assert "5 rows: both right 1 (20%), fixed 2 (40%), broken 1 (20%), both wrong 1 (20%)" in text
    written = nli.report / "examples" / "xnli-de-squad.html"
    assert str(written) in text.replace("\n", "")
    assert "contradiction" in written.read_text()


def test_json_has_the_counts_and_the_rows(nli, capsys):
    assert run(nli, "--json", "--rows", "1") == 0
    found = json.loads(capsys.readouterr().out)
    assert found["counts"] == {"both right": 1, "fixed": 2, "broken": 1, "both wrong": 1}
    assert [(row["id"], row["change"]) for row in found["rows"]] == [("r1", 1.0), ("r2", -1.0)]
    assert not (nli.report / "examples").exists()


@pytest.mark.parametrize(
    ("names", "words", "message"),
    [
        ({"target": "xnil"}, (), "did you mean 'xnli'"),
        ({"target": "panx"}, (), "unknown target of this sweep 'panx'"),
        ({"language": "dee"}, (), "did you mean 'de'"),
        ({"language": "th"}, (), "known: de"),
        ({"intermediate": "sqaud"}, (), "did you mean 'squad'"),
        ({"intermediate": "none"}, (), "is what rows are compared with; allowed: squad"),
        ({}, ("--mlm",), "without MLM only; leave --mlm out"),
        ({}, ("--seed", "7"), "seeds here: 42"),
        ({}, ("--sweep", "nine"), "unknown sweep"),
    ],
)
def test_wrong_names_are_answered_with_right_ones(nli, capsys, names, words, message):
    assert run(nli, *words, **names) == 2
    assert message in capsys.readouterr().err


def test_no_store_is_said_in_a_sentence(tmp_path, capsys):
    assert run(Store(tmp_path / "nowhere")) == 2
    assert "there is no store at" in capsys.readouterr().err


def test_nothing_of_the_data_is_markup(tmp_path):
    """Of a hostile answer the page shows just the text, and characters that reorder text become escapes."""
    evil = "<script>alert(1)</script> &amp; {{ 7*7 }} \u202eevil"
    rows = {"": [("<b>q</b>", evil, ("b",))], "squad": [("<b>q</b>", "b", ("b",))]}
    text = page(found_in(made(tmp_path, "xquad", rows, "test", "de"), "xquad"))
    assert "<script" not in text
    assert "&lt;script&gt;alert(1)&lt;/script&gt; &amp;amp; {{ 7*7 }} \\u202eevil" in text
    assert "<b>" not in text


def test_the_page_fits_a_phone_and_asks_no_network(nli, tmp_path):
    text = page(found_in(nli))
    assert 'content="width=device-width, initial-scale=1"' in text
    assert "default-src 'none'" in text
    assert "http" not in text.replace("http-equiv", "")
    assert "prefers-color-scheme: dark" in text


def test_a_page_that_cannot_be_written_is_said(nli, tmp_path, capsys):
    (tmp_path / "file").write_text("")
    assert run(nli, "--out", str(tmp_path / "file")) == 2
    assert str(tmp_path / "file") in capsys.readouterr().err


def test_a_configuration_that_is_nested_without_end_says_nothing(nli):
    (nli.root / "config.yaml").write_text("[" * 50_000)
    assert found_in(nli).why_no_texts
