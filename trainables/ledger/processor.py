"""The processor of this machine: its name, as records have it, and whether it multiplies in bf16."""

from __future__ import annotations

import platform
from pathlib import Path

_INFO = Path("/proc/cpuinfo")


def processor_name() -> str:
    """Name of the first processor."""
    return _said("model name") or platform.processor()


def knows_bf16() -> bool:
    """Whether it has instructions for bf16; without them bf16 runs compute in fp32."""
    return "avx512_bf16" in _said("flags").split()


def _said(field: str) -> str:
    """What Linux says of the first processor; empty elsewhere."""
    if not _INFO.exists():
        return ""
    lines = (line.partition(":") for line in _INFO.read_text(encoding="utf-8").splitlines())
    return next((value.strip() for name, _, value in lines if name.strip() == field), "")
