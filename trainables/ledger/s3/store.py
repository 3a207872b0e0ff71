"""A store in a bucket, with a folder of this machine where it is read and written.

```
s3://BUCKET/PREFIX/
  driver.lock                        the lease of the driver
  config.yaml, plan.json, ...        as in a folder (`ledger.store`)
  runs/<run id>/record.json          the run is finished if and only if this exists; put on a condition, the first stays
  runs/<run id>/*.json               notes, as in a folder
  runs/<run id>/<file>/<SHA-256>     what a run left: its objects are never changed, the record says which are its own
  runs/<run id>/.lock                the lease of the worker that computes the run
  runs/<run id>/.work/               the checkpoint, and what befell attempts
```

In the folder lie copies of what is small (`mirror`) and of artefacts that were made or fetched here (`cache`), and what
never leaves this machine: tokenizers, Ray Tune's files, what readers keep.
"""

from __future__ import annotations

import logging
import sys
import uuid
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from datetime import datetime
from pathlib import Path

from trainables.ledger import files
from trainables.ledger.alive import LiveRun
from trainables.ledger.errors import StoreError
from trainables.ledger.own_tasks import OWN_TASK_FILE, OWN_TASKS
from trainables.ledger.s3.errors import S3Error, S3UnreachableError
from trainables.ledger.s3.lease import Lease
from trainables.ledger.s3.mirror import md5
from trainables.ledger.s3.place import S3Place
from trainables.ledger.s3.runs import S3Runs
from trainables.ledger.store import Store, in_use

log = logging.getLogger(__name__)

DRIVER_LOCK = "driver.lock"
JOURNAL = "studies.journal"
_TRIES = 20
"""To add to a list that others add to at the same time."""


class S3Store(S3Runs, Store):
    """A store in a bucket; its runs are those of `S3Runs`."""

    def __init__(self, place: S3Place, folder: Path) -> None:
        super().__init__(place, folder)
        self._driving: Lease | None = None
        self._journal_kept = (0, 0)

    def prepare(self) -> S3Store:
        """Prove that the bucket can be written, on a condition too; raises StoreError with the reason."""
        probe = f"runs/.probe-{uuid.uuid4().hex}"
        try:
            first = self._bucket.put_if(probe, b"probe", None)
            again = self._bucket.put_if(probe, b"again", None)
            self._bucket.delete([probe])
            files.make_folder(self.root)
        except OSError as error:
            raise StoreError(f"cannot write to the store: {error}. Give another with --store") from error
        if not first or again:
            raise StoreError(
                f"cannot write to the store {self}: the service does not heed If-None-Match, without which two drivers "
                "could hold it at once. Give another with --store"
            )
        return self

    @property
    def is_there(self) -> bool:
        """Whether there is any object."""
        self._all_now()
        return bool(self._mirror.objects)

    @property
    def is_in_place(self) -> bool:
        """True: a service that does not answer is waited for by each request."""
        return True

    @property
    def has_runs(self) -> bool:
        """Whether there is any object of a run."""
        self._all_now()
        return bool(self._mirror.by_run)

    def taken_bytes(self) -> int:
        """What all objects take, checkpoints and reports among them."""
        self._all_now()
        return sum(found.size for found in self._mirror.objects.values())

    def free_bytes(self) -> int:
        """A bucket has no end."""
        return sys.maxsize

    def keep(self, folder: Path) -> None:
        """Put the files of a folder of this store into the bucket."""
        folder = folder.expanduser().resolve()
        if not folder.is_relative_to(self.root) or not folder.is_dir():
            return
        there = self._bucket.listing(f"{self._mirror.key(folder)}/")
        here = {self._mirror.key(path): path for path in folder.rglob("*") if path.is_file()}
        for key, path in here.items():
            if key not in there or there[key].etag != md5(path.read_bytes()):
                self._bucket.put(key, path.read_bytes())
        self._bucket.delete(there.keys() - here.keys())

    def own_tasks(self) -> tuple[str, ...]:
        """The tasks of one's own of all sweeps, `<name>-<definition>`, sorted."""
        return tuple(sorted({key.split("/")[1] for key in self._bucket.listing(f"{OWN_TASKS}/")}))

    def own_task(self, key: str) -> Path | None:
        """The folder of a task of one's own, brought here from the bucket; None where it is not kept."""
        if (here := super().own_task(key)) is not None:
            return here
        prefix = f"{OWN_TASKS}/{key}/"
        there = self._bucket.listing(prefix)
        if f"{prefix}{OWN_TASK_FILE}" not in there:
            return None
        with files.replacing(self.root / OWN_TASKS / key) as partial:
            for name in filter(_is_of_task, there):
                path = partial / name.removeprefix(prefix)
                path.parent.mkdir(parents=True, exist_ok=True)
                self._bucket.download(name, path)
        return super().own_task(key)

    def has_own_task(self, key: str) -> bool:
        """Whether the bucket has a task whole; what it says is written last."""
        name = f"{OWN_TASKS}/{key}/{OWN_TASK_FILE}"
        return name in self._bucket.listing(name)

    def keep_own_task(self, key: str, folder: Path) -> None:
        """Keep a copy of the folder of a task, in the bucket and here."""
        for path in sorted(folder.rglob("*"), key=lambda path: path.name == OWN_TASK_FILE):
            if path.is_file():
                self._bucket.upload(path, f"{OWN_TASKS}/{key}/{path.relative_to(folder).as_posix()}")
        super().keep_own_task(key, folder)

    @property
    def is_driven(self) -> bool:
        """Whether a driver holds the lease."""
        return self._is_held(DRIVER_LOCK)

    def beat(self, started: datetime, runs: Sequence[LiveRun] | None = None, to_go: float = 0.0) -> None:
        """Note that this process lives; the journal of its studies goes along."""
        super().beat(started, runs, to_go)
        self._keep_journal()

    @property
    def journal(self) -> Path:
        """File of Optuna's studies, here; lines that a driver of this machine has not sent any more are not lost."""
        path = self.root / JOURNAL
        here = path.read_bytes() if path.exists() else b""
        found = self._bucket.get(JOURNAL, known=md5(here))
        if found is None:
            path.unlink(missing_ok=True)
        elif not here.startswith(found.body):
            files.write(path, found.body)
        return path

    @contextmanager
    def _drive(self, on_lost: Callable[[str], object]) -> Iterator[None]:
        lease = self._lease(DRIVER_LOCK, on_lost)
        if holder := lease.acquire():
            raise StoreError(in_use(self, holder))
        self._driving = lease
        self._bucket.tell(on_lost)
        try:
            with self._holding(lease):
                yield
        finally:
            self._bucket.tell(lambda why: None)
            self._driving = None

    def _leave(self) -> None:
        """Nothing is said of a driver any more, unless the store is lost to it."""
        try:
            self._keep_journal()
            super()._leave()
        except S3Error as error:
            log.warning("cannot leave %s in order: %s", self, error)

    def _keep_journal(self) -> None:
        path = self.root / JOURNAL
        try:
            found = path.stat()
        except OSError:
            return
        state = found.st_size, found.st_mtime_ns
        if state != self._journal_kept:
            self._assure(path)
            self._bucket.put(JOURNAL, path.read_bytes())
            self._journal_kept = state

    def _note(self, name: str) -> Path:
        path = self.root / name
        try:
            if name == "plans":
                self._mirror.look_at_plans()
            else:
                self._mirror.look_at(path)
        except S3UnreachableError as error:
            self._make_do(error)
        return path

    def _rewrite(self, path: Path, content: Callable[[], str]) -> None:
        for _ in range(_TRIES):
            known = self._mirror.look_at(path)
            if self._mirror.write_if(path, content().encode(), known):
                return
        raise S3Error(f"{self}: others write {path.name} all the time")

    def _assure(self, path: Path) -> None:
        if self._driving and not path.is_relative_to(self.root / "runs"):
            self._driving.assure()


def _is_of_task(key: str) -> bool:
    """Whether an object is one of a task of one's own, what it says or rows, and no path out of its folder."""
    parts = key.split("/")
    return not {"", ".", ".."} & set(parts) and (parts[-1] == OWN_TASK_FILE or parts[-1].endswith(".parquet"))
