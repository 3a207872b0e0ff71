"""The one door to rows: open the hub, a mirror folder, the built-in demo or official files, and load examples."""

from __future__ import annotations

import functools
import hashlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from pathlib import Path
from types import MappingProxyType

import filelock
import pyarrow as pa

from trainables.data.cache_folder import cache_folder, fills_cache, warn_once
from trainables.data.carried import CarriedData
from trainables.data.demo.mirror import demo_fingerprint, write_demo
from trainables.data.digests import DIGITS
from trainables.data.joined import JoinedData
from trainables.data.loading import Loaded, load
from trainables.data.mirror import MirrorData
from trainables.data.own_files import FILES, OwnFiles
from trainables.data.raw import RawRelease
from trainables.data.raw_bucc import BuccFiles
from trainables.data.raw_ccg import CcgFiles
from trainables.data.raw_ud import UdFiles
from trainables.data.source import DataError, DataSource, MissingDataError, UnreachableError, check_columns
from trainables.ledger import files
from trainables.ledger.digests import DamagedFileError, check, digest, put_aside
from trainables.ledger.nearest import nearest, unknown
from trainables.ledger.paths import expanded, names_in, why_no_folder
from trainables.ledger.seal import sealed, unsealed
from trainables.tasks.revisions import is_commit
from trainables.tasks.rows import shown
from trainables.tasks.task import Source

__all__ = ["DataError", "DataSource", "Loaded", "MissingDataError", "load", "open_data"]

HUB = "hub"
DEMO = "demo"
COMPLETE = "COMPLETE"
"""Marker of the demo corpus, written last: the SHA-256 of its other files."""
_ASK_SECONDS = 10.0
"""How long the hub may take to name a commit."""
_NETWORK = frozenset({"ConnectionError", "TimeoutError", "TransportError"})
"""Errors of the network by name: Python's, and those of whichever library the hub's client is built on."""
_OFFLINE = "Give a folder with the same layout (--data DIR) or use the built-in corpus (--data demo)"


RELEASES: Mapping[str, type[RawRelease]] = {release.option: release for release in (BuccFiles, CcgFiles, UdFiles)}
"""Readers of official files, by the name of their setting in `data.raw`."""


def open_data(name: str, raw: Mapping[str, str] = MappingProxyType({})) -> DataSource:
    """The data called `demo` or `hub`, or the mirror in a folder, and official releases beside it.

    `raw` holds folders of official releases by the names of `RELEASES`; a mirror or the demo may hold others. The demo
    is written on first use; nothing else is read or downloaded here. Raises MissingDataError for a folder that does not
    exist, ValueError for an unknown release.
    """
    if name == HUB:
        return _joined(HubData(), None, raw)
    folder = demo_folder() if name == DEMO else _folder(name)
    return _joined(MirrorData(folder, kind=DEMO if name == DEMO else "mirror"), folder, raw)


def _joined(base: DataSource, folder: Path | None, raw: Mapping[str, str]) -> JoinedData:
    """The base with its releases, those in the user's folders, else those in the folder of the base; and any files."""
    releases: dict[str, DataSource] = {FILES: OwnFiles()}
    for option in raw:
        if option not in RELEASES:
            raise ValueError(unknown("release of data.raw", option, RELEASES))
    for option, release in RELEASES.items():
        given = expanded(raw[option]) if raw.get(option) else None
        if given and (reason := why_no_folder(given)):
            raise MissingDataError(f"data.raw.{option}: {given} is no folder; expected {release.where_from} ({reason})")
        inside = folder / release.repository if folder else None
        releases[release.repository] = release(given or inside, given=bool(given))
    return JoinedData(base, releases, CarriedData)


def _folder(name: str) -> Path:
    allowed = "allowed: hub, demo, or the path of a mirror folder"
    if not name.strip():
        raise MissingDataError(f"data {name!r} names nothing; {allowed}")
    folder = expanded(name)
    if reason := why_no_folder(folder):
        near = nearest(folder.name, [HUB, DEMO, *names_in(folder.parent)])
        question = f" did you mean {near!r}?" if near else ""
        raise MissingDataError(f"data {shown(name)} is no folder ({reason});{question} {allowed}")
    return folder


@fills_cache()
def demo_folder() -> Path:
    """The demo corpus on disk, written once for each version of it; many processes may ask at the same time.

    Its files are compared with what was written, once in a process; a damaged corpus is put aside and written again.
    Raises CacheFolderError when the cache folder cannot be made or written.
    """
    folder = cache_folder() / f"demo-{demo_fingerprint()}"
    if _is_sound(folder):
        return folder
    with filelock.FileLock(folder.with_suffix(".lock")):
        if not _is_sound(folder):
            if (folder / COMPLETE).exists():
                warn_once(f"the demo corpus in {folder} is damaged, put aside and written again")
                put_aside(folder)
            with files.replacing(folder, sole=True) as temporary:
                temporary.mkdir()
                write_demo(temporary)
                told = {path.relative_to(temporary).as_posix(): digest(path) for path in temporary.rglob("*.parquet")}
                (temporary / COMPLETE).write_text(sealed({"format": 1, "files": told}), encoding="utf-8")
    return folder


def _is_sound(folder: Path) -> bool:
    """Whether a corpus holds what was written; those of earlier versions have no marker."""
    try:
        told = unsealed((folder / COMPLETE).read_text(encoding="utf-8"), range(1, 2), sealed_since=1)["files"]
        check(folder, told)
    except (OSError, ValueError, KeyError, TypeError, DamagedFileError):
        return False
    return True


class HubData(DataSource):
    """The Hugging Face hub, read through `datasets`, which keeps downloaded files in its own cache."""

    kind = HUB

    def has(self, source: Source) -> bool:
        return True

    def is_whole(self, source: Source) -> bool:
        return True

    def table(self, source: Source) -> pa.Table:
        import datasets  # late: it takes a second, and a mirror or the demo does without

        location = self.location(source)
        with _friendly(location, source.repository):
            rows = datasets.load_dataset(
                source.repository,
                source.config,
                split=source.split,
                revision=self._commit(source.repository, source.revision),
            )
        check_columns(source.columns, rows.column_names, location)
        chosen = rows.select_columns(list(source.columns))
        # The table alone may lack the features that its rows have; they hold the label names.
        return chosen.data.table.replace_schema_metadata(chosen.features.arrow_schema.metadata)

    def fingerprint(self, sources: Sequence[Source], *, anew: bool = False) -> str:
        pinned = sorted({f"{source.path}@{self._commit(source.repository, source.revision)}" for source in sources})
        return hashlib.sha256("\n".join(pinned).encode()).hexdigest()[:DIGITS]

    def location(self, source: Source) -> str:
        return f"hub {source.repository}, configuration {source.config}, split {source.split}"

    @functools.cache  # noqa: B019 - one object a process, a dozen repositories
    def _commit(self, repository: str, revision: str) -> str:
        """The commit behind a revision: a branch that moves is another data set. Only branches need the network."""
        import huggingface_hub  # late, as `datasets`

        if is_commit(revision):
            return revision
        with _friendly(f"hub {repository}@{revision}", repository):
            return str(huggingface_hub.HfApi().dataset_info(repository, revision=revision, timeout=_ASK_SECONDS).sha)


@contextmanager
def _friendly(location: str, repository: str) -> Iterator[None]:
    try:
        yield
    except Exception as error:  # Every layer below (datasets, the hub client, the network) has its own errors.
        reason = (str(error).strip().splitlines() or [type(error).__name__])[0]
        text = f"{location} cannot be read: {type(error).__name__}: {reason}. {_OFFLINE}"
        if any(kind.__name__ in _NETWORK for kind in type(error).__mro__):
            raise UnreachableError(text, repository) from error
        raise MissingDataError(text) from error
