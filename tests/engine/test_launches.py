"""Token buckets and compiled layers, as far as they can be shown without a GPU."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch._dynamo.testing import CompileCounterWithBackend

from tests.made.engine import SETS, finish, network, tiny_encoder, training
from trainables.model import unpadded
from trainables.model.batches import collate
from trainables.model.buckets import COARSEST, FINEST, bucket
from trainables.model.vocabulary import trim


@given(size=st.integers(1, 100_000))
def test_a_bucket_holds_its_sizes_with_little_to_spare(size):
    found = bucket(size)
    assert size <= found <= size + min(max(FINEST - 1, size / 8), COARSEST)
    assert bucket(found) == found
    assert bucket(size + 1) >= found


def test_buckets_are_few():
    assert len({bucket(size) for size in range(1, 2049)}) <= 60
    assert len({bucket(size) for size in range(2049, 8193)}) == (8192 - 2048) / COARSEST


@pytest.mark.parametrize("name", [*SETS, "mlm"])
def test_training_on_filled_batches_equals_training_on_unfilled_ones(tmp_path, name):
    """fp64, all updates of a run with accumulation: what fills a batch changes nothing but the order of sums."""
    found = []
    for filled in (False, True):
        net = network(tiny_encoder()).double()
        net.use_unpadded()
        net._graphs = filled
        finish(training(net, [name], tmp_path / f"{filled}.safetensors", micro_batch=3))
        found.append(torch.cat([parameter.detach().flatten() for parameter in net.parameters()]))
    assert torch.allclose(*found, rtol=1e-9, atol=1e-11)


@pytest.mark.parametrize("name", list(SETS))
def test_outputs_of_filled_batches_equal_those_of_unfilled_ones(name):
    batch = collate(SETS[name](), np.arange(5), 1)
    nets = [network(tiny_encoder()).double().eval() for _ in range(2)]
    for net in nets:
        net.use_unpadded()
    nets[1]._graphs = True
    for one, other in zip(*(net.outputs(name, batch) for net in nets), strict=True):
        assert np.allclose(one, other, rtol=1e-10, atol=1e-12)


def test_gradients_stay_where_they_are_while_launches_are_recorded():
    """A replayed graph writes where it wrote before; gradients must not lie there."""
    net = network(tiny_encoder())
    net.use_unpadded()
    net._graphs = True
    places = []
    for rows in (np.arange(8), np.arange(8, 13)):
        net.clear_gradients()
        assert all(parameter.grad is None for parameter in net.heads.parameters())
        net.loss_sum("pairs", collate(SETS["pairs"](), rows, 1)).backward()
        places.append([parameter.grad.data_ptr() for parameter in net.encoder.encoder.parameters()])
    assert places[0] == places[1]


def test_the_layers_are_compiled_whole_and_once_for_all_runs():
    """On shapes alone, with the GPU's attention: one graph without a break for all sizes, vocabularies and networks."""
    counter = CompileCounterWithBackend("aot_eager")
    stack = torch.compile(unpadded.layers, dynamic=True, backend=counter, fullgraph=True)

    def runs(seed):
        for name in ("pairs", "tags"):
            net = network(tiny_encoder(seed=seed, dropout=0.1))
            net.use_unpadded()
            trim(net, np.arange(60 + seed))
            net.to("meta")
            net._stack, net._graphs = stack, True
            for start in range(6):
                batch = collate(SETS[name](), np.arange(start, start + 8 - seed), 1).to(torch.device("meta"))
                reads = net.heads[name].reads(batch)
                net.train().states(batch, reads).sum().backward()
                assert all(parameter.grad is not None for parameter in net.encoder.parameters())
            with torch.inference_mode():
                assert net.eval().states(batch, reads).shape == (len(reads), 16)

    runs(seed=0)
    compiled = counter.frame_count
    assert compiled <= 5  # training and evaluation; sizes that happen to equal the width once more
    runs(seed=1)
    runs(seed=2)
    assert counter.frame_count == compiled
