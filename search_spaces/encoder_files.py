"""The files of an encoder: in a folder, on the hub, or in the hub's cache on this machine."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from trainables.ledger.nearest import unknown
from trainables.ledger.paths import names_in
from trainables.ledger.plain import plain
from trainables.model.architectures import ARCHITECTURES, Architecture
from trainables.model.names import EncoderKind, EncoderName, EncoderUnreachableError, unavailable

CONFIG = "config.json"
ASK_SECONDS = 10.0
"""How long the hub may take to say which files it has."""


@dataclass(frozen=True, kw_only=True)
class EncoderFiles:
    """Which files there are; `folder` is where they lie, or None for files that are on the hub only."""

    encoder: EncoderName
    revision: str
    names: frozenset[str]
    folder: Path | None = None

    def path(self, name: str) -> Path:
        """Where a file lies, fetched from the hub where need be; raises EncoderUnavailableError."""
        if self.folder:
            return self.folder / name
        from huggingface_hub import hf_hub_download  # late: it takes a fifth of a second, and most plans do without

        try:
            return Path(hf_hub_download(self.encoder.name, name, revision=self.revision))
        except Exception as error:
            raise unavailable(self.encoder, self.revision, error) from error

    def read(self, name: str) -> Mapping[str, Any]:
        """A JSON object; raises EncoderUnavailableError, or ValueError for what is no JSON object."""
        path = self.path(name)
        try:
            found = json.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            raise unavailable(self.encoder, self.revision, error) from error
        except (ValueError, RecursionError) as error:
            raise ValueError(f"encoder {self.encoder.name!r}: {name} is not JSON ({plain(str(error))})") from error
        if not isinstance(found, dict):
            raise ValueError(f"encoder {self.encoder.name!r}: {name} holds a {type(found).__name__}, not an object")
        return found


def encoder_files(encoder: EncoderName, revision: str) -> EncoderFiles:
    """The files of a folder, or of a repository of the hub.

    The hub is asked; where it does not answer, what its cache on this machine holds is what there is. Raises
    EncoderUnavailableError when neither has the encoder.
    """
    if encoder.kind is EncoderKind.FOLDER:
        names = frozenset(names_in(encoder.folder))
        return EncoderFiles(encoder=encoder, revision=revision, names=names, folder=encoder.folder)
    from huggingface_hub import HfApi
    from huggingface_hub.errors import HFValidationError, RepositoryNotFoundError, RevisionNotFoundError

    try:
        told = HfApi().model_info(encoder.name, revision=revision, timeout=ASK_SECONDS)
    except (HFValidationError, RepositoryNotFoundError, RevisionNotFoundError) as error:
        raise unavailable(encoder, revision, error) from error
    except Exception as error:  # the network, the hub and its client each have errors of their own
        return _cached(encoder, revision, error)
    names = frozenset(sibling.rfilename for sibling in told.siblings or ())
    return EncoderFiles(encoder=encoder, revision=revision, names=names)


def _cached(encoder: EncoderName, revision: str, why: Exception) -> EncoderFiles:
    from huggingface_hub import try_to_load_from_cache

    found = try_to_load_from_cache(encoder.name, CONFIG, revision=revision)
    if not isinstance(found, str):
        raise EncoderUnreachableError(str(unavailable(encoder, revision, why))) from why
    folder = Path(found).parent
    return EncoderFiles(encoder=encoder, revision=revision, names=frozenset(names_in(folder)), folder=folder)


def number_in(encoder: EncoderName, config: Mapping[str, Any], field: str) -> int:
    """A whole number above 0 of an encoder's configuration; raises ValueError for anything else."""
    value = config.get(field)
    if not isinstance(value, int) or isinstance(value, bool) or not 0 < value < 2**31:
        given = f"has {field} {value!r:.60}" if field in config else f"has no {field}"
        raise ValueError(f"encoder {encoder.name!r}: its config.json {given}; allowed: a whole number above 0")
    return value


def architecture_of(encoder: EncoderName, config: Mapping[str, Any]) -> Architecture:
    """The architecture that a configuration names; raises ValueError with the nearest one for another."""
    given = config.get("model_type")
    if isinstance(given, str) and given in ARCHITECTURES:
        return ARCHITECTURES[given]
    if config.get("auto_map"):
        raise ValueError(
            f"encoder {encoder.name!r}: {plain(str(given))!r} is code of its own repository (auto_map in config.json), "
            f"which is never run; allowed: an encoder of the kind {', '.join(ARCHITECTURES)}"
        )
    wrong = unknown("architecture", plain(given), ARCHITECTURES) if isinstance(given, str) else "config.json names none"
    raise ValueError(f"encoder {encoder.name!r}: {wrong}")
