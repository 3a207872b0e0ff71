"""Bitext mining from sentences to scores, against the steps of protocol.md 5.4 written out pair by pair."""

from __future__ import annotations

import re

import numpy as np
import pyarrow.parquet as pq
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from search_spaces.config_file import apply_sets
from search_spaces.presets import grid_demo
from sweep.planning.planner import build_plan
from tests.made.mining import slow_candidates, slow_f1, slow_threshold
from trainables.evaluation.neighbours import mutual_nearest, nearest
from trainables.evaluation.predict import to_the_end
from trainables.ledger.spec import DataRef, EncoderRef, Phase, Retrieval, RunSpec
from trainables.ledger.store import Store
from trainables.phases.embedder import Embedded
from trainables.phases.mining import Mining
from trainables.phases.options import Options
from trainables.phases.run import run_to_end
from trainables.tasks.examples import CorpusExample
from trainables.tasks.formats.base import Encoded
from trainables.tasks.formats.ragged import Ragged
from trainables.tasks.registry import task
from trainables.tasks.task import Split


def examples_of(foreign, english, gold):
    translations = {name: tuple(y for x, y in gold if x == name) for name, _ in foreign}
    return [
        *(CorpusExample(id=n, text=text, language="de", translations=translations[n]) for n, text in foreign),
        *(CorpusExample(id=n, text=text, language="en", translations=()) for n, text in english),
    ]


class FakeContext:
    """What mining asks of a run; sentences are embedded by looking them up."""

    def __init__(self):
        self.notes = []
        self.spec = RunSpec(
            phase=Phase.RETRIEVAL, tasks=("bucc",), encoder=EncoderRef(name="x", revision="1"),
            data=DataRef(source="demo", fingerprint="0"), seed=1, retrieval=Retrieval(layer=1),
        )  # fmt: skip


class LookedUp(Mining):
    """Each text is one made-up token, which stands for its embedding."""

    def __init__(self, embeddings):
        self.numbers = {text: number for number, text in enumerate(embeddings)}
        vectors = torch.from_numpy(np.stack(list(embeddings.values()))) if embeddings else None

        def embed(encoded, split):
            yield
            found_NH = vectors[torch.from_numpy(encoded.sequences.used)]
            return Embedded(layers=(1,), found_KNH=found_NH[None], device=torch.device("cpu"), encoder_name="looked up")

        super().__init__(FakeContext(), task("bucc"), embed)

    def encode(self, examples):
        sequences = Ragged.of(np.array([self.numbers[example.text]]) for example in examples)
        return Encoded(examples=examples, sequences=sequences, owners=np.arange(len(examples), dtype=np.int32))


def draw_split(generator, name, size):
    """Sentences of both sides, some of them repeated, with gold pairs that resemble each other."""
    texts = [f"{name} {number}" for number in range(size)]
    # Repeated sentences: the second and the fifth of each side are the same.
    foreign = [(f"de-{n}", "x " + texts[1 if n == 4 else n]) for n in range(size)]
    english = [(f"en-{n}", "y " + texts[1 if n == 4 else n]) for n in generator.permutation(size)]
    vectors = generator.normal(size=(size, 6))
    embeddings = {}
    for number, text in enumerate(texts):
        embeddings["x " + text] = vectors[number]
        embeddings["y " + text] = vectors[number] + generator.normal(scale=0.7, size=6)
    # The whole corpus leans one way, as embeddings of real encoders do.
    embeddings = {text: np.float32(vector + 1.0) for text, vector in embeddings.items()}
    embeddings = {text: vector / np.linalg.norm(vector) for text, vector in embeddings.items()}
    gold = {(f"de-{n}", f"en-{n}") for n in range(0, size, 2)}
    return foreign, english, gold, embeddings


@given(st.integers(0, 10_000), st.integers(6, 14))
@settings(max_examples=1000, deadline=None)
def test_mining_equals_the_steps_of_the_protocol_from_sentences_to_scores(seed, size):
    generator = np.random.default_rng(seed)
    dev, test = draw_split(generator, "dev", size), draw_split(generator, "test", size + 1)
    mining = LookedUp({**dev[3], **test[3]})
    format_ = task("bucc").format
    threshold = slow_threshold(slow_candidates(*dev[:2], dev[3]), dev[2])
    for split, (foreign, english, gold, embeddings) in ((Split.DEV, dev), (Split.TEST, test)):
        examples = examples_of(foreign, english, gold)
        [predictions] = to_the_end(mining(split, "de", mining.encode(examples))).values()
        expected = slow_candidates(foreign, english, embeddings)
        found = mining._mined[-1].to_pylist()
        assert [(row["foreign"], row["english"]) for row in found] == [(x, y) for _, x, y in expected]
        assert [row["score"] for row in found] == pytest.approx([score for score, _, _ in expected], rel=1e-5)
        score = format_.score(format_.references(examples), predictions, "de")["f1"]
        assert score == pytest.approx(slow_f1(expected, gold, threshold))
    assert mining._thresholds == {"de": pytest.approx(threshold, rel=1e-5)}


def test_dev_is_scored_with_its_own_threshold_and_test_with_that_of_dev():
    # Means of the neighbours on dev: a 0.65, b 0.3, A 0.5, B 0.45. Margins: a A 1 / 0.575, b B 0.6 / 0.375 = 1.6, which
    # is wrong, so the threshold lies between the two. On test both margins are 1 / 0.5.
    right, wrong = np.float32([1, 0, 0]), np.float32([0, 1, 0])
    near = np.float32([0.3, 0.6, np.sqrt(1 - 0.45)])
    mining = LookedUp({"a": right, "b": wrong, "A": right, "B": near, "c": wrong, "C": wrong})
    dev = examples_of([("de-1", "a"), ("de-2", "b")], [("en-1", "A"), ("en-2", "B")], {("de-1", "en-1")})
    assert to_the_end(mining(Split.DEV, "de", mining.encode(dev))) == {1: [["en-1"], [], [], []]}
    assert mining._thresholds == {"de": pytest.approx((1 / 0.575 + 1.6) / 2)}
    test = examples_of([("de-1", "a"), ("de-2", "c")], [("en-1", "A"), ("en-2", "C")], {("de-1", "en-1")})
    assert to_the_end(mining(Split.TEST, "de", mining.encode(test))) == {1: [["en-1"], ["en-2"], [], []]}


def test_a_language_without_dev_is_left_out_and_noted():
    mining = LookedUp({})
    assert mining.can_search(Split.DEV, "de")
    assert not mining.can_search(Split.TEST, "de")
    assert mining._context.notes == ["bucc test de: left out, there are no dev rows to tune the threshold on"]


@given(st.integers(0, 10_000), st.integers(1, 200), st.integers(1, 40), st.integers(1, 200), st.integers(1, 6))
@settings(max_examples=60, deadline=None)
def test_blocks_do_not_change_the_neighbours(seed, num_left, num_right, block, k):
    generator = torch.Generator().manual_seed(seed)
    left, right = (torch.randn(count, 5, generator=generator) for count in (num_left, num_right))
    product = left @ right.T
    for found, whole in zip(mutual_nearest(left, right, k, block), (product, product.T), strict=True):
        similarities, indices = whole.topk(min(k, whole.shape[1]), dim=1)
        assert found.indices.tolist() == indices.tolist()
        assert torch.allclose(found.similarities, similarities, atol=1e-6)
    assert nearest(left, right, 1, block).indices.tolist() == product.topk(1, dim=1).indices.tolist()


def test_scores_can_be_computed_again_from_what_a_run_leaves(tmp_path):
    sets = ["encoder.name=bundled:1", "data.eval_rows=10", "data.languages=de,fr", "grid.targets=bucc",
            "grid.intermediates=none", "retrieval.max_length=32"]  # fmt: skip
    [node] = build_plan(apply_sets(grid_demo(), sets)).nodes.values()
    store = Store(tmp_path)
    record = run_to_end(node.spec, node.name, store, Options(data="demo", encoder="bundled:1"))
    scores = {(score.split, score.language): score for score in record.scores}
    assert set(scores) == {(split, language) for split in ("dev", "test") for language in ("de", "fr")}
    predictions = pq.read_table(store.fetch(node.run_id, "predictions/bucc.parquet")).to_pylist()
    candidates = pq.read_table(store.fetch(node.run_id, "candidates/bucc.parquet")).to_pylist()
    [note] = [note for note in record.notes if note.startswith("bucc: thresholds")]
    thresholds = {language: float(value) for language, value in re.findall(r"(\w\w) ([\d.]+|inf)", note)}
    for (split, language), score in scores.items():
        rows = [row for row in predictions if (row["split"], row["language"]) == (split, language)]
        gold = {(row["id"], name) for row in rows for name in row["reference"]}
        mined = [
            (row["score"], row["foreign"], row["english"])
            for row in candidates
            if (row["split"], row["language"]) == (split, language)
        ]
        assert score.rows == len(gold) == 10
        assert all(row["prediction"] or row["reference"] for row in rows)
        found = {(row["id"], name) for row in rows for name in row["prediction"]}
        assert 200 * len(found & gold) / (len(found) + len(gold)) == pytest.approx(score.value)
        assert slow_f1(mined, gold, thresholds[language]) == pytest.approx(score.value)
        if split == "dev":
            assert slow_threshold(mined, gold) == pytest.approx(thresholds[language])
    [capped] = [note for note in record.notes if "capped" in note]
    assert capped.startswith("bucc: capped at 10 gold pairs and 9 other sentences a pair and side")
