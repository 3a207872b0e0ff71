"""Optuna's samplers and distributions, made from the names and ranges of the configuration."""

from __future__ import annotations

import hashlib
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import optuna
from optuna import Trial
from optuna.distributions import BaseDistribution, CategoricalDistribution, FloatDistribution, IntDistribution
from optuna.samplers import BaseSampler

from search_spaces.search_fields import SAMPLERS
from trainables.ledger.space import Choices, Range


def make_sampler(name: str, seed: int, startup: int) -> BaseSampler:
    """A fresh sampler; what there is to learn it reads from the trials. TPE takes running trials for bad ones."""
    options: dict[str, dict[str, Any]] = {
        "tpe": {"n_startup_trials": startup, "constant_liar": True},
        "gp": {"n_startup_trials": startup, "warn_independent_sampling": False},
        "cmaes": {"n_startup_trials": startup, "warn_independent_sampling": False},
        "qmc": {"warn_independent_sampling": False},
    }
    made: BaseSampler = getattr(optuna.samplers, SAMPLERS[name])(seed=seed, **options.get(name, {}))
    return made


def distribution(own: Range) -> BaseDistribution:
    """A range as Optuna has it."""
    if isinstance(own, Choices):
        return CategoricalDistribution([own.member(choice) for choice in own.choices])
    if own.whole:
        return IntDistribution(int(own.low), int(own.high), log=own.log)
    return FloatDistribution(own.low, own.high, log=own.log)


def suggest(trial: Trial, own: Range) -> Any:
    """Draw a value of a range; one that the trial has already stays."""
    if isinstance(own, Choices):
        return trial.suggest_categorical(own.parameter, [own.member(choice) for choice in own.choices])
    if own.whole:
        return trial.suggest_int(own.parameter, int(own.low), int(own.high), log=own.log)
    return trial.suggest_float(own.parameter, own.low, own.high, log=own.log)


def seed(study: str, number: int) -> int:
    """Seed of one trial: the first four bytes of the SHA-256 of `<study>/<number>`."""
    return int.from_bytes(hashlib.sha256(f"{study}/{number}".encode()).digest()[:4], "big")


@contextmanager
def quiet() -> Iterator[None]:
    """Without warnings that a feature of Optuna is experimental."""
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        yield
