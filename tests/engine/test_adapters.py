"""Adapters: they begin as nothing, they alone are trained, and they merge into what was computed with them."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from transformers import XLMRobertaConfig, XLMRobertaModel

from search_spaces.encoders import encoder_size
from tests.made.adapters import shaken
from tests.made.engine import PAD, finish, network, pairs, tiny_encoder, training
from trainables.ledger.recipe import Method, MethodKind, parse_method
from trainables.model.adapters import AdaptedLinear, add_adapters, bottlenecks_of, merge, new_adapters
from trainables.model.batches import collate
from trainables.training import checkpoint

LORA = Method(kind=MethodKind.LORA, size=3)
BOTTLENECK = Method(kind=MethodKind.ADAPTER, size=5)
BOTH = pytest.mark.parametrize("method", [LORA, BOTTLENECK], ids=str)


def states(encoder) -> torch.Tensor:
    batch = collate(pairs(), np.arange(6), PAD)
    with torch.inference_mode():
        return network(encoder).eval().states(batch)


@BOTH
def test_new_adapters_change_nothing(method):
    encoder = tiny_encoder()
    before = states(encoder)
    new_adapters(encoder, method)
    assert torch.equal(states(encoder), before)
    shaken(encoder, method)
    assert not torch.allclose(states(encoder), before, atol=1e-3)


@BOTH
def test_frozen_adapters_train_as_no_adapters_at_all(method, tmp_path):
    """The baseline here: the heads alone, on the plain encoder that is frozen; bit for bit."""
    found, expected = network(tiny_encoder(dropout=0.1)), network(tiny_encoder(dropout=0.1))
    expected.encoder.requires_grad_(False)
    new_adapters(found.encoder, method)
    found.encoder.requires_grad_(False)
    finish(training(found, ["pairs", "tags"], tmp_path / "found"))
    finish(training(expected, ["pairs", "tags"], tmp_path / "expected"))
    before = network(tiny_encoder()).heads["pairs"].state_dict()
    for name, trained in expected.heads["pairs"].state_dict().items():
        assert torch.equal(found.heads["pairs"].state_dict()[name], trained)
        assert not torch.equal(before[name], trained)


@BOTH
def test_only_adapters_and_heads_are_trained_and_written(method, tmp_path):
    net = network(tiny_encoder(dropout=0.1))
    before = {name: tensor.clone() for name, tensor in net.encoder.state_dict().items()}
    adapters = new_adapters(net.encoder, method)
    began = adapters.weights()
    began = {name: held.clone() for name, held in began.items()}
    run = training(net, ["pairs"], tmp_path / "c", checkpoint_seconds=0).run()
    next(run)
    run.close()
    written = checkpoint._read(tmp_path / "c")[1]
    assert {name for name in written if "encoder." in name} == {
        f"{kind}.encoder.{name}"
        for kind in ("model", "best", *checkpoint.MOMENTS)
        for name, parameter in net.encoder.named_parameters()
        if ".low_ranks." in name or ".bottlenecks." in name
    }
    finish(training(net, ["pairs"], tmp_path / "c"))
    after = net.encoder.state_dict()
    assert all(torch.equal(after[name], tensor) for name, tensor in before.items())
    assert all(not torch.equal(held, began[name]) for name, held in adapters.weights().items())


@BOTH
@pytest.mark.parametrize("unpadded", [False, True])
def test_a_resumed_run_with_adapters_ends_bit_identical(method, unpadded, tmp_path):
    def made(seed: int):
        net = network(tiny_encoder(dropout=0.1), dropout=0.1)
        torch.manual_seed(seed)
        adapters = new_adapters(net.encoder, method)
        if unpadded:
            net.use_unpadded()
        return net, adapters

    whole, expected = made(1)
    finish(training(whole, ["pairs", "tags"], tmp_path / "whole"))
    first, _ = made(1)
    running = training(first, ["pairs", "tags"], tmp_path / "cut", checkpoint_seconds=0).run()
    next(running)
    running.close()
    second, found = made(2)
    finish(training(second, ["pairs", "tags"], tmp_path / "cut", checkpoint_seconds=0))
    for name, held in expected.weights().items():
        assert torch.equal(found.weights()[name], held), name


def test_merged_equals_unmerged():
    """fp64 to 1e-12, fp32 to 1e-6 of the largest number; two stages, the second on the first."""
    for kind, tolerance in ((torch.float64, 1e-12), (torch.float32, 1e-6)):
        encoder = tiny_encoder().to(kind)
        plain = states(encoder)
        stages = [shaken(encoder, LORA, seed) for seed in (1, 2)]
        unmerged = states(encoder)
        for stage in stages:
            merge(encoder, stage)
        assert not any(isinstance(module, AdaptedLinear) for module in encoder.modules())
        scale = float(unmerged.abs().max())
        assert float((states(encoder) - unmerged).abs().max()) <= tolerance * scale
        assert float((unmerged - plain).abs().max()) > 0.1


def test_merging_leaves_the_weights_of_others_alone():
    encoder, other = tiny_encoder(), tiny_encoder()
    other.load_state_dict(encoder.state_dict(), assign=True)
    before = states(other)
    merge(encoder, shaken(encoder, LORA))
    assert torch.equal(states(other), before)


def test_low_ranks_come_before_bottlenecks_whichever_was_first():
    """So that merging a later stage's low ranks changes nothing."""
    encoder = tiny_encoder().double()
    shaken(encoder, BOTTLENECK)
    low = shaken(encoder, LORA)
    unmerged = states(encoder)
    merge(encoder, low)
    assert torch.allclose(states(encoder), unmerged, rtol=0, atol=1e-12)
    assert [each.method for each in bottlenecks_of(encoder)] == [BOTTLENECK]


@BOTH
def test_the_plain_way_computes_the_same(method):
    """One matrix with adapters, by hand."""
    encoder = tiny_encoder().double()
    adapters = shaken(encoder, method)
    name = "encoder.layer.1.output.dense"
    own = {key.removeprefix(name + "."): held for key, held in adapters.weights().items() if key.startswith(name)}
    linear = encoder.get_submodule(name)
    given = torch.randn(4, 32, dtype=torch.float64)
    plain = given @ linear.weight.T + linear.bias
    if method is LORA:
        expected = plain + given @ own["lora_A.weight"].T @ own["lora_B.weight"].T
    else:
        hidden = (plain @ own["down.weight"].T + own["down.bias"]).clamp(min=0)
        expected = plain + hidden @ own["up.weight"].T + own["up.bias"]
    assert torch.allclose(linear(given), expected, rtol=0, atol=1e-12)


def test_which_matrices_get_adapters():
    found = add_adapters(tiny_encoder(layers=1), LORA).parts
    layer = "encoder.layer.0"
    attention = [f"{layer}.attention.self.{name}" for name in ("query", "key", "value")]
    rest = [f"{layer}.{name}.dense" for name in ("attention.output", "intermediate", "output")]
    assert list(found) == attention + rest
    assert list(add_adapters(tiny_encoder(layers=1), BOTTLENECK).parts) == [f"{layer}.output.dense"]


def test_weights_of_another_size_are_refused():
    wider = Method(kind=MethodKind.ADAPTER, size=6)
    weights = add_adapters(tiny_encoder(), wider).weights()
    with pytest.raises(ValueError, match="not the weights of adapter5 in this encoder"):
        add_adapters(tiny_encoder(), BOTTLENECK).load(weights)


@pytest.mark.parametrize(("text", "numbers"), [("lora", 3_538_944), ("adapter", 2_385_024), ("lora16", 7_077_888)])
def test_what_a_method_trains_of_xlm_r_large(text, numbers):
    """Worked out by hand: 24 layers of 8 x (4 x 2048 + 2 x 5120), or of 2 x 1024 x 48 + 48 + 1024; a few MB of fp32."""
    geometry = {"hidden_size": 1024, "num_hidden_layers": 24, "num_attention_heads": 16, "intermediate_size": 4096}
    method = parse_method(text)
    with torch.device("meta"):
        encoder = XLMRobertaModel(XLMRobertaConfig(vocab_size=250_002, **geometry), add_pooling_layer=False)
        parts = add_adapters(encoder, method).parts.values()
    assert sum(parameter.numel() for part in parts for parameter in part.parameters()) == numbers
    assert 4 * numbers < 30e6
    assert encoder_size("FacebookAI/xlm-roberta-large", "main").method_parameters(method) == numbers
