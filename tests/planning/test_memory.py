"""What a run needs of memory: the formula against what autograd keeps, and against sums made by hand."""

from __future__ import annotations

import dataclasses

import pytest
import torch
from torch.autograd.graph import saved_tensors_hooks
from transformers import ModernBertConfig, ModernBertModel, XLMRobertaConfig, XLMRobertaModel

from search_spaces.config import EngineFields
from search_spaces.encoders import EncoderSize, encoder_size
from sweep.planning.memory import SPLIT, STEP_BYTES, Need, group_of, kept_bytes, need_of
from tests.made.phases import spec
from trainables.ledger.gpu_share import CONTEXT_BYTES
from trainables.ledger.spec import Phase, Precision, RunSpec

LARGE = EncoderSize(num_layers=24, hidden=1024, vocabulary=250_002)
SMALL = EncoderSize(num_layers=2, hidden=128, vocabulary=1000)
ENGINE = EngineFields()


def need(run: RunSpec, size: EncoderSize = LARGE, engine: EngineFields = ENGINE, rows: int = 1000) -> Need:
    texts = dict.fromkeys(run.tasks, 50000.0)
    return need_of(run, size, engine, texts=texts, evaluated=dict.fromkeys(run.tasks, rows))


def xnli(batch: int = 32, precision: Precision = Precision.BF16, **changes: object) -> RunSpec:
    return spec(Phase.TARGET, "xnli", batch_sizes={"xnli": batch}, max_length=128, precision=precision, **changes)


def kept(model: torch.nn.Module, sequences: int, length: int, precision: Precision) -> int:
    """Bytes of all tensors that autograd keeps in a forward pass, each once, weights and what belongs to them too."""
    held: dict[int, torch.UntypedStorage] = {}

    def keep(tensor: torch.Tensor) -> torch.Tensor:
        held[tensor.untyped_storage().data_ptr()] = tensor.untyped_storage()
        return tensor

    ids = torch.randint(5, 90, (sequences, length))
    mask = torch.ones_like(ids)
    with (
        saved_tensors_hooks(keep, lambda tensor: tensor),
        torch.autocast("cpu", torch.bfloat16, enabled=precision is Precision.BF16),
    ):
        model(input_ids=ids, attention_mask=mask).last_hidden_state.sum()
    return sum(storage.nbytes() for storage in held.values())


def kept_by_a_layer(make, precision: Precision) -> float:
    """Bytes of one sub-word in one layer: what more sequences and more layers add, so that all else drops out."""
    found = []
    for layers in (2, 4):
        model = make(layers).train()
        one, two = (kept(model, sequences, 32, precision) for sequences in (4, 8))
        found.append((two - one) / (4 * 32))
    return (found[1] - found[0]) / 2


def xlmr(layers: int) -> torch.nn.Module:
    """Dropout in attention alone is off: without a GPU the fused kernel has none."""
    config = XLMRobertaConfig(
        vocab_size=100, hidden_size=128, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=512,
        max_position_embeddings=66, attention_probs_dropout_prob=0.0, attn_implementation="sdpa",
    )  # fmt: skip
    return XLMRobertaModel(config, add_pooling_layer=False)


def modernbert(layers: int) -> torch.nn.Module:
    config = ModernBertConfig(
        vocab_size=100, hidden_size=128, num_hidden_layers=layers, num_attention_heads=2, intermediate_size=192,
        attn_implementation="sdpa", pad_token_id=0, bos_token_id=1,
        cls_token_id=1, eos_token_id=2, sep_token_id=2, global_attn_every_n_layers=1,
    )  # fmt: skip
    return ModernBertModel(config)


@pytest.mark.parametrize("precision", list(Precision))
def test_a_layer_keeps_what_autograd_keeps(precision):
    """On a CPU the two dropout masks are numbers of the arithmetic; on a GPU they are of one byte."""
    size = EncoderSize(num_layers=2, hidden=128, vocabulary=100)
    masks = 2 * 128 * ((2 if precision is Precision.BF16 else 4) - 1)
    assert kept_bytes(size, precision) == pytest.approx(kept_by_a_layer(xlmr, precision) - masks, rel=0.01)


@pytest.mark.parametrize("precision", list(Precision))
def test_a_gated_layer_keeps_what_autograd_keeps_but_for_its_kinds_of_norms_and_positions(precision):
    size = EncoderSize(num_layers=2, hidden=128, vocabulary=100, inner=192, gated=True)
    assert kept_bytes(size, precision) == pytest.approx(kept_by_a_layer(modernbert, precision), rel=0.15)


def test_a_layer_of_the_paper_keeps_42_bytes_a_value_in_bf16_and_66_in_fp32():
    """6 + 6 + 2 + 2 x 1 + 2 x 4 + 2 outside of the feed-forward block and 2 x 8 inside; 4 + 12 + 4 + 2 + 8 + 4, 32."""
    assert kept_bytes(LARGE, Precision.BF16) == 1024 * 42
    assert kept_bytes(LARGE, Precision.FP32) == 1024 * 66


def test_a_training_is_the_sum_of_its_parts():
    """By hand, for batches of 32 rows of 128 sub-words in bf16, with all the vocabulary trained."""
    layers = 24 * 12 * 1024**2 + 1024 * 514
    trained = layers + 1024**2 + 8 * 1024 + 1024 * 250_002
    states = 16 * trained + 2 * layers
    activations = 32 * 128 * 25 * 42 * 1024
    expected = CONTEXT_BYTES + SPLIT * (100_000_000 + states + activations)
    found = need(xnli(), engine=ENGINE.model_copy(update={"trim_vocabulary": False}))
    assert 0 <= found.gpu - expected < STEP_BYTES


def test_rows_beyond_the_batch_cost_nothing_and_micro_batches_what_they_hold():
    """24 rows more of 128 sub-words, of the layers of the paper."""
    whole, cut = need(xnli(32)), need(xnli(32), engine=ENGINE.model_copy(update={"micro_batch": 8}))
    assert whole.gpu - cut.gpu == pytest.approx(SPLIT * 24 * 128 * 25 * 42 * 1024, abs=STEP_BYTES)
    assert cut.gpu == need(xnli(8)).gpu
    assert whole.least_gpu == cut.least_gpu == need(xnli(1)).gpu


def test_a_row_of_a_multiple_choice_is_as_many_sequences_as_it_has_choices():
    assert (group_of("csqa"), group_of("hellaswag"), group_of("xnli"), group_of("tatoeba")) == (5, 4, 1, 2)
    one = spec(Phase.INTERMEDIATE, "qqp", batch_sizes={"qqp": 20}, precision=Precision.BF16)
    five = spec(Phase.INTERMEDIATE, "csqa", batch_sizes={"csqa": 4}, precision=Precision.BF16)
    assert need(one).gpu == pytest.approx(need(five).gpu, rel=0.02)


def test_mlm_trains_the_whole_vocabulary_and_scores_it_at_the_masked_positions():
    plain = spec(Phase.INTERMEDIATE, "qqp", batch_sizes={"qqp": 8}, precision=Precision.BF16)
    mlm = spec(Phase.INTERMEDIATE, "qqp", mlm=True, batch_sizes={"qqp": 8, "mlm": 8}, precision=Precision.BF16)
    table = 1024 * 250_002
    scores = 0.15 * 8 * 128 * 250_002 * 14
    more = SPLIT * (table * (16 + 2 + 4) + scores)
    assert more * 0.9 < need(mlm).gpu - need(plain).gpu <= more + SPLIT * 16 * 250_002 + STEP_BYTES


def test_fp32_and_padding_cost_what_they_take():
    padded = ENGINE.model_copy(update={"unpadded": False})
    assert need(xnli(precision=Precision.FP32)).gpu > need(xnli()).gpu
    assert need(xnli(), engine=padded).gpu - need(xnli()).gpu == pytest.approx(SPLIT * 4 * 32 * 128**2, abs=STEP_BYTES)


def test_retrieval_holds_weights_and_vectors():
    found = need(spec(Phase.RETRIEVAL, "tatoeba"), rows=100_000)
    weights = 4 * (24 * 12 * 1024**2 + 1024 * 514 + 1024 * 250_002)
    vectors = 2 * 4 * 1024 * 100_000
    assert found.gpu > CONTEXT_BYTES + SPLIT * (weights + vectors)
    assert found.gpu < need(xnli()).gpu
    assert found.least_gpu == found.gpu


def test_a_run_needs_no_less_on_larger_encoders():
    sizes = [SMALL, encoder_size("bundled", ""), encoder_size("FacebookAI/xlm-roberta-base", ""), LARGE]
    for field in dataclasses.fields(Need):
        found = [getattr(need(xnli(), size), field.name) for size in sizes]
        assert found == sorted(found), field.name
