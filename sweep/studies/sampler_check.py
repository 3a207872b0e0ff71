"""Whether a sampler can draw from a space and a pruner compare; asked before anything starts, without Optuna."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping
from types import MappingProxyType

from search_spaces.search_fields import PRUNERS, SAMPLERS
from sweep.studies.errors import StudyError
from trainables.ledger.nearest import unknown
from trainables.ledger.space import Choices, Range

_PACKAGES: Mapping[str, tuple[str, ...]] = MappingProxyType({
    "cmaes": ("cmaes",), "gp": ("scipy", "torch"), "qmc": ("scipy",),
})  # fmt: skip
"""What a sampler of Optuna imports when it draws, beyond what Optuna itself needs."""


def check_sampler(name: str, space: Mapping[str, Range], run: str) -> None:
    """Whether a sampler can draw from the space of a run; raises ValueError or StudyError with what it lacks."""
    if name not in SAMPLERS:
        raise ValueError(unknown("sampler", name, SAMPLERS))
    for package in (*_PACKAGES.get(name, ()), "optuna"):
        _need(package, f"sampler {name}")
    endless = [own.parameter for own in space.values() if not isinstance(own, Choices) and not own.whole]
    if name == "bruteforce" and endless:
        raise ValueError(
            f"sampler bruteforce: given a range of {', '.join(endless)} for {run}; allowed: choices, whole numbers"
        )


def check_pruner(name: str) -> None:
    """Whether a pruner can be had; raises ValueError or StudyError with what is wrong."""
    if name not in PRUNERS:
        raise ValueError(unknown("pruner", name, PRUNERS))
    if name != "off":
        _need("optuna", f"pruner {name}")


def _need(package: str, what: str) -> None:
    """Raise StudyError unless a package is installed; a mere folder of its name is not."""
    try:
        spec = importlib.util.find_spec(package)
    except (ImportError, ValueError):
        spec = None
    if spec is None or spec.origin is None:
        raise StudyError(f"{what} needs the package {package}: pip install {package}")
