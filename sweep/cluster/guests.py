"""From the names of `--callbacks` to the callbacks: loggers that Ray ships, and the user's own classes."""

from __future__ import annotations

import importlib
import os
from collections.abc import Callable, Mapping
from pathlib import Path
from types import MappingProxyType

from ray import tune

from sweep.cluster.place import Place
from trainables.ledger.nearest import unknown


def load_guests(place: Place) -> dict[str, tune.Callback]:
    """The callbacks of a place by their names, made but not begun; before Ray is started.

    Raises ValueError for one that cannot be had, with what to do.
    """
    return {name: _load(name, place) for name in place.callbacks}


def _load(name: str, place: Place) -> tune.Callback:
    if name in SHIPPED:
        return SHIPPED[name](place)
    module, colon, attribute = name.partition(":")
    if not colon:
        raise ValueError(f"{unknown('callback', name, SHIPPED)}, or a class as module:Class")
    try:
        found = getattr(importlib.import_module(module), attribute)
        made = found()
    except Exception as error:  # whatever it is: the class is the user's
        raise ValueError(
            f"callback {name}: it cannot be made ({type(error).__name__}: {error}). Allowed: a class that takes no "
            "arguments, in a module on PYTHONPATH"
        ) from error
    if not isinstance(made, tune.Callback):
        raise ValueError(f"callback {name}: given {found!r}; allowed: a subclass of ray.tune.Callback")
    return made


def _mlflow(place: Place) -> tune.Callback:
    """Ray's logger for MLflow; without a server in the environment, into a file beside Tune's own."""
    _check("mlflow", "mlflow", "mlflow-skinny")
    from sweep.cluster.mlflow_logger import mlflow_logger

    return mlflow_logger(
        os.environ.get("MLFLOW_TRACKING_URI") or f"sqlite:///{_folder(place) / 'mlflow.db'}",
        os.environ.get("MLFLOW_EXPERIMENT_NAME") or place.name,
    )


def _wandb(place: Place) -> tune.Callback:
    """Ray's logger for Weights & Biases, which takes its key and whatever else it needs from the environment."""
    _check("wandb", "wandb", "wandb")
    from ray.air.integrations import wandb

    try:
        wandb._set_api_key()
    except ValueError:
        raise ValueError(
            "callback wandb: there is no key. Allowed: WANDB_API_KEY in the environment, `wandb login` before, or "
            "WANDB_MODE=offline"
        ) from None
    # it writes in a worker of Ray, which does not have the environment of this process
    given = {"mode": os.environ.get("WANDB_MODE"), "entity": os.environ.get("WANDB_ENTITY")}
    return wandb.WandbLoggerCallback(
        project=os.environ.get("WANDB_PROJECT") or "xstilts",
        group=os.environ.get("WANDB_RUN_GROUP") or place.name,
        dir=os.environ.get("WANDB_DIR") or str(_folder(place)),
        **{name: value for name, value in given.items() if value},
    )


def _folder(place: Place) -> Path:
    """Where Tune's own files of the sweep are, made."""
    folder = (place.results.expanduser() / place.name).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    return folder


def _check(name: str, module: str, package: str) -> None:
    """Raise ValueError where a package cannot be used."""
    try:
        importlib.import_module(module)
    except ImportError as error:
        raise ValueError(
            f"callback {name}: the package {module} cannot be used ({error}); `pip install {package}` installs it"
        ) from error


SHIPPED: Mapping[str, Callable[[Place], tune.Callback]] = MappingProxyType({"wandb": _wandb, "mlflow": _mlflow})
"""Loggers that Ray ships, by the names of their packages."""
