"""Whether a sampler can draw from a space; asked before anything starts, without Optuna."""

from __future__ import annotations

import importlib.util
from collections.abc import Mapping

from search_spaces.search_fields import SAMPLERS
from sweep.studies.errors import StudyError
from trainables.ledger.nearest import unknown
from trainables.ledger.space import Choices, Range


def check_sampler(name: str, space: Mapping[str, Range], run: str) -> None:
    """Whether a sampler can draw from the space of a run; raises ValueError or StudyError with what it lacks."""
    if name not in SAMPLERS:
        raise ValueError(unknown("sampler", name, SAMPLERS))
    package = {"cmaes": "cmaes", "gp": "torch"}.get(name)
    if package and importlib.util.find_spec(package) is None:
        raise StudyError(f"sampler {name} needs the package {package}: pip install {package}")
    endless = [own.parameter for own in space.values() if not isinstance(own, Choices) and not own.whole]
    if name == "bruteforce" and endless:
        raise ValueError(
            f"sampler bruteforce: given a range of {', '.join(endless)} for {run}; allowed: choices, whole numbers"
        )
