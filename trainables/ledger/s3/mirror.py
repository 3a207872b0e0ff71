"""Mirror: a folder of this machine that holds what is small of a store in a bucket, as it was when last looked at.

Small are the files of the sweep, and the records and notes of the runs. A copy is known to be right by its MD5, which
is the ETag of an object that was written in one piece; where a service encrypts with keys of its own it is not, and the
object is read again. Processes of one machine share the folder; each file is replaced whole.
"""

from __future__ import annotations

import hashlib
import os
from collections.abc import Iterable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

from trainables.ledger import files, removed
from trainables.ledger.paths import names_in
from trainables.ledger.s3.bucket import Bucket, Content, Object

READS_AT_ONCE = 16
RECORD = "record.json"
NOTES = frozenset({RECORD, "failure.json", "pruned.json", "damage.json", removed.NOTE})
ATTEMPTS = ".work/attempts.json"
_SWEEP_SUFFIXES = (".json", ".yaml")

Listing = Mapping[str, Object]


class Mirror:
    """The copies, and what is known of the objects: of all, by run, as of the last whole look."""

    def __init__(self, bucket: Bucket, root: Path) -> None:
        self._bucket = bucket
        self.root = root
        self.objects: dict[str, Object] = {}
        self.by_run: dict[str, dict[str, Object]] = {}
        self._etags: dict[str, str] = {}

    def key(self, path: Path) -> str:
        """Key of a file of the folder."""
        return path.relative_to(self.root).as_posix()

    def look_at_all(self) -> None:
        """Have every copy as it is now."""
        self.objects = self._bucket.listing()
        self.by_run = {}
        for key, found in self.objects.items():
            top, _, rest = key.partition("/")
            if top == "runs" and rest:
                self.by_run.setdefault(rest.partition("/")[0], {})[key] = found
        self._match(self.objects, list(self._copies()))

    def look_at_run(self, run_id: str) -> Listing:
        """Have the record and the notes of one run as they are now; all objects of it."""
        found = self._bucket.listing(f"runs/{run_id}/")
        self.by_run[run_id] = found
        self._match(found, list(_notes(self.root / "runs" / run_id)))
        return found

    def look_at_plans(self) -> None:
        """Have the plans of all sweeps as they are now."""
        self._match(
            self._bucket.listing("plans/"), [self.root / "plans" / name for name in names_in(self.root / "plans")]
        )

    def look_at(self, path: Path) -> str | None:
        """Have one file of the sweep as it is now; its ETag, None where it is not there."""
        found = self._bucket.get(self.key(path), known=_md5(path))
        if found is None:
            self._forget(path)
            return None
        if found.body or not path.exists():
            self._place(path, found)
        return found.etag

    def write(self, path: Path, body: bytes, *, sole: bool = False) -> None:
        """Write a file, the object first."""
        self._wrote(path, body, self._bucket.put(self.key(path), body), sole=sole)

    def write_if(self, path: Path, body: bytes, known: str | None) -> bool:
        """As `write`, where the object is still the one that is known, or None; whether it was."""
        key = self.key(path)
        etag = self._bucket.put_if(key, body, known)
        if not etag:  # or the answer to an earlier try was lost
            found = self._bucket.get(key)
            etag = found.etag if found and found.body == body else ""
        if etag:
            self._wrote(path, body, etag)
        return bool(etag)

    def etag(self, path: Path) -> str | None:
        """ETag of a record or note when this process last saw or wrote it; None where there was none."""
        return self._etags.get(self.key(path))

    def remove(self, *paths: Path) -> None:
        """Remove files, the objects first."""
        self._bucket.delete([self.key(path) for path in paths])
        for path in paths:
            self._forget(path)

    def _match(self, listing: Listing, copies: Iterable[Path]) -> None:
        """Have the copies of a listing, and none that it does not name."""
        wanted = {self.root / key: found for key, found in listing.items() if is_small(key)}
        for path in copies:
            if path not in wanted and is_small(self.key(path)):
                self._forget(path)
        self._etags |= {self.key(path): found.etag for path, found in wanted.items()}
        old = [path for path, found in wanted.items() if not _is_same(path, found)]
        if old:
            with ThreadPoolExecutor(READS_AT_ONCE) as threads:
                list(threads.map(self._bring, old))

    def _bring(self, path: Path) -> None:
        found = self._bucket.get(self.key(path))
        if found is None:
            self._forget(path)
        else:
            self._place(path, found)

    def _place(self, path: Path, found: Content) -> None:
        files.write(path, found.body, durable=False)
        with suppress(OSError):  # another process has replaced it
            os.utime(path, (found.modified, found.modified))
        self._etags[self.key(path)] = found.etag

    def _wrote(self, path: Path, body: bytes, etag: str, *, sole: bool = False) -> None:
        files.write(path, body, sole=sole, durable=False)
        self._etags[self.key(path)] = etag

    def _forget(self, path: Path) -> None:
        path.unlink(missing_ok=True)
        self._etags.pop(self.key(path), None)

    def _copies(self) -> Iterator[Path]:
        """Every copy of a small object that is here."""
        yield from _files(self.root)
        yield from _files(self.root / "plans")
        for name in names_in(self.root / "runs"):
            yield from _notes(self.root / "runs" / name)


def is_small(key: str) -> bool:
    """Whether a copy of an object is kept."""
    parts = key.split("/")
    if any(part in ("", ".", "..") for part in parts):  # not ours, and no path of a file
        return False
    match parts:
        case [name] | ["plans", name]:
            return name.endswith(_SWEEP_SUFFIXES)
        case ["runs", _, name]:
            return name in NOTES or name.startswith(f"{RECORD}.")  # put aside
        case ["runs", _, *rest]:
            return "/".join(rest) == ATTEMPTS
    return False


def _notes(folder: Path) -> Iterator[Path]:
    yield from _files(folder)
    if (folder / ATTEMPTS).exists():
        yield folder / ATTEMPTS


def _files(folder: Path) -> Iterator[Path]:
    """Files of a folder that are no temporary ones."""
    with suppress(OSError), os.scandir(folder) as entries:
        for entry in entries:
            if not entry.name.startswith(".") and entry.is_file(follow_symlinks=False):
                yield folder / entry.name


def _is_same(path: Path, found: Object) -> bool:
    try:
        return path.stat().st_size == found.size and _md5(path) == found.etag
    except OSError:
        return False


def _md5(path: Path) -> str:
    """As ETags have it; empty for a file that is not there."""
    try:
        return md5(path.read_bytes())
    except OSError:
        return ""


def md5(content: bytes) -> str:
    """The ETag of content that is written in one piece."""
    return hashlib.md5(content, usedforsecurity=False).hexdigest()
