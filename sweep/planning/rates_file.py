"""The rates file: what this user's sweeps have measured of machines, in the cache folder. It can always do without.

```
CACHE/rates.json   probes by device, and what the finished runs of each store took, grouped
```
"""

from __future__ import annotations

import json
import logging
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import filelock

from sweep.planning.measured import Measured, grouped
from sweep.planning.rates import Rates
from trainables.data.cache_folder import own_folder
from trainables.ledger import files

log = logging.getLogger(__name__)

FILE = "rates.json"
MOST_STORES = 50
"""Whose measurements are kept; the ones noted longest ago go."""
_FORMAT = 1
_LOCK_SECONDS = 10.0


@dataclass(frozen=True, kw_only=True)
class Probe:
    """What a probe has measured of a device.

    Attributes:
        device: as records have it.
        encoder: whose geometry it had.
        bf16: its arithmetic.
        address: of the cluster that it is in; empty for the machine of the user.
        at: ISO time.
        seconds: that it took.
    """

    device: str
    encoder: str
    bf16: bool
    rates: Rates
    at: str
    seconds: float
    address: str = ""

    @property
    def on_gpu(self) -> bool:
        """Whether the device is a GPU."""
        return not self.device.endswith("threads")


@dataclass(frozen=True, kw_only=True)
class Known:
    """What the file holds: probes, the latest first, and measurements by store, the latest last."""

    probes: tuple[Probe, ...] = ()
    stores: Mapping[str, tuple[Measured, ...]] = field(default_factory=dict)

    def beside(self, store: str) -> tuple[Measured, ...]:
        """The measurements of all stores but one."""
        return tuple(each for name, found in self.stores.items() if name != store for each in found)


def read() -> Known:
    """What is known; nothing, and a warning, where the file cannot be read."""
    path = own_folder(FILE)
    try:
        return _parsed(path.read_text(encoding="utf-8")) if path else Known()
    except FileNotFoundError:
        return Known()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        log.warning("%s cannot be read (%s: %s): costs are estimated without it", path, type(error).__name__, error)
        return Known()


def note_probes(probes: Sequence[Probe]) -> Path | None:
    """Keep what was probed, in place of earlier probes of the same; where, or None where it cannot be kept."""
    kinds = {(each.device, each.encoder, each.bf16) for each in probes}

    def added(known: Known) -> Known:
        others = [each for each in known.probes if (each.device, each.encoder, each.bf16) not in kinds]
        return replace(known, probes=(*probes, *others))

    return _change(added)


def note_store(store: str, runs: Sequence[Measured]) -> Path | None:
    """Keep what the runs of a store took, in place of what was known of it; where, or None where it cannot be kept."""

    def added(known: Known) -> Known:
        others = {name: found for name, found in known.stores.items() if name != store}
        kept = dict(list(others.items())[-(MOST_STORES - 1) :])
        return replace(known, stores={**kept, store: tuple(grouped(runs))})

    return _change(added) if runs else None


def _change(change: Callable[[Known], Known]) -> Path | None:
    path = own_folder(FILE)
    if path is None:
        return None
    try:
        with filelock.FileLock(path.with_suffix(".lock"), timeout=_LOCK_SECONDS):
            files.write(path, _to_json(change(read())))
    except (OSError, filelock.Timeout) as error:
        log.warning("what was measured cannot be kept in %s: %s", path, error)
        return None
    return path


def _to_json(known: Known) -> str:
    fields = {
        "format": _FORMAT,
        "probes": [asdict(each) for each in known.probes],
        "stores": {name: [each.to_dict() for each in found] for name, found in known.stores.items()},
    }
    return json.dumps(fields, indent=1, allow_nan=False) + "\n"


def _parsed(text: str) -> Known:
    given: Mapping[str, Any] = json.loads(text)
    if given["format"] != _FORMAT:
        raise ValueError(f"format {given['format']!r}; this version reads {_FORMAT}")
    return Known(
        probes=tuple(Probe(**{**each, "rates": Rates.from_dict(each["rates"])}) for each in given["probes"]),
        stores={name: tuple(Measured.from_dict(each) for each in found) for name, found in given["stores"].items()},
    )
