"""What predictions are compared with that have learnt nothing, and what a run says of itself then."""

from __future__ import annotations

import pytest

from trainables.ledger.record import Finding, Symptom
from trainables.phases.collapse import findings
from trainables.tasks.formats.trivial import Comparison
from trainables.tasks.registry import task
from trainables.tasks.task import Split


def said(name, references, predictions):
    return task(name).format.compare(references, predictions)


def test_pairs_are_beside_the_most_frequent_label():
    found = said(
        "xnli", ["neutral", "neutral", "entailment", "neutral"], ["neutral", "entailment", "neutral", "neutral"]
    )
    assert found == Comparison(constant="", measure="accuracy", figure=50.0, trivial=75.0)


def test_one_label_for_all_is_constant_unless_all_have_it():
    assert said("pawsx", ["1", "0"], ["1", "1"]).constant == "1"
    assert said("pawsx", ["1", "1"], ["1", "1"]).constant == ""


def test_tags_are_compared_by_word():
    """Seven words, four of them O; the predictions have two right."""
    gold = [["O", "B-PER", "O"], ["O", "O", "B-LOC", "I-LOC"]]
    found = said("panx", gold, [["O", "O", "B-PER"], ["B-PER", "O", "O", "O"]])
    assert (found.constant, found.figure, found.trivial) == ("", pytest.approx(200 / 7), pytest.approx(400 / 7))
    assert said("panx", gold, [["O"] * 3, ["O"] * 4]).constant == "O"


@pytest.mark.parametrize(("others", "constant"), [(0, "O"), (3, "O"), (4, ""), (38, "")])
def test_nearly_one_tag_is_one_tag(others, constant):
    """Forty of a hundred words are names; four found would be a tenth of them. So NER of 11 F1 passed unremarked."""
    gold = [["B-PER"] * 40 + ["O"] * 60]
    assert said("panx", gold, [["B-PER"] * others + ["O"] * (100 - others)]).constant == constant


def test_answers_can_only_be_all_the_same():
    references = [("Oslo",), ("Bergen",)]
    assert said("xquad", references, ["", ""]) == Comparison(constant="nothing")
    assert said("xquad", references, ["Oslo", "Oslo"]) == Comparison(constant="Oslo")
    assert said("xquad", references, ["Oslo", ""]) == Comparison()


def test_retrieval_is_beside_chance_and_mining_must_find_a_pair():
    found = said("tatoeba", ["a", "b", "c", "d"], ["a", "a", "a", "a"])
    assert found == Comparison(constant="a", measure="accuracy", figure=25.0, trivial=25.0)
    assert said("bucc", [["x"], []], [[], []]).constant == "no pair"
    assert said("bucc", [["x"], []], [[], ["x"]]).constant == ""


def test_a_run_is_constant_in_english_or_in_most_languages():
    same, other = Comparison(constant="neutral"), Comparison()
    assert [f.languages for f in findings(task("xnli"), Split.DEV, {"en": same, "de": other, "sw": other})] == [("en",)]
    assert not list(findings(task("xnli"), Split.DEV, {"en": other, "de": same, "sw": other}))
    [found] = findings(task("xnli"), Split.DEV, {"en": other, "de": same, "sw": same})
    assert found == Finding(
        symptom=Symptom.CONSTANT, task="xnli", split="dev", languages=("de", "sw"),
        text="XNLI dev: all predictions, or nearly all, are the same ('neutral') in de, sw",
    )  # fmt: skip


def test_a_run_is_below_what_is_trivial_by_its_mean_over_the_languages():
    def at(figure):
        return Comparison(measure="accuracy", figure=figure, trivial=50.0)

    [found] = findings(task("xnli"), Split.DEV, {"en": at(60.0), "de": at(30.0)})
    assert (found.symptom, found.languages) == (Symptom.BELOW_TRIVIAL, ("de",))
    assert found.text == "XNLI dev: accuracy 45.0 is below the 50.0 that need no model"
    assert not list(findings(task("xnli"), Split.DEV, {"en": at(60.0), "de": at(40.0)}))


def test_nothing_is_said_of_no_predictions():
    assert not list(findings(task("xnli"), Split.DEV, {}))
