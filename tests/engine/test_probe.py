"""The probe: the real engine on a tiny geometry; what it counts, and that a machine goes by its records' name."""

from __future__ import annotations

import math

from sweep.planning.known_costs import core_name
from sweep.planning.probing import rates_from
from trainables.phases.geometry import ProbeRequest
from trainables.phases.probe import probe

TINY = ProbeRequest(layers=2, hidden=16, inner=32, vocabulary=9000, bf16=False, device="cpu", threads=1, folder="/tmp")


def test_a_probe_times_a_geometry_and_counts_it(tmp_path, one_thread):
    found = probe(TINY.__class__(**{**TINY.__dict__, "folder": str(tmp_path)}))
    assert found.device == core_name(1)
    assert (found.layers, found.layer_weights) == (2, 2 * (4 * 16**2 + 2 * 16 * 32))
    assert (found.table_weights, found.trimmed_weights) == (9000 * 16, 4000 * 16)
    assert found.small.tokens == found.whole.tokens == found.mlm.tokens < found.large.tokens < found.forward.tokens
    assert 0 < found.mlm.masked < found.mlm.tokens
    timed = (found.small, found.large, found.whole, found.mlm, found.forward)
    assert all(0 < each.seconds < 60 for each in timed)
    assert found.disk_seconds > 0
    assert list(tmp_path.iterdir()) == []
    rates = rates_from(found, TINY, worker_seconds=1.0)
    assert all(math.isfinite(value) for value in vars(rates).values())


def test_on_a_cpu_a_large_encoder_is_timed_in_part(tmp_path, one_thread):
    """As many layers and words as tell what each costs; the rates are a weight's."""
    from trainables.phases.probe import _config

    large = ProbeRequest(
        layers=24, hidden=1024, inner=4096, vocabulary=250_002, bf16=False, device="cpu", threads=1, folder=""
    )
    cut = _config(large)
    assert (cut.num_hidden_layers, cut.vocab_size * cut.hidden_size) == (1, 48_000_000 // 1024 * 1024)
    whole = _config(ProbeRequest(**{**large.__dict__, "device": "cuda"}))
    assert (whole.num_hidden_layers, whole.vocab_size) == (24, 250_002)
