"""Rates: seconds of a work by hand, what a probe's timings say, and the file in which it is all kept."""

from __future__ import annotations

import dataclasses
import json
import math
from collections import Counter

import pytest

from search_spaces.config_file import apply_sets
from search_spaces.encoders import EncoderSize
from search_spaces.presets import paper
from sweep.planning import rates_file
from sweep.planning.measured import Measured, grouped
from sweep.planning.probing import ProbeError, probe_here, rates_from, requests, timings_from
from sweep.planning.rates import CORE, GPU_BF16, Rates, default_rates, measured_stages, stage_seconds
from sweep.planning.rates_file import Known, Probe
from sweep.planning.work import Work
from trainables.phases.geometry import ProbeRequest, Timed, Timings

RATES = Rates(
    flops=100.0, table_flops=50.0, forward_flops=200.0, bytes_per_second=1000.0, step_seconds=0.5, layer_seconds=0.25,
    evaluation_seconds=1.0, row_seconds=0.125, load_seconds=2.0, part_seconds=0.5, disk_bytes_per_second=10.0,
    worker_seconds=9.0,
)  # fmt: skip
WORK = Work(
    steps=4, layer_steps=8, train_flops=1000, table_flops=200, updated=50, evaluations=2, snapshots=25, dev_flops=400,
    eval_flops=600, eval_rows=16, parts=2, read_bytes=30, left_bytes=40,
)  # fmt: skip


def test_seconds_of_every_stage_by_hand() -> None:
    """An update moves 40 bytes a weight: 28 of fused AdamW, 12 of the gradient's norm and its clipping."""
    assert stage_seconds(WORK, RATES, 1.0) == {
        "load": 2 + 2 * 0.5 + 30 / 10,
        "train": 4 * 0.5 + 8 * 0.25 + 2 * 1 + (40 * 50 + 8 * 25) / 1000 + 1000 / 100 + 200 / 50 + 400 / 200,
        "evaluate": 600 / 200 + 16 * 0.125 + 2 * 0.5,
        "save": 40 / 10,
    }
    halved = stage_seconds(WORK, RATES, 0.5)
    assert halved["train"] == 6 + 2 * (2.2 + 10 + 4 + 2)  # overheads are no shorter on half a GPU, and no longer
    assert halved["load"] == 6


def test_stages_of_a_record_are_put_to_those_of_a_plan() -> None:
    seconds = {"check": 1.0, "load": 2.0, "train": 3.0, "checkpoint": 0.5, "evaluate": 4.0}
    assert measured_stages(seconds) == {"load": 3.0, "train": 3.5, "evaluate": 4.0, "save": 0.0}


def test_faster_cards_are_faster() -> None:
    names = ("NVIDIA H200", "NVIDIA H100 80GB HBM3", "NVIDIA A100-SXM4-80GB", "Tesla T4")
    found = [default_rates(name, on_gpu=True, bf16=True) for name in names]
    assert found[0].bytes_per_second > found[1].bytes_per_second
    assert [each.flops for each in found] == sorted((each.flops for each in found), reverse=True)
    assert default_rates("", on_gpu=True, bf16=True).flops == GPU_BF16.flops
    assert default_rates("", on_gpu=False, bf16=False) == CORE


@pytest.mark.parametrize("value", [-1.0, math.inf, math.nan])
def test_a_rate_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match="flops must be a number"):
        dataclasses.replace(RATES, flops=value)


# what a probe's timings say

REQUEST = ProbeRequest(
    layers=24, hidden=8, inner=32, vocabulary=1000, bf16=False, device="cpu", threads=2, folder="/nowhere"
)


def timings(rates: Rates, parts: float) -> Timings:
    """What a machine with exactly these rates takes."""
    layer_weights, table, trimmed, layers = 1536.0, 8000.0, 160.0, 2

    def update(tokens: float, words: float, masked: float = 0.0) -> Timed:
        work = Work(
            steps=1, layer_steps=layers, train_flops=6 * layer_weights * tokens, table_flops=6 * table * masked,
            updated=layer_weights + words,
        )  # fmt: skip
        return Timed(seconds=stage_seconds(work, rates, parts)["train"], tokens=tokens, masked=masked)

    return Timings(
        device="a processor, 2 threads", layers=layers, layer_weights=layer_weights, table_weights=table,
        trimmed_weights=trimmed, small=update(10, trimmed), large=update(50, trimmed), whole=update(10, table),
        mlm=update(10, table, masked=2), disk_bytes=640, disk_seconds=2,
        forward=Timed(seconds=2 * layer_weights * 70 / (rates.forward_flops * parts), tokens=70),
    )  # fmt: skip


def test_a_probe_finds_the_rates_of_a_machine_that_has_them() -> None:
    true = dataclasses.replace(CORE, flops=3e6, table_flops=2e6, forward_flops=5e6, bytes_per_second=1e6)
    found = rates_from(timings(true, 2.0), REQUEST, worker_seconds=7.0)
    expected = dataclasses.replace(true, disk_bytes_per_second=320.0, worker_seconds=7.0)
    for field in dataclasses.fields(Rates):
        assert getattr(found, field.name) == pytest.approx(getattr(expected, field.name)), field.name


def test_timings_that_noise_has_put_into_the_wrong_order_give_rates_all_the_same() -> None:
    found = timings(dataclasses.replace(CORE, flops=3e6), 2.0)
    wild = dataclasses.replace(found, large=found.small, whole=found.small, mlm=found.small)
    made = rates_from(wild, REQUEST, worker_seconds=7.0)
    assert made.flops > 0
    assert made.table_flops > 0
    assert made.bytes_per_second == CORE.bytes_per_second


def test_noise_makes_no_machine_faster_in_training_than_its_evaluation_allows() -> None:
    found = timings(dataclasses.replace(CORE, flops=3e6, forward_flops=3e6), 2.0)
    close = dataclasses.replace(found.large, seconds=found.small.seconds * 1.01)
    made = rates_from(dataclasses.replace(found, large=close), REQUEST, worker_seconds=7.0)
    least = 6 * 1536 * close.tokens / close.seconds / 2
    assert made.flops == pytest.approx(max(1.25 * 3e6, least))


def test_a_probe_is_asked_for_in_every_arithmetic_that_runs_train_with() -> None:
    size = EncoderSize(num_layers=24, hidden=1024, vocabulary=250_002)
    one = requests(apply_sets(paper(), ["target.precision=bf16", "intermediate.precision=bf16"]), size, on_gpu=True)
    assert [(each.bf16, each.device, each.layers, each.inner) for each in one] == [(True, "cuda", 24, 4096)]
    demo_like = ["target.precision=bf16", "intermediate.precision=bf16", "target.tasks.xquad.epochs=1"]
    assert [each.bf16 for each in requests(apply_sets(paper(), demo_like), size, on_gpu=False)] == [True]
    both = requests(apply_sets(paper(), ["target.tasks.xnli.precision=bf16"]), size, on_gpu=False)
    assert Counter(each.bf16 for each in both) == {False: 1, True: 1}
    gated = EncoderSize(num_layers=2, hidden=8, vocabulary=9, inner=20, gated=True)
    [request] = requests(paper(), gated, on_gpu=False)
    assert 2 * (4 * 64 + 2 * 8 * request.inner) == gated.layer_parameters


def test_a_probe_that_fails_says_why() -> None:
    with pytest.raises(ProbeError, match="the probe ended with exit status 1: ZeroDivisionError: "):
        probe_here(dataclasses.replace(REQUEST, hidden=0), "x")


# the file


def probed(device: str = "GPU", encoder: str = "x", at: str = "2026-01-01", **rates: float) -> Probe:
    return Probe(
        device=device, encoder=encoder, bf16=True, rates=dataclasses.replace(RATES, **rates), at=at, seconds=1.0
    )


def runs(seconds: float = 4.0, task: str = "xnli", device: str = "GPU") -> Measured:
    return Measured(
        device=device, kind="target", task=task, bf16=True, parts=1.0, work=WORK, seconds={"train": seconds}, count=1,
        squares={"train": 0.0},
    )  # fmt: skip


@pytest.fixture
def cache(tmp_path, monkeypatch):
    """A cache folder of its own."""
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_what_is_noted_is_read_again(cache) -> None:
    assert rates_file.read() == Known()
    rates_file.note_probes([probed()])
    rates_file.note_store("/a", [runs()])
    found = rates_file.read()
    assert found.probes == (probed(),)
    assert found.stores == {"/a": (runs(),)}
    assert found.beside("/a") == ()
    assert found.beside("/b") == (runs(),)


def test_a_later_probe_takes_the_place_of_an_earlier_one_of_the_same(cache) -> None:
    rates_file.note_probes([probed(), probed(encoder="y")])
    rates_file.note_probes([probed(at="2026-02-02")])
    assert [(each.encoder, each.at) for each in rates_file.read().probes] == [("x", "2026-02-02"), ("y", "2026-01-01")]


def test_a_store_is_noted_once_and_the_oldest_goes(cache, monkeypatch) -> None:
    monkeypatch.setattr(rates_file, "MOST_STORES", 2)
    for store in ("/a", "/b", "/a", "/c"):
        rates_file.note_store(store, [runs()])
    assert list(rates_file.read().stores) == ["/a", "/c"]
    assert rates_file.note_store("/d", []) is None
    assert list(rates_file.read().stores) == ["/a", "/c"]


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"format": 2}', '{"format": 1, "probes": [{}], "stores": {}}'])
def test_a_file_that_cannot_be_read_is_done_without_and_written_anew(cache, text, caplog) -> None:
    cache.mkdir()
    (cache / rates_file.FILE).write_text(text)
    assert rates_file.read() == Known()
    assert "costs are estimated without it" in caplog.text
    rates_file.note_probes([probed()])
    assert rates_file.read().probes == (probed(),)


def test_a_cache_folder_that_cannot_be_is_done_without(tmp_path, monkeypatch) -> None:
    (tmp_path / "file").write_text("")
    monkeypatch.setenv("XSTILTS_CACHE", str(tmp_path / "file" / "cache"))
    assert rates_file.read() == Known()
    assert rates_file.note_probes([probed()]) is None


def test_runs_that_are_alike_are_one_with_their_spread() -> None:
    alike = [runs(4.0), runs(16.0)]
    [found, other] = grouped([*alike, runs(1.0, task="udpos")])
    assert (found.count, found.seconds, found.work) == (2, {"train": 10.0}, WORK)
    assert found.squares["train"] == pytest.approx(2 * math.log(2) ** 2)  # log 4 and log 16 lie log 2 from their mean
    assert (other.count, other.squares["train"]) == (1, 0)
    assert Measured.from_dict(json.loads(json.dumps(found.to_dict()))) == found


def test_a_probe_prints_what_is_read() -> None:
    made = timings(CORE, 1.0)
    assert timings_from(json.loads(json.dumps(dataclasses.asdict(made)))) == made
