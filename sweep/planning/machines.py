"""What this machine has, asked without loading a driver."""

from __future__ import annotations

import os
from pathlib import Path

from sweep.graph.capacity import Machine


def this_machine() -> Machine:
    """Cores and GPUs that programs see here."""
    return Machine(name="here", cpus=os.cpu_count() or 1, gpus=_num_gpus())


def _num_gpus() -> int:
    visible = os.environ.get("CUDA_VISIBLE_DEVICES")
    found = len(list(Path("/dev").glob("nvidia[0-9]*"))) or int(Path("/dev/kfd").exists())
    if visible in ("", "-1") or not found:
        return 0
    return len(visible.split(",")) if visible else found
