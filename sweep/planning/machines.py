"""What this machine has, asked without loading a driver."""

from __future__ import annotations

import os
from pathlib import Path

from sweep.graph.capacity import Machine
from sweep.planning.gpus import bytes_of, type_of
from trainables.training.memory import available_bytes

DRIVER = Path("/proc/driver/nvidia/gpus")
"""Where NVIDIA's driver says what each GPU is."""

_DRIVER = Path("/proc/driver/nvidia/gpus")


def this_machine(driver: Path = DRIVER) -> Machine:
    """Cores, GPUs and memory that programs see here."""
    gpus = _num_gpus()
    names = _names(driver) if gpus else []
    return Machine(
        name="here",
        cpus=os.cpu_count() or 1,
        gpus=gpus,
        gpu_type=type_of(names[0]) if len({type_of(name) for name in names}) == 1 else "",
        gpu_bytes=min(map(bytes_of, names), default=0),
        memory_bytes=available_bytes(),
    )


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


def _names(driver: Path) -> list[str]:
    """Names of the GPUs as the driver has them, for example `NVIDIA H100 80GB HBM3`."""
    found = []
    for path in sorted(driver.glob("*/information")):
        try:
            lines = path.read_text(encoding="utf-8", errors="replace").splitlines()
        except OSError:
            continue
        found += [line.partition(":")[2].strip() for line in lines if line.startswith("Model:")]
    return found
