"""The work of a run, counted by hand; and that of a finished one, which is that of its plan."""

from __future__ import annotations

import dataclasses

import pytest

from search_spaces.encoders import EncoderSize
from sweep.planning.distinct_words import distinct_words
from sweep.planning.lengths import length_of, tokens_of
from sweep.planning.work import Work, mean_work, work_done, work_of
from tests.made.phases import OPTIONS, spec
from tests.made.specs import RETRIEVAL
from trainables.ledger.spec import DataRef, EncoderRef, MlmLength, MlmSettings, Optimisation, Phase, RunSpec
from trainables.ledger.store import Store
from trainables.phases.run import run_to_end
from trainables.tasks.formats.windows import window_ranges

SIZE = EncoderSize(num_layers=2, hidden=8, vocabulary=5000)
LAYERS = 2 * (4 * 64 + 2 * 8 * 32)
"""Weights of both layers: four matrices of attention, two of the block."""


def trained(task: str = "xnli", *, mlm: bool = False, parent: str = "", **changes: object) -> RunSpec:
    batches = {task: 10} | ({"mlm": 5} if mlm else {})
    made = Optimisation(learning_rate=1e-5, epochs=2, batch_sizes=batches, max_length=64, dev_rows=50)
    return RunSpec(
        phase=Phase.INTERMEDIATE if mlm else Phase.TARGET,
        tasks=(task,),
        encoder=EncoderRef(name="x", revision="1"),
        data=DataRef(source="mirror", fingerprint="0", languages=("en", "de")),
        seed=1,
        parent=parent,
        optimisation=dataclasses.replace(made, **changes),
        mlm=MlmSettings(languages=("en", "de", "sw"), sentences=40, length=MlmLength.CAPPED_SUM) if mlm else None,
    )


def test_a_fine_tuning_by_hand() -> None:
    found = work_of(trained(), SIZE, rows={"xnli": 100}, evaluated={"xnli": 60})
    assert LAYERS == SIZE.layer_parameters == 1536
    assert (found.steps, found.layer_steps) == (20, 40)
    assert found.train_flops == pytest.approx(20 * 10 * 42 * 6 * 1536)  # 42 sub-words a row, 6 a weight
    assert found.evaluations == 20  # one every min(1000, 20 / 20) steps
    assert found.dev_flops == pytest.approx(20 * 50 * 42 * 2 * 1536)
    assert found.eval_flops == pytest.approx(60 * 42 * 2 * 1536)
    assert (found.eval_rows, found.table_flops) == (60, 0)
    words = distinct_words({"xnli": 150 * 42}, "mirror")  # of the training and dev rows
    assert found.updated == pytest.approx(20 * (1536 + 8 * words))
    assert found.parts == 2 + 4  # training and stopping rows; dev and test in two languages
    assert (found.read_bytes, found.left_bytes) == (4 * 1536, 4 * 1536)


def test_mlm_updates_the_whole_embedding_and_scores_the_masked_words_against_it() -> None:
    found = work_of(trained("qqp", mlm=True), SIZE, rows={"qqp": 100, "mlm": 40}, evaluated={})
    steps = 2 * (100 / 10 + 40 / 5)
    assert found.steps == steps
    assert found.updated == steps * (1536 + 8 * (5000 + 514))
    of_mlm = steps * 40 / 140
    assert found.table_flops == pytest.approx(of_mlm * 6 * (5 * 32 * 0.15) * 8 * 5000)
    assert found.train_flops == pytest.approx(6 * 1536 * (of_mlm * 5 * 32 + steps * 100 / 140 * 10 * 33))
    assert found.parts == 2 + 3
    assert found.left_bytes == 4 * (1536 + 8 * 5514)


def test_after_mlm_the_whole_encoder_is_read_and_left() -> None:
    found = work_of(trained(), SIZE, rows={"xnli": 100}, evaluated={"xnli": 60}, after_mlm=True)
    assert found.read_bytes == found.left_bytes == 4 * SIZE.parameters


def test_caps_of_the_spec_hold() -> None:
    capped = dataclasses.replace(trained(), data=dataclasses.replace(trained().data, train_rows=30, eval_rows=20))
    found = work_of(capped, SIZE, rows={"xnli": 1000}, evaluated={"xnli": 60})
    assert found.steps == 6
    assert found.dev_flops == pytest.approx(found.evaluations * 20 * 42 * 2 * 1536)


def test_retrieval_trains_nothing_and_stops_at_its_layer() -> None:
    made = dataclasses.replace(RETRIEVAL, retrieval=dataclasses.replace(RETRIEVAL.retrieval, layer=1))  # type: ignore[type-var]
    found = work_of(made, SIZE, rows={}, evaluated={"tatoeba": 100})
    length = length_of("tatoeba", made.data.source)
    assert found.eval_flops == pytest.approx(100 * 2 * length.evaluated * 2 * 1536 / 2)
    assert (found.steps, found.updated, found.left_bytes) == (0, 0, 0)


@pytest.mark.parametrize("max_length", [64, 96, 128, 160, 384])
def test_windows_of_a_context_are_as_many_as_the_format_makes(max_length: int) -> None:
    """On average over contexts around the typical length, which the last window only partly fills."""
    typical = length_of("squad", "mirror")
    context, room = round(typical.trained - typical.question - 4), round(max_length - typical.question - 4)
    spread = range(context - 40, context + 41)
    windows = [window_ranges(tokens, room) for tokens in spread]
    mean = sum(map(len, windows)) / len(windows)
    assert typical.rows(max_length) == pytest.approx(mean, rel=0.15)
    tokens = sum(end - start + typical.question + 4 for ranges in windows for start, end in ranges) / len(windows)
    assert tokens_of("squad", 1, max_length, "mirror") == pytest.approx(tokens, rel=0.15)


def test_a_task_that_a_user_has_added_is_like_its_kind() -> None:
    assert length_of("xnli", "mirror") == length_of("xnli", "hub") != length_of("xnli", "demo")


def test_the_mean_of_works_is_by_field() -> None:
    assert mean_work([Work(steps=2, parts=1), Work(steps=4)]) == Work(steps=3, parts=0.5)


def test_the_work_of_a_finished_run_is_that_of_its_plan(store: Store) -> None:
    """From its record alone: 24 rows in batches of 8, 6 rows of each split in en, de and zh."""
    size = EncoderSize(num_layers=1, hidden=384, vocabulary=250_002)
    made = spec(Phase.TARGET, "pawsx")
    record = run_to_end(made, "x", store, OPTIONS)
    found = work_done(record, size)
    assert found == work_of(made, size, rows={"pawsx": 24}, evaluated={"pawsx": 36})
    assert found.steps == record.planned_steps == 3
    with_mlm = spec(Phase.INTERMEDIATE, "qqp", mlm=True)
    record = run_to_end(with_mlm, "y", store, OPTIONS)
    found = work_done(record, size)
    assert found.steps == record.planned_steps
    assert found.table_flops > 0
