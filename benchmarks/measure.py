"""What the benchmarks share: contenders run in processes of their own, in turn, and are summed up by their median."""

from __future__ import annotations

import argparse
import json
import os
import platform
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from importlib.metadata import version
from pathlib import Path
from typing import Any

RAM = Path("/dev/shm")


def peak_bytes() -> int:
    """Most memory this process has had: on the GPU where it used one, else resident."""
    torch = sys.modules.get("torch")
    if torch and torch.cuda.is_initialized():
        return int(torch.cuda.max_memory_allocated())
    [line] = [line for line in Path("/proc/self/status").read_text().splitlines() if line.startswith("VmHWM")]
    return int(line.split()[1]) * 1024


@contextmanager
def in_ram() -> Iterator[Path]:
    """A temporary folder, on a disk in RAM where there is one."""
    with tempfile.TemporaryDirectory(dir=RAM if RAM.is_dir() else None) as folder:
        yield Path(folder)


def in_a_process(module: str, **arguments: Any) -> dict[str, Any]:
    """Run `python -m module --one JSON` and return the JSON object that it prints last."""
    command = [sys.executable, "-m", module, "--one", json.dumps(arguments)]
    quiet = os.environ | {"HF_HUB_OFFLINE": "1", "TOKENIZERS_PARALLELISM": "false", "TRANSFORMERS_VERBOSITY": "error"}
    done = subprocess.run(command, capture_output=True, text=True, env=quiet)
    if done.returncode:
        raise RuntimeError(f"{' '.join(command)} failed:\n{done.stderr[-3000:]}")
    found: dict[str, Any] = json.loads(done.stdout.strip().splitlines()[-1])
    return found


def summary(values: Sequence[float], digits: int = 2) -> str:
    """`median (lowest to highest)`."""
    middle, low, high = statistics.median(values), min(values), max(values)
    return f"{middle:.{digits}f} ({low:.{digits}f} to {high:.{digits}f})" if len(values) > 1 else f"{middle:.{digits}f}"


def options_of(description: str | None) -> argparse.ArgumentParser:
    """A parser with the options that every benchmark with contenders has."""
    parser = argparse.ArgumentParser(description=description, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--device", choices=("cpu", "cuda"), default="cpu")
    parser.add_argument("--threads", type=int, default=2)
    parser.add_argument("--repetitions", type=int, default=3)
    parser.add_argument("--json", type=Path, metavar="FILE")
    parser.add_argument("--one", help=argparse.SUPPRESS)
    return parser


def machine() -> dict[str, str]:
    """Where the figures come from."""
    info = Path("/proc/cpuinfo")
    names = [line.split(":", 1)[1].strip() for line in info.read_text().splitlines() if line.startswith("model name")]
    found = {"processor": f"{len(os.sched_getaffinity(0))} cores of {names[0] if names else platform.processor()}"}
    import torch

    if torch.cuda.is_available():
        found["gpu"] = torch.cuda.get_device_name()
    return found | {name: version(name) for name in ("torch", "transformers")} | {"python": platform.python_version()}


def write(path: Path | None, figures: Mapping[str, Any]) -> None:
    """Write figures and machine as JSON."""
    if path:
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text(json.dumps({"machine": machine(), **figures}, indent=1) + "\n")
