"""What this machine has, asked without loading a driver."""

from __future__ import annotations

import os
from pathlib import Path

from sweep.graph.capacity import Machine

_DRIVER = Path("/proc/driver/nvidia/gpus")


def this_machine() -> Machine:
    """Cores and GPUs that programs see here."""
    return Machine(name="here", cpus=os.cpu_count() or 1, gpus=_num_gpus())


def this_gpu() -> str:
    """Name of the first NVIDIA GPU, as the driver and records have it; empty where there is none."""
    for path in sorted(_DRIVER.glob("*/information")):
        fields = dict(line.partition(":")[::2] for line in path.read_text(encoding="utf-8").splitlines())
        return fields.get("Model", "").strip()
    return ""


def _num_gpus() -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = len(list(Path("/dev").glob("nvidia[0-9]*"))) or int(Path("/dev/kfd").exists())
    if visible in ("", "-1") or not found:
        return 0
    return len(visible.split(",")) if visible else found
