"""What runs say of the data they read, and the mixture from plan to record."""

from __future__ import annotations

import pyarrow.parquet as pq
import pytest
import torch
from transformers import XLMRobertaConfig

from search_spaces.config_file import apply_sets
from search_spaces.presets import grid_demo
from sweep.planning.planner import build_plan
from tests.made.texts import write_rows
from trainables.data.hub import load, open_data
from trainables.data.labels import with_labels
from trainables.ledger.spec import DataRef, EncoderRef, Optimisation, Phase, RunSpec
from trainables.ledger.store import Store
from trainables.model.encoder import load_encoder
from trainables.model.heads import TaggingHead, new_head
from trainables.model.tokenizer import load_tokenizer
from trainables.phases.context import Context
from trainables.phases.options import Options
from trainables.phases.run import run_to_end
from trainables.tasks.registry import task
from trainables.tasks.task import Split


def context(tmp_path, *tasks, data):
    spec = RunSpec(
        phase=Phase.INTERMEDIATE, tasks=tasks, encoder=EncoderRef(name="bundled:1", revision="x"),
        data=DataRef(source="mirror", fingerprint="0"), seed=1,
        optimisation=Optimisation(
            learning_rate=1e-5, epochs=1, batch_sizes=dict.fromkeys(tasks, 4), max_length=64
        ),
    )  # fmt: skip
    store = Store(tmp_path / "store")
    return Context(spec=spec, name="test", store=store, options=Options(data=str(data), encoder="bundled"))


def test_repaired_and_skipped_answers_are_in_the_data_use_and_the_notes(tmp_path, monkeypatch):
    monkeypatch.setattr(Context, "tokenizer", load_tokenizer("bundled"))
    starts = [15, 16, 3]
    write_rows(tmp_path, "rajpurkar/squad/plain_text/train", {
        "id": ["right", "shifted", "lost"],
        "context": ["Anna sleeps in Oslo."] * 3,
        "question": ["Where?"] * 3,
        "answers": [{"text": ["Oslo"], "answer_start": [start]} for start in starts],
    })  # fmt: skip
    run = context(tmp_path, "squad", data=tmp_path)
    encoded = run.encode(run.task("squad"), Split.TRAIN, "en", 64, limit=0)
    assert encoded.num_rows == 2
    [use] = run.uses
    assert (use.rows, use.repaired, use.skipped, use.misplaced) == (3, 1, 1, 2)
    assert run.notes == ["squad: 1 answers re-located, 1 rows skipped"]


def test_the_categories_of_the_data_are_the_outputs_of_the_head():
    data = open_data("demo")
    known = with_labels(task("ccg"), data)
    assert len(set(known.format.labels)) == len(known.format.labels) > 5
    head = new_head(known.format, XLMRobertaConfig(hidden_size=8, hidden_dropout_prob=0.0))
    assert isinstance(head, TaggingHead)
    assert head.out.out_features == len(known.format.labels)
    assert with_labels(known, data) is known
    assert with_labels(task("qqp"), data) is task("qqp")


@pytest.fixture(scope="module")
def mixture(tmp_path_factory):
    """The row `multitask` of a tiny demo: one epoch over 8 rows of every member."""
    sets = [
        "encoder.name=bundled:1", "grid.mlm=off", "grid.intermediates=multitask", "grid.targets=tatoeba",
        "data.train_rows=8", "data.eval_rows=4", "data.languages=de", "intermediate.epochs=1",
        "intermediate.evaluations=1", "intermediate.max_length=48", "intermediate.tasks.csqa.batch_size=2",
        "intermediate.tasks.anli.batch_size=3",
    ]  # fmt: skip
    plan = build_plan(apply_sets(grid_demo(), sets))
    [node] = [node for node in plan.nodes.values() if node.name == "multitask #42"]
    store = Store(tmp_path_factory.mktemp("store"))
    return run_to_end(node.spec, node.name, store, Options(data="demo", encoder="bundled:1"))


def test_the_mixture_trains_one_head_a_task_for_the_capped_sum_of_its_steps(mixture):
    members = ("anli", "qqp", "hellaswag", "ccg", "cosmosqa", "csqa")
    assert mixture.spec.tasks == members
    assert mixture.spec.optimisation.batch_sizes == {
        "anli": 3, "qqp": 16, "hellaswag": 16, "ccg": 16, "cosmosqa": 16, "csqa": 2,
    }  # fmt: skip
    # Steps to pass over 8 rows once: 3 of anli, 4 of csqa, 1 of each other.
    assert mixture.planned_steps == 3 + 4 + 4
    scores = {(score.task, score.metric): score for score in mixture.scores}
    assert {name for name, _ in scores} == set(members)
    assert all(score.split == "stopping" and score.rows == 4 for score in mixture.scores)
    chosen = next(point for point in mixture.dev_curve if point.step == mixture.best_step)
    qqp = (scores["qqp", "accuracy"].value + scores["qqp", "f1"].value) / 2
    others = [scores[name, "accuracy"].value for name in members if name != "qqp"]
    assert chosen.selection == pytest.approx((sum(others) + qqp) / 6)


def test_the_record_says_what_the_mixture_held_and_read(mixture):
    assert "mixture of anli, qqp, hellaswag, ccg, cosmosqa, csqa" in mixture.notes
    train = [use for use in mixture.data_use if use.split.startswith("train")]
    rows = {use.repository: use.rows for use in train}
    assert rows["ccgbank"] == rows["nyu-mll/glue"] == rows["Rowan/hellaswag"] == 8
    assert sum(use.rows for use in train if "nli" in use.repository) == 8


def test_tatoeba_is_the_nearest_mean_of_a_hidden_state(tmp_path):
    """Against the whole encoder's own hidden states, sentence by sentence (protocol.md 5.4)."""
    sets = ["encoder.name=bundled:2", "data.eval_rows=12", "data.languages=de", "grid.targets=tatoeba",
            "grid.intermediates=none", "retrieval.layer=1"]  # fmt: skip
    [node] = build_plan(apply_sets(grid_demo(), sets)).nodes.values()
    store = Store(tmp_path)
    record = run_to_end(node.spec, node.name, store, Options(data="demo", encoder="bundled:2"))
    encoder, tokenizer = load_encoder("bundled:2").eval(), load_tokenizer("bundled")

    @torch.inference_mode()
    def vector(text):
        hidden = encoder(**tokenizer(text, return_tensors="pt"), output_hidden_states=True).hidden_states[1]
        mean = hidden[0].mean(0)
        return mean / mean.norm()

    pairs = load(task("tatoeba"), Split.TEST, "de", open_data("demo"), limit=12).examples
    foreign = torch.stack([vector(pair.foreign) for pair in pairs])
    expected = [pairs[int((foreign @ vector(pair.english)).argmax())].id for pair in pairs]
    rows = pq.read_table(store.fetch(node.run_id, "predictions/tatoeba.parquet")).to_pylist()
    assert [row["prediction"] for row in rows] == [[found] for found in expected]
    assert [row["id"] for row in rows] == [row["reference"][0] for row in rows] == [pair.id for pair in pairs]
    right = sum(row["prediction"] == row["reference"] for row in rows)
    [score] = record.scores
    assert (score.split, score.language, score.rows, score.value) == ("test", "de", 12, pytest.approx(100 * right / 12))
