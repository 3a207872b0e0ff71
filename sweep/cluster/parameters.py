"""Parameters of a run as others show them: its spec as flat names and plain values."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

Value = str | float | bool


def parameters(config: Mapping[str, Any]) -> dict[str, Value]:
    """Those of the run that Tune's configuration describes, for example `optimisation.learning_rate`.

    Names are the fields of its spec, as in the plan and the records; lists are joined by commas, and what a run does
    not have is left out. `name` and `run_id` come first.
    """
    own: dict[str, Value] = {"name": str(config["name"]), "run_id": str(config["run_id"])}
    return own | dict(_flat("", config["spec"]))


def _flat(name: str, value: Any) -> Iterator[tuple[str, Value]]:
    if isinstance(value, Mapping):
        for key, item in value.items():
            yield from _flat(f"{name}.{key}" if name else str(key), item)
    elif isinstance(value, list | tuple):
        yield name, ",".join(map(str, value))
    elif value is not None:
        yield name, value
