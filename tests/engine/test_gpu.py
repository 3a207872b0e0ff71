"""What only a GPU can show; run with `pytest -m gpu` on a machine that has one."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from tests.made.encoders import encoder
from tests.made.engine import SETS, finish, network, pairs, tiny_encoder, training
from trainables.ledger.spec import Precision
from trainables.model import unpadded
from trainables.model.batches import collate
from trainables.model.dropout import dropped_out
from trainables.model.heads import SequenceHead
from trainables.model.network import Network
from trainables.model.vocabulary import restore, trim, used_ids
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
