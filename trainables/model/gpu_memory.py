"""Memory of the GPU that this process sees: how much it is, and the limit that holds the process to its share."""

from __future__ import annotations

import torch

from trainables.ledger.gpu_share import limit_fraction


def share_bytes(gpus: float, device: torch.device) -> int:
    """What a share of a GPU is in bytes, CUDA's own part included; 0 on a CPU."""
    return int(min(gpus, 1.0) * _total_bytes(device)) if device.type == "cuda" else 0


def limit_gpu_memory(gpus: float) -> None:
    """Hold this process to its share of its GPU; raises as `limit_fraction` does."""
    device = torch.device("cuda", 0)
    torch.cuda.set_per_process_memory_fraction(limit_fraction(gpus, _total_bytes(device)), device)


def _total_bytes(device: torch.device) -> int:
    return int(torch.cuda.get_device_properties(device).total_memory)
