"""GPUs by name: what Ray calls their type, and how much memory one has."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import NamedTuple

from trainables.ledger.bounds import GPUS
from trainables.ledger.nearest import unknown

_GIGA = 10**9
_NAME = re.compile(r"\w+\s+((?:[A-Z]+\s+)*[A-Z0-9]*\d[A-Z0-9]*)")
"""As Ray reads an NVIDIA name (`ray._private.accelerators.nvidia_gpu`), so that records and nodes say the same."""
_MEMORY_IN_NAME = re.compile(r"\b([1-9][0-9]{0,2}) ?GB\b", re.IGNORECASE)
USABLE = 0.96
"""Of the memory that is printed on a GPU, what PyTorch finds at least: the driver keeps some of it."""

GPU_BYTES: Mapping[str, int] = {
    name: int(gigabytes * USABLE * _GIGA)
    for name, gigabytes in {
        "P100": 16, "V100": 16, "T4": 16, "P4": 8, "K80": 12, "A10": 24, "A10G": 24, "A30": 24, "A40": 48, "A100": 40,
        "A100-40G": 40, "A100-80G": 80, "L4": 24, "L40": 48, "L40S": 48, "H20": 96, "H100": 80, "H200": 141,
        "B200": 180, "B300": 270, "GB200": 186, "GB300": 278, "RTX-PRO-6000": 96, "RTX-A6000": 48,
        "AMD-Instinct-MI100": 32, "AMD-Instinct-MI210": 64, "AMD-Instinct-MI250": 64, "AMD-Instinct-MI250X": 64,
        "AMD-Instinct-MI250X-MI250": 64, "AMD-Instinct-MI300A": 128, "AMD-Instinct-MI300X-OAM": 192,
        "AMD-Instinct-MI325X-OAM": 256, "AMD-Instinct-MI350X-OAM": 288, "AMD-Instinct-MI355X-OAM": 288,
    }.items()
}  # fmt: skip
"""Of one GPU of a type as Ray calls it, for nodes that do not answer; of types that come in several sizes the least."""


_MOST = 20
"""Clusters that may be asked about at once."""


class Gpus(NamedTuple):
    """So many GPUs, of a type as Ray calls it where that is said."""

    number: int
    kind: str = ""

    def __str__(self) -> str:
        return f"{self.number}x{self.kind}" if self.kind else str(self.number)

    @property
    def words(self) -> str:
        """For people, for example `8 GPUs` or `8 H100`."""
        return f"{self.number} {self.kind or 'GPU' + 's' * (self.number > 1)}"

    @property
    def bytes(self) -> int:
        """Memory of one of them; 0 where their type is not said."""
        return GPU_BYTES.get(self.kind, 0)


def gpus_of(text: str) -> tuple[Gpus, ...]:
    """Numbers of GPUs between commas, each once, such as `1,8,64` or `8xH100`; raises ValueError for anything else."""
    found = tuple(dict.fromkeys(map(_gpus, text.split(","))))
    if len(found) > _MOST:
        raise ValueError(f"allowed: at most {_MOST} numbers")
    return found


def _gpus(text: str) -> Gpus:
    number, _, kind = text.strip().partition("x")
    try:
        size = int(GPUS.read(number))
    except ValueError:
        raise ValueError(f"allowed: {GPUS}, or one of a type, as 8xH100, or several with commas between them") from None
    known = {name.lower(): name for name in GPU_BYTES}
    if "x" in text and kind.lower() not in known:
        raise ValueError(unknown("type of GPU", kind, GPU_BYTES))
    return Gpus(size, known.get(kind.lower(), ""))


def type_of(name: str) -> str:
    """The type that Ray gives a GPU of this name, for example `H100` for `NVIDIA H100 80GB HBM3`."""
    found = _NAME.match(name)
    if found and len(found[1]) > 1:
        return found[1].replace(" ", "-")
    return re.sub(r"^NVIDIA\s+", "", name).strip().replace(" ", "-")


def bytes_of(name: str, kind: str = "") -> int:
    """Memory of a GPU by its name, or else by its type; 0 for one that is not known."""
    if said := _MEMORY_IN_NAME.search(name):
        return int(int(said[1]) * USABLE * _GIGA)
    return GPU_BYTES.get(kind or type_of(name), 0)
