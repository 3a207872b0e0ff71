"""GPUs by name: as Ray calls them, with no more memory than they have."""

from __future__ import annotations

import pytest
from ray._private.accelerators.nvidia_gpu import NvidiaGPUAcceleratorManager

from sweep.planning.gpus import bytes_of, type_of
from sweep.planning.machines import this_machine

NAMES = {
    "NVIDIA H100 80GB HBM3": 81_559, "NVIDIA H200": 143_771, "NVIDIA A100-SXM4-40GB": 40_536,
    "NVIDIA A100-SXM4-80GB": 81_920, "NVIDIA A10G": 23_028, "Tesla T4": 15_360, "NVIDIA L4": 23_034,
    "NVIDIA L40S": 46_068, "Tesla V100-SXM2-16GB": 16_160, "Tesla V100-SXM2-32GB": 32_510,
}  # fmt: skip
"""Name -> MiB, both as `nvidia-smi` shows them."""


@pytest.mark.parametrize("name", [*NAMES, "NVIDIA GeForce RTX 5090", "NVIDIA RTX PRO 6000 Blackwell Server Edition"])
def test_a_type_is_what_ray_calls_it(name):
    assert type_of(name) == NvidiaGPUAcceleratorManager._gpu_name_to_accelerator_type(name)


@pytest.mark.parametrize("name", NAMES)
def test_a_gpu_has_at_least_what_is_planned_with_and_not_much_more(name):
    assert 0.85 < bytes_of(name) / (NAMES[name] * 2**20) < 0.97


def test_a_gpu_that_is_not_known_has_no_size():
    assert bytes_of("NVIDIA GeForce GT 9") == 0


def test_this_machine_says_what_its_driver_says(monkeypatch, tmp_path):
    monkeypatch.setattr("sweep.planning.machines._num_gpus", lambda: 2)
    for number, name in enumerate(("NVIDIA A100-SXM4-40GB", "NVIDIA A100-SXM4-80GB")):
        (tmp_path / str(number)).mkdir()
        (tmp_path / str(number) / "information").write_text(f"Model: \t\t {name}\nIRQ:   \t\t 11\n")
    found = this_machine(tmp_path)
    assert (found.gpus, found.gpu_type, found.gpu_bytes) == (2, "A100", 38_400_000_000)
    assert found.memory_bytes > 0
    assert this_machine(tmp_path / "none").gpu_bytes == 0
