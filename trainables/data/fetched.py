"""What was fetched into a folder: the manifest `fetched.json`, which holds the digest of every file."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from trainables.ledger import files
from trainables.ledger.digests import digest
from trainables.ledger.errors import LedgerError
from trainables.ledger.seal import sealed, unsealed

MANIFEST = "fetched.json"
FORMAT = 1


@dataclass(frozen=True, kw_only=True)
class Fetched:
    """One file of the manifest.

    Attributes:
        sha256: of the file as it lies there.
        num_bytes: its size.
        made_from: as in `Wanted`.
        repository: as in `Wanted`.
        config: as in `Wanted`.
        origin: as in `Wanted`.
        revision: as in `Wanted`.
        num_rows: of a file of rows; -1 for any other.
    """

    sha256: str
    num_bytes: int
    made_from: str
    repository: str
    config: str
    origin: str
    revision: str
    num_rows: int


@dataclass(frozen=True, kw_only=True)
class Manifest:
    """Files by their paths below the folder, and licences by repository, as the hub states them."""

    files: Mapping[str, Fetched] = field(default_factory=dict)
    licences: Mapping[str, str] = field(default_factory=dict)

    def with_file(self, path: str, fetched: Fetched) -> Manifest:
        """The manifest with one more file."""
        return dataclasses.replace(self, files={**self.files, path: fetched})

    def with_licences(self, licences: Mapping[str, str]) -> Manifest:
        """The manifest with what the hub states of further repositories."""
        return dataclasses.replace(self, licences={**self.licences, **licences})

    def save(self, folder: Path, *, durable: bool = True) -> None:
        """Write it into the folder; the caller holds its lock."""
        told = {path: dataclasses.asdict(each) for path, each in sorted(self.files.items())}
        content = sealed({"format": FORMAT, "licences": dict(sorted(self.licences.items())), "files": told}, indent=1)
        files.write(folder / MANIFEST, content, sole=True, durable=durable)

    def differing(self, folder: Path, *, whole: bool = False) -> Iterator[str]:
        """Paths of files that are not there or have another size than was fetched; read `whole`, another content."""
        for path, each in self.files.items():
            try:
                same = (folder / path).stat().st_size == each.num_bytes
                if not same or (whole and digest(folder / path) != each.sha256):
                    yield path
            except OSError:
                yield path


def read_manifest(folder: Path) -> Manifest:
    """The manifest of a folder; an empty one where there is none. Raises LedgerError for one that was changed."""
    path = folder / MANIFEST
    try:
        told = unsealed(path.read_text(encoding="utf-8"), range(FORMAT, FORMAT + 1), sealed_since=FORMAT)
        return Manifest(
            files={name: Fetched(**each) for name, each in told["files"].items()}, licences=dict(told["licences"])
        )
    except FileNotFoundError:
        return Manifest()
    except (OSError, ValueError, KeyError, TypeError, AttributeError) as error:
        raise LedgerError(
            f"{path} is not what `xstilts fetch` wrote: {error}. Remove it and fetch again: files that are right stay"
        ) from error
