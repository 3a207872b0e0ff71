"""What only a GPU can show; run with `pytest -m gpu` on a machine that has one."""

from __future__ import annotations

import dataclasses

import numpy as np
import pytest
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from search_spaces.config import EngineFields
from search_spaces.encoders import EncoderSize
from sweep.planning.memory import need_of
from tests.made.encoders import encoder
from tests.made.engine import SETS, finish, network, pairs, tiny_encoder, training
from tests.made.phases import spec
from trainables.ledger.gpu_share import CONTEXT_BYTES
from trainables.ledger.spec import Phase, Precision
from trainables.model import unpadded
from trainables.model.batches import collate
from trainables.model.dropout import dropped_out
from trainables.model.gpu_memory import limit_gpu_memory
from trainables.model.heads import SequenceHead
from trainables.model.network import Network
from trainables.model.vocabulary import restore, trim, used_ids
from trainables.tasks.formats.ragged import Ragged
from trainables.training.optimiser import decay_factor, new_optimiser

pytestmark = [pytest.mark.gpu, pytest.mark.skipif(not torch.cuda.is_available(), reason="no GPU")]
DEVICE = torch.device("cuda")


def wide_network() -> Network:
    """Heads of 64 dimensions, as the flash kernel is used in practice."""
    torch.manual_seed(0)
    config = XLMRobertaConfig(
        vocab_size=200, hidden_size=128, num_hidden_layers=2, num_attention_heads=2, intermediate_size=256,
        max_position_embeddings=66, type_vocab_size=1, pad_token_id=1, hidden_dropout_prob=0.0,
        attention_probs_dropout_prob=0.0,
    )  # fmt: skip
    heads = {"pairs": SequenceHead(128, 3, 0.0, choice=False)}
    return Network(XLMRobertaModel(config, add_pooling_layer=False), heads, Precision.BF16).to(DEVICE)


def test_the_flash_kernel_gives_the_gradients_of_padded_attention():
    """bf16 has 8 bits: gradients agree to a few hundredths of their norm."""
    found = []
    for without_padding in (False, True):
        net = wide_network()
        if without_padding:
            net.use_unpadded()
        net.loss_sum("pairs", collate(pairs(), np.arange(16), 1).to(DEVICE)).backward()
        found.append(torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]))
    assert (found[0] - found[1]).norm() < 0.03 * found[0].norm()


@pytest.mark.parametrize("kind", ["bert", "modernbert", "eurobert"])
def test_the_flash_kernel_gives_the_gradients_of_padded_attention_in_every_architecture(kind):
    """Windows of 16 sub-words, and keys that queries share, among them."""
    found = []
    for without_padding in (False, True):
        made = encoder(kind, hidden_size=256, attention_dropout=0.0, embedding_dropout=0.0, mlp_dropout=0.0)
        torch.manual_seed(0)
        net = Network(made, {"pairs": SequenceHead(256, 3, 0.0, choice=False)}, Precision.BF16).to(DEVICE).eval()
        if without_padding:
            net.use_unpadded()
        net.loss_sum("pairs", collate(pairs(), np.arange(16), made.config.pad_token_id).to(DEVICE)).backward()
        found.append(torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]))
    assert (found[0] - found[1]).norm() < 0.03 * found[0].norm()


def test_the_flash_kernel_draws_dropout():
    torch.manual_seed(1)
    parts = [torch.randn(1, 2, 40, 64, device=DEVICE, dtype=torch.bfloat16) for _ in range(3)]
    starts = torch.tensor([0, 15, 40], dtype=torch.int32, device=DEVICE)
    given = {"starts": starts, "longest": 25, "groups": None, "drop": dropped_out, "scaling": 0.125}
    draws = [
        unpadded.attention(torch.nn.Identity(), *parts, None, dropout=rate, **given)[0] for rate in (0.0, 0.0, 0.5, 0.5)
    ]
    assert torch.equal(draws[0], draws[1])
    assert not torch.equal(draws[2], draws[3])
    assert not torch.equal(draws[0], draws[2])


@pytest.mark.parametrize("name", list(SETS))
def test_an_update_does_not_wait_for_the_gpu(tmp_path, name):
    net = network(tiny_encoder()).to(DEVICE)
    run, optimiser = training(net, [name], tmp_path / "checkpoint.safetensors"), new_optimiser(net, 0.01)
    run._update(optimiser, name, np.arange(8), step=0)
    torch.cuda.set_sync_debug_mode("error")
    try:
        run._update(optimiser, name, np.arange(8), step=1)
    finally:
        torch.cuda.set_sync_debug_mode("default")


@pytest.mark.parametrize("graphs", [False, True])
def test_compiled_layers_give_the_gradients_of_plain_ones(graphs):
    """Batches of several sizes, each more than once, two passes an update; bf16: a few hundredths of their norm."""
    plain, compiled = wide_network(), wide_network()
    for net in (plain, compiled):
        net.use_unpadded()
    compiled.use_compiled(graphs=graphs)
    for rows in (16, 9, 16, 25, 9, 16):
        found = []
        for net in (plain, compiled):
            net.clear_gradients()
            for part in np.array_split(np.arange(rows), 2):
                net.loss_sum("pairs", collate(pairs(), part, 1).to(DEVICE)).backward()
            found.append(torch.cat([p.grad.flatten() for p in net.parameters() if p.grad is not None]))
        assert (found[0] - found[1]).norm() < 0.03 * found[0].norm()


@pytest.mark.parametrize("name", list(SETS))
def test_trimmed_training_equals_full_training(tmp_path, name):
    """fp32, no dropout; sums in another order on the GPU: 1e-4."""
    networks = []
    for trims in (False, True):
        net = network(tiny_encoder())
        kept = used_ids([SETS[name]().sequences], 200, 1)
        trimmed = trim(net, kept) if trims else None
        net.to(DEVICE)
        run = training(net, [name], tmp_path / f"{trims}.safetensors", learning_rate=1e-3)
        outcome = finish(run)
        if trimmed:
            restore(net, trimmed, decay_factor(outcome.best_step, outcome.planned_steps, run.settings))
        networks.append(net)
    for one, two in zip(networks[0].parameters(), networks[1].parameters(), strict=True):
        assert torch.allclose(one, two, rtol=1e-4, atol=1e-5)


def test_a_process_gets_no_more_than_its_share():
    total = torch.cuda.get_device_properties(0).total_memory
    limit_gpu_memory(0.25)
    try:
        with pytest.raises(torch.OutOfMemoryError):
            torch.empty(int(0.3 * total), dtype=torch.uint8, device=DEVICE)
        torch.empty(int(0.2 * total), dtype=torch.uint8, device=DEVICE)
    finally:
        limit_gpu_memory(1.0)


@pytest.mark.parametrize("batch", [8, 32])
def test_a_training_takes_what_the_formula_says(tmp_path, batch):
    """The layers of XLM-R base with a small vocabulary, rows of 128 sub-words, bf16: at most the estimate, at least
    half of it.
    """
    size = EncoderSize(num_layers=12, hidden=768, vocabulary=2000)
    config = XLMRobertaConfig(
        vocab_size=2000, hidden_size=768, num_hidden_layers=12, num_attention_heads=12, intermediate_size=3072,
        max_position_embeddings=514, type_vocab_size=1, pad_token_id=1,
    )  # fmt: skip
    heads = {"pairs": SequenceHead(768, 3, 0.1, choice=False)}
    net = Network(XLMRobertaModel(config, add_pooling_layer=False), heads, Precision.BF16).to(DEVICE)
    net.use_unpadded()
    optimiser = new_optimiser(net, 0.01)
    torch.cuda.reset_peak_memory_stats()
    rows = np.random.default_rng(0).integers(4, 2000, (batch, 128)).astype(np.int32)
    made = dataclasses.replace(pairs(batch), sequences=Ragged.of(rows))
    for _ in range(2):
        net.clear_gradients()
        net.loss_sum("pairs", collate(made, np.arange(batch), 1).to(DEVICE)).backward()
        optimiser.step()
    settings = {"batch_sizes": {"xnli": batch}, "max_length": 128, "precision": Precision.BF16}
    need = need_of(
        spec(Phase.TARGET, "xnli", **settings), size, EngineFields(trim_vocabulary=False), texts={}, evaluated={}
    )
    taken = torch.cuda.max_memory_allocated() + CONTEXT_BYTES
    assert 0.5 * need.gpu < taken <= need.gpu
