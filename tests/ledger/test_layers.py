"""Files of scores by hidden state: read as they were written, or not at all."""

import json

import pytest

from trainables.ledger.layers import LayerScore, from_json, to_json

SCORES = [
    LayerScore(task="tatoeba", split="test", language="de", layer=layer, metric="accuracy", value=value, rows=3)
    for layer, value in enumerate((100 / 3, 0.0, 100.0))
]


def test_scores_are_read_as_they_were_written():
    assert list(from_json(to_json(SCORES))) == SCORES
    assert to_json(SCORES) == to_json(list(from_json(to_json(SCORES))))


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda text: text.replace("100.0", "10.0"), "damaged: it is not what was written"),
        (lambda text: text.replace('"format": 1', '"format": 2'), "format 2, this version reads 1"),
        (lambda text: text[:-20], "."),
        (lambda text: "[]", "holds a list, not an object"),
    ],
)
def test_a_file_that_is_not_what_was_written_is_refused(change, message):
    with pytest.raises(ValueError, match=message):
        from_json(change(to_json(SCORES)))


def test_a_figure_that_is_not_finite_is_not_written():
    with pytest.raises(ValueError, match="Out of range"):
        to_json([LayerScore(**json.loads(to_json(SCORES))["scores"][0] | {"value": float("nan")})])
